"""What a path says of itself: whether it is a URI, and whether it holds a key. Without pyarrow."""

from __future__ import annotations

import re

KEY_IN_URI = re.compile("[^:/]+://[^/?]*:.*@")


def is_uri(path: str) -> bool:
    """Whether a path is a URI, not a local path."""
    return "://" in path


def refuse_keys(path: str) -> None:
    """Raise `ValueError` where a URI holds a secret key, since paths are written to manifests and logs."""
    if KEY_IN_URI.match(path):  # a secret may have slashes in it
        shown = f"{path.partition('://')[0]}://…@{path.rpartition('@')[2]}"
        raise ValueError(
            f"{shown}: a path must not hold keys, since it is logged and stored: give them in the environment "
            "(for S3, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), or give the machines a role"
        )
