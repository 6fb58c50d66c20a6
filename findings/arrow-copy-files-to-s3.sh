#!/usr/bin/env bash
# A store refuses an upload: pyarrow's copy_files copies nothing and says nothing, where the same bytes written by
# open_output_stream raise.
#
# pyarrow 26.0.1, against a store of thirty lines that lets an upload begin and refuses each part (403). copy_files
# never closes the stream that it writes to: it leaves that to the destructor, which prints the error to standard
# error ("Error ignored when destroying file") and drops it. A script that copies and then removes the original has
# lost it. The same happens where a small file is all in one request (allow_delayed_open=True).
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

same() { # what, as found, now
    if [ "$2" != "$3" ]; then printf "CHANGED: %s\n as found: %s\n now: %s\n" "$1" "$2" "$3" >&2; exit 1; fi
    printf "as found: %s: %s\n" "$1" "$3"
}

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check pyarrow==26.0.1
cat > copied.py <<'EOF'
import os
import sys
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from pyarrow import fs

BEGUN = b"<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
REFUSED = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"


class Store(BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        begins = self.command == "POST" and self.path.endswith("?uploads")
        content = BEGUN if begins else REFUSED
        self.send_response(200 if begins else 403)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
threading.Thread(target=server.serve_forever, daemon=True).start()
s3 = fs.S3FileSystem(
    access_key="a", secret_key="b", region="nowhere", endpoint_override=f"http://127.0.0.1:{server.server_port}"
)
Path("notes").write_bytes(b"x" * 1000)


def told(copy):
    try:
        copy()
    except OSError as error:
        return "ACCESS_DENIED" if "ACCESS_DENIED" in str(error) else str(error)
    return "no error"


def stream():
    with s3.open_output_stream("bucket/notes") as out:
        out.write(Path("notes").read_bytes())


local = fs.LocalFileSystem()
copied = partial(fs.copy_files, "notes", "bucket/notes", source_filesystem=local, destination_filesystem=s3)
print("copy_files", told(copied))
print("open_output_stream", told(stream))
sys.stdout.flush()
os._exit(0)
EOF
same "a refused upload" "copy_files no error
open_output_stream ACCESS_DENIED" "$(venv/bin/python copied.py 2> errors)"
ignored="Error ignored when destroying file"
same "on standard error" "$ignored" "$(grep -o "$ignored" errors | sort -u)"
