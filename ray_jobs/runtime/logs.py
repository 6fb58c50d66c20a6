"""What jobs log: lines for people, or one JSON object a line for a log store (`runtime.log_format: json`).

The keys are those of Ray's own JSON lines, so that what a driver says and what its actors and tasks say, whose
lines Ray formats (`ray.LoggingConfig`), can be searched together. A line that is about an entity or a block
says so in fields of its own: `log.info(…, extra=about(entity=…, block=…))`. With lines for people, what actors
tell at the level INFO goes nowhere.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Any

from ray_jobs.runtime.ray_quirks.environment import submission_id
from ray_jobs.runtime.settings import LogFormat
from ray_jobs.runtime.terminal import PrintableFormatter, printable

if TYPE_CHECKING:
    import ray

log = logging.getLogger("jet")

FIELDS = ("job", "stage", "entity", "block")
"""What a line can be about."""
PROGRESS = ("done", "total")
"""What a line about progress has too, as numbers."""
LOGGERS_OF_THEIR_OWN = ("ray", "ray.data")
"""Those that write to standard error themselves, and perhaps to a file of Ray's."""


def about(
    *, job: str | None = None, stage: str | None = None, entity: str | None = None, block: str | None = None
) -> dict[str, str]:
    """Fields for the `extra` of a log line; actors say the `job` too, which the driver's lines have anyway."""
    fields = {"job": job, "stage": stage, "entity": entity, "block": block}
    return {name: value for name, value in fields.items() if value is not None}


class JsonLines(logging.Formatter):
    """A log record as one line of JSON, with Ray's keys, the job's name and what the line is `about`."""

    def __init__(self, job: str) -> None:
        super().__init__()
        self.job = job

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "asctime": self.formatTime(record),
            "levelname": record.levelname,
            "message": record.getMessage(),
            "name": record.name,
            "timestamp_ns": int(record.created * 1e9),
            "process": record.process,
            "job": self.job,
            **_ids(),
        }
        line |= {name: value for name, value in record.__dict__.items() if name in (*FIELDS, *PROGRESS)}
        if record.exc_info:
            line["exc_text"] = self.formatException(record.exc_info)
        return printable(json.dumps(line, ensure_ascii=False))


def _ids() -> dict[str, str]:
    """Ray's names for this job: of the driver, and of the submission where it was submitted."""
    ids = {}
    if submission := submission_id():
        ids["submission_id"] = submission
    ray = sys.modules.get("ray")  # a slip is told before Ray is imported
    if ray is not None and ray.is_initialized():
        ids["job_id"] = ray.get_runtime_context().get_job_id()
    return ids


_quiet = False
_form: LogFormat = "text"


def is_quiet() -> bool:
    """Whether nothing but warnings and errors is wanted."""
    return _quiet


def shows_bars() -> bool:
    """Whether progress is shown as bars: lines would be for people, and somebody watches."""
    return _form == "text" and not _quiet and sys.stderr.isatty()


class AboveBars(logging.StreamHandler):
    """Writes lines above the bars that a terminal shows."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        from tqdm import tqdm  # a help needs none

        tqdm.write(self.format(record), file=self.stream)


def set_up(job: str, form: LogFormat, quiet: bool | None = None) -> None:
    """Log to standard error; `quiet`: only warnings and errors. Ray adds handlers when it is connected to: call
    this once more after that."""
    global _quiet, _form
    _quiet, _form = _quiet if quiet is None else quiet, form
    log.setLevel(logging.WARNING if _quiet else logging.NOTSET)
    if form == "json":
        logging.getLogger().handlers = [logging.StreamHandler(sys.stderr)]
        logging.getLogger().setLevel(logging.INFO)
        for name in (None, *LOGGERS_OF_THEIR_OWN):
            for handler in logging.getLogger(name).handlers:
                if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                    handler.setFormatter(JsonLines(job))
        logging.getLogger("ray").setLevel(
            logging.WARNING
        )  # as with lines for people; Ray's set-up made it INFO
        logging.captureWarnings(True)
    else:
        handler = AboveBars(sys.stderr) if shows_bars() else logging.StreamHandler(sys.stderr)
        handler.setFormatter(PrintableFormatter(f"%(asctime)s jet {job}: %(message)s", "%H:%M:%S"))
        logging.basicConfig(level=logging.INFO, handlers=[handler])


def for_workers(form: LogFormat) -> ray.LoggingConfig | None:
    """How Ray's processes shall log; None: as they do."""
    if form == "text":
        return None
    import ray

    return ray.LoggingConfig(encoding="JSON", log_level="INFO", additional_log_standard_attrs=["name"])


def report_failure(job: str, why: str, form: LogFormat) -> None:
    """Say on standard error why a job ended without a result."""
    if form == "json":
        log.error(why)
    else:
        print(f"jet {job}: {printable(why)}", file=sys.stderr)


def quiet_libraries() -> None:
    """Keep libraries' chatter out of a job's output; warnings and errors stay."""
    for name in ("httpx", "urllib3", "filelock", "matplotlib", "transformers", "ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.WARNING)
