"""What a path says of itself: whether it is a URI or a database, and whether it holds a key.

Without pyarrow.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

DATABASE_OPTIONS = frozenset(
    (
        *("application_name", "channel_binding", "connect_timeout", "dbname", "gssencmode", "host", "hostaddr"),
        *("keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "krbsrvname", "options"),
        *("passfile", "port", "require_auth", "service", "sslcert", "sslcrl", "sslkey", "sslmode"),
        *("sslrootcert", "target_session_attrs", "tcp_user_timeout", "user"),
    )
)
"""The options of a PostgreSQL URL, by libpq's names, that hold no secret."""

_SERVERS = ("postgresql://", "postgres://")
_FILES = ("duckdb:///", "sqlite:///")
KEY_IN_URI = re.compile("[^:/]+://[^/?]*:.*@")


def is_uri(path: str) -> bool:
    """Whether a path is a URI, not a local path."""
    return "://" in path


def is_database(path: str) -> bool:
    """Whether a path is the URL of a database on a server."""
    return path.lower().startswith(_SERVERS)


def without_scheme(path: str) -> str:
    """The path in a URL of a DuckDB or SQLite file; any other path as it is.

    As in SQLAlchemy, three slashes begin a relative path, and four an absolute one.
    """
    return path.partition(":///")[2] if path.startswith(_FILES) else path


def database_name(url: str) -> str:
    """The name of the database or the service in a URL; the host's where it names neither."""
    place, _, options = url.partition("://")[2].partition("?")
    host, _, name = place.partition("/")
    named = dict(parse_qsl(options))
    return name or named.get("dbname") or named.get("service") or host.rpartition("@")[2] or "database"


def refuse_keys(path: str) -> None:
    """Raise `ValueError` where a URI holds a secret key, since paths are written to manifests and logs."""
    if is_database(path):
        _refuse_password(path)
        return
    if KEY_IN_URI.match(path):  # a secret may have slashes in it
        shown = f"{path.partition('://')[0]}://…@{path.rpartition('@')[2]}"
        raise ValueError(
            f"{shown}: a path must not hold keys, since it is logged and stored: give them in the environment "
            "(for S3, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), or give the machines a role"
        )


def _refuse_password(url: str) -> None:
    """Raise `ValueError` where the URL of a database holds a password, or an option that may."""
    place, _, options = url.partition("?")
    shown = f"{place.partition('://')[0]}://…/{place.rpartition('/')[2].rpartition('@')[2]}"
    names = {name for name, _ in parse_qsl(options, keep_blank_values=True)}
    if KEY_IN_URI.match(url) or names - DATABASE_OPTIONS:
        raise ValueError(
            f"{shown}: the URL of a database must not hold passwords, nor options beyond "
            f"{', '.join(sorted(DATABASE_OPTIONS))}, since it is logged and stored: give the password in the "
            "environment (PGPASSWORD, PGPASSFILE), or in a service file (PGSERVICEFILE, with ?service=NAME)"
        )
