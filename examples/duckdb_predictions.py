"""Read predictions with DuckDB: `python examples/duckdb_predictions.py FOLDER`, of what `jet predict` wrote.

Needs `pip install duckdb`. The files are plain parquet, so every other tool that reads it will do.
"""

import sys
from pathlib import Path

import duckdb

predictions = duckdb.read_parquet(str(Path(sys.argv[1]) / "data/*.parquet"))

print("How much is decided:")
print(duckdb.sql("SELECT decision, count(*) AS entries FROM predictions GROUP BY decision ORDER BY decision"))

print("All of it, from the least to the most sure; amounts have a confidence of their own:")
duckdb.sql("""
    SELECT entry_id, decision, round(confidence, 2) AS sure, round(amount_confidence, 2) AS amounts,
           [line.side || ' ' || line.account for line in lines] AS lines, reason
    FROM predictions ORDER BY confidence, entity, entry_id
""").show(max_width=200, max_rows=40)

print("What would be booked automatically on each account:")
duckdb.sql("""
    SELECT line.account AS account, any_value(line.name) AS name,
           coalesce(sum(line.amount) FILTER (line.side = 'D'), 0) AS debits,
           coalesce(sum(line.amount) FILTER (line.side = 'C'), 0) AS credits
    FROM (SELECT unnest(lines) AS line FROM predictions WHERE decision = 'auto')
    GROUP BY account ORDER BY account
""").show(max_width=200, max_rows=40)
