#!/usr/bin/env bash
# pyarrow's FileSelector(allow_not_found=True) raises FileNotFoundError where another process makes the folder at
# that moment; and a recursive list of a folder that is there fails when one inside of it is removed meanwhile.
#
# pyarrow 26.0.1. Arrow lists first, and asks only after a failure whether the folder is there; if it is by then,
# the failure is reported after all. So "list it, it may be missing" fails now and then where two jobs begin to
# write one table. Python's os.walk passes over what is gone. Listing again is
# enough. The rates depend on the machine, that there are such failures doesn't.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

same() { # what, as found, now
    if [ "$2" != "$3" ]; then printf "CHANGED: %s\n as found: %s\n now: %s\n" "$1" "$2" "$3" >&2; exit 1; fi
    printf "as found: %s: %s\n" "$1" "$3"
}

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check pyarrow==26.0.1
cat > race.py <<'EOF'
import os
import threading
import time

from pyarrow import fs

os.mkdir("table")
done = threading.Event()


def churn():
    while not done.is_set():
        os.mkdir("table/day")
        os.rmdir("table/day")


def fails(look):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            look()
        except FileNotFoundError:
            return True
    return False


local = fs.LocalFileSystem()
other = threading.Thread(target=churn)
other.start()
missing = fails(lambda: local.get_file_info(fs.FileSelector("table/day", allow_not_found=True)))
inside = fails(lambda: local.get_file_info(fs.FileSelector("table", recursive=True)))
walked = fails(lambda: list(os.walk("table")))
done.set()
other.join()
print(f"may be missing: {missing}; one inside goes: {inside}; os.walk: {walked}")
EOF
same "FileNotFoundError" "may be missing: True; one inside goes: True; os.walk: False" "$(venv/bin/python race.py)"
