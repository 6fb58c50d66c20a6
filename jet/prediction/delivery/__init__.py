"""Delivers finished predictions to a table that others read, each night exactly once.

An artifact of predictions is one folder a night, which only jet reads through its manifest. Others want one
table that grows: `jet predict ... --output DIR --table URI` still publishes the artifact, and then adds its
rows to the table at URI. The table is an addition to the output and takes no place of it, since the output is
what a killed run goes on from, and what a second run compares itself with: by the time a row reaches the
table, all rows of its night are settled, checked and counted.

`--table` is another name of `--table.uri`: where and how are settings, `table.uri`, `.format`, `.partition`
and `.night`, so that a config can hold them for every night, and a command line needs one option.
"""

from jet.prediction.delivery.delivering import Delivered, deliver, refuse_table
from jet.prediction.settings import TableSettings

__all__ = ["Delivered", "TableSettings", "deliver", "refuse_table"]
