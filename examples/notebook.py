# %% [markdown]
# # jet in a notebook
#
# Learn from books, predict new entries, follow corrections: on one machine, without Ray. Open this file
# as a notebook (VS Code, Jupytext), or run it: `python examples/notebook.py`. It writes to the folder that it
# runs in.

# %% Books to try with: two small companies, made up. Your own: jet.read("exports/*.se"), or CSV, JSONL, ledger.
from jet.demo import DemoSettings, write_demo_ledger

write_demo_ledger("books.jsonl", DemoSettings(companies=2, entries=300, open_entries=10))

# %% Read them. What could not be read is in `books.rejected`, with the reason.
import jet

books = jet.read("books.jsonl")
print(books)

# %% Learn. These settings are for a quick trial; without them it takes minutes, and is more accurate.
quick = {
    "retrieval": {"encoder": ""},
    "train": {"max_epochs": 3},
    "model": {"hidden": 32},
    "ranker": {"nets": 1},
}
model = jet.fit(books, **quick)
print(model)

# %% Predict new entries: a table of pandas, polars or Arrow, or a list of dictionaries.
company = books.entries["entity"][0].as_py()
frame = [
    {"entity": company, "date": "2025-06-02", "description": "Telia faktura", "total": 500},
    {"entity": company, "date": "2025-06-03", "description": "Hyra juni"},
]
predictions = model.predict(frame)
print(predictions.select(["entry_id", "decision", "confidence", "reason"]).to_pylist())

# %% The same as text: the lines, the confidence, and the earlier entries that serve as evidence.
print(model.explain(frame))

# %% Somebody corrects an entry. The next one with that text is booked like it; nothing is trained.
lines = [{"account": "6540", "side": "D", "amount": 500}, {"account": "1930", "side": "C", "amount": 500}]
model = model.learn([{**frame[0], "lines": lines}], reviewer="Ann")
print(model.explain([{**frame[0], "date": "2025-07-02"}]))

# %% Measure it: the newest 15 % of every company's entries, predicted without their lines.
figures = model.evaluate(books, baselines="last_same_text")
print(figures.select(["method", "entity", "entries", "entry_exact_match", "automated"]).to_pylist())

# %% Keep it. `jet predict --model model` reads it too.
model.save("model")
print(jet.load("model"))
