#!/usr/bin/env bash
# openpyxl's read-only mode leaves out rows and cells that aren't in their order, without a word.
#
# openpyxl 3.1.5. A sheet with the rows 1, 3, 2 and 4 has an empty row 2 when it is read with read_only=True, and of a
# row that has B1 before A1 only A1 is left. Without read_only all of them are there. Excel writes rows in order;
# programs that write XML by themselves needn't. So: look at the order first, or read the workbook as a whole.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

same() { # what, as found, now
    if [ "$2" != "$3" ]; then printf "CHANGED: %s\n as found: %s\n now: %s\n" "$1" "$2" "$3" >&2; exit 1; fi
    printf "as found: %s: %s\n" "$1" "$3"
}

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check openpyxl==3.1.5
cat > read.py <<'EOF'
import io
import sys
import zipfile

import openpyxl

book = io.BytesIO()
openpyxl.Workbook().save(book)
sheet = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
for row in sys.argv[2].split("/"):
    cells = "".join(f'<c r="{cell}"><v>{number}</v></c>' for number, cell in enumerate(row.split(","), 1))
    sheet += f'<row r="{row.split(",")[0][1:]}">{cells}</row>'
changed = io.BytesIO()
with zipfile.ZipFile(book) as old, zipfile.ZipFile(changed, "w") as new:
    for name in old.namelist():
        new.writestr(name, sheet + "</sheetData></worksheet>" if "sheet1" in name else old.read(name))
active = openpyxl.load_workbook(changed, read_only=sys.argv[1] == "read_only").active
if sys.argv[1] == "read_only":
    active.reset_dimensions()
print(*(cell.coordinate for row in active.iter_rows() for cell in row if cell.value is not None))
EOF

same "rows 1, 3, 2, 4, read only" "A1 A3 A4" "$(venv/bin/python read.py read_only A1/A3/A2/A4)"
same "rows 1, 3, 2, 4, as a whole" "A1 A2 A3 A4" "$(venv/bin/python read.py whole A1/A3/A2/A4)"
same "cells B1, A1, read only" "A1" "$(venv/bin/python read.py read_only B1,A1)"
same "cells B1, A1, as a whole" "A1 B1" "$(venv/bin/python read.py whole B1,A1)"
