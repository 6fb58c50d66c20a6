"""A nightly run by Apache Airflow 3: predict what came in, add it to a table, write bookings.

Put it into Airflow's folder of DAGs; `jet` must be on the path of the workers. A task that is run again finds
what is finished, so retries repeat nothing. Status 2 is something that a person must mend (`docs/jobs.md`).
"""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

PREDICT = """jet predict --ledgers /data/new/{{ ds }} --model /data/model --output /data/predicted/{{ ds }}
    --table /data/predictions --table.night {{ ds }}"""
EXPORT = """jet export --predictions /data/predicted/{{ ds }} --ledgers /data/new/{{ ds }} --format sie
    --output /data/bookings/{{ ds }}"""


def command(text: str) -> str:
    """The command in one line."""
    return " ".join(text.split())


with DAG(
    "jet_nightly",
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
) as dag:
    predict = BashOperator(task_id="predict", bash_command=command(PREDICT))
    export = BashOperator(task_id="export", bash_command=command(EXPORT))
    predict >> export
