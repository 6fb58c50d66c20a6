"""A nightly run by Dagster: predictions and bookings as assets, a partition a day.

Try it with `dagster dev -f examples/dagster_job.py`; `jet` must be on the path. An asset that is made again
finds what is finished, so retries repeat nothing. What jet counts is the metadata of the asset.
"""

import json
import subprocess

import dagster as dg

DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01")
RETRIES = dg.RetryPolicy(max_retries=2, delay=600)

PREDICT = """jet predict --ledgers /data/new/{day} --model /data/model --output /data/predicted/{day}
    --table /data/predictions --table.night {day}"""
EXPORT = """jet export --predictions /data/predicted/{day} --ledgers /data/new/{day} --format sie
    --output /data/bookings/{day}"""


def run(command: str, day: str) -> dg.MaterializeResult:
    """Run a command of jet; its last line, on standard output, is one JSON object."""
    done = subprocess.run(command.format(day=day).split(), check=True, stdout=subprocess.PIPE, text=True)
    return dg.MaterializeResult(metadata=json.loads(done.stdout.splitlines()[-1]))


@dg.asset(partitions_def=DAYS, retry_policy=RETRIES)
def predictions(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    return run(PREDICT, context.partition_key)


@dg.asset(partitions_def=DAYS, retry_policy=RETRIES, deps=[predictions])
def bookings(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    return run(EXPORT, context.partition_key)


nightly = dg.define_asset_job("jet_nightly", selection=[predictions, bookings], partitions_def=DAYS)
defs = dg.Definitions(
    assets=[predictions, bookings],
    jobs=[nightly],
    schedules=[dg.build_schedule_from_partitioned_job(nightly, hour_of_day=3)],
)
