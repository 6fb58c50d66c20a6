"""A PostgreSQL for the tests, and books in the tables of each kind of database."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import duckdb
import pytest
from adbc_driver_postgresql import dbapi

TABLES = """
CREATE TABLE journal_entry (id INTEGER PRIMARY KEY, business_id TEXT, date DATE, description TEXT,
    currency TEXT, entry_type TEXT, total NUMERIC(28, 8));
CREATE TABLE entry_line (id INTEGER, entry_id INTEGER, account TEXT, side TEXT, amount NUMERIC(28, 8),
    text TEXT);
CREATE TABLE ledger_account (business_id TEXT, code TEXT, name TEXT, parent TEXT, nature TEXT)
"""
NAMES = ("journal_entry", "entry_line", "ledger_account")


def _programs():
    """The folder of PostgreSQL's programs; None where there is none."""
    found = shutil.which("pg_ctl")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((folder for folder in reversed(folders) if (folder / "initdb").exists()), None)


@contextlib.contextmanager
def server():
    """The folder of the socket of a PostgreSQL that was started for this: it asks for the password `hush`."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL isn't installed (Debian's package postgresql)")
    who = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="jet-pg-"))
    try:
        if who:
            shutil.chown(folder, "postgres")
        password = folder / "password"
        password.write_text("hush\n")
        password.chmod(0o644)

        def run(*command):
            with (folder.parent / f"{folder.name}.log").open("ab") as log:
                subprocess.run(command, check=True, stdout=log, stderr=log, cwd=folder, **who)

        data = folder / "data"
        scram = ("-A", "scram-sha-256", "--pwfile", password)
        run(programs / "initdb", "-D", data, "-U", "keeper", "-E", "UTF8", "--no-sync", *scram)
        options = f"-c listen_addresses='' -c fsync=off -k {folder}"
        run(programs / "pg_ctl", "-D", data, "-o", options, "-w", "-t", "120", "start")
        try:
            yield folder
        finally:
            run(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        (folder.parent / f"{folder.name}.log").unlink(missing_ok=True)


def url(folder):
    return f"postgresql://keeper@/postgres?host={folder}"


def run_sql(place, *statements):
    """Run statements in the database at `place`."""
    if str(place).startswith("postgresql:"):
        with dbapi.connect(str(place), autocommit=True) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        return
    kind = duckdb if str(place).endswith(".duckdb") else sqlite3
    with contextlib.closing(kind.connect(str(place))) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def _literal(value):
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


def write(place, entries, lines, accounts=()):
    """Write books into new tables of a database."""
    statements = TABLES.strip().split(";")
    if str(place).startswith("postgresql:"):
        statements = [*(f"DROP TABLE IF EXISTS {name} CASCADE" for name in NAMES), *statements]
    for name, rows in zip(NAMES, (entries, lines, accounts), strict=True):
        statements += [f"INSERT INTO {name} VALUES {', '.join(map(_row, rows))}"] if rows else []
    run_sql(place, *statements)


def _row(values):
    return f"({', '.join(map(_literal, values))})"
