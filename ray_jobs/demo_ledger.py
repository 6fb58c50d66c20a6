"""`jet demo-ledger`: the books of made-up companies, from a seed, as JSONL."""

from __future__ import annotations

import sys
from typing import Any

import jsonargparse

from jet.artifacts.artifact import refuse_foreign
from jet.artifacts.storage import kept_in
from jet.artifacts.uris import is_uri
from jet.demo import DemoSettings, write_demo_ledger
from ray_jobs.options import demo_ledger as options
from ray_jobs.runtime.command import main
from ray_jobs.runtime.settings import JobConfig


def run(args: jsonargparse.Namespace, _config: JobConfig) -> dict[str, Any]:
    """Write the ledger."""
    names = DemoSettings.__dataclass_fields__
    settings = DemoSettings(**{name: args[name] for name in names})
    if not is_uri(args.output):
        return {"output": args.output, **write_demo_ledger(args.output, settings)}
    refuse_foreign(args.output)
    folder, name = args.output.rstrip("/"), ""
    if folder.endswith(".jsonl"):
        folder, _, name = folder.rpartition("/")
    with kept_in(folder) as local:
        made = write_demo_ledger(f"{local}/{name}", settings)
    return {"output": args.output, **made, "path": args.output}


if __name__ == "__main__":
    sys.exit(main("demo-ledger", options, run))
