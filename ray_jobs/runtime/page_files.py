"""Where a page that is one HTML file may be written."""

from __future__ import annotations

from jet.artifacts.places import finished_at, folders_above
from jet.artifacts.storage import resolve


def refuse_no_page(path: str, example: str) -> None:
    """Raise `ValueError` where no page can be written: on a folder, or inside of an output that is finished.

    `example` is a file's name that the message tells.
    """
    filesystem, root = resolve(path)
    if filesystem.get_file_info(root).type.name not in ("NotFound", "File"):
        raise ValueError(f"--output {path} is a folder: name a file, such as {path.rstrip('/')}/{example}")
    for above in folders_above(path):
        if finished_at(above) is not None:
            raise ValueError(
                f"--output {path} lies inside of {above}, which is finished and never changed: name a file "
                "elsewhere"
            )
