// What leaves the page: the reviewed entries as JSON Lines, which jet reads, and the session, which this page opens.

/** The accepted entries, one JSON object a line. */
function reviewedLines() {
  const found = [];
  for (let index = 0; index < COUNT; index += 1) {
    const decision = decisions.get(index);
    if (decision?.status !== "accepted") continue;
    const row = { entry_id: E.id[index], entity: DATA.companies[E.company[index]], date: E.date[index], description: E.text[index] };
    const more = { currency: currencyOf(index), journal: E.journal[index], direction: E.direction[index] };
    for (const [name, value] of Object.entries(more)) if (value) row[name] = value;
    row.total = plainly(sumOf(decision.lines, "D"));
    row.lines = decision.lines.map((line) => {
      const name = DATA.accounts.name[line.account];
      return { account: DATA.accounts.code[line.account], ...(name && { account_name: name }), side: line.side, amount: plainly(line.amount) };
    });
    row.reviewed_by = decision.by;
    row.reviewed_at = decision.at;
    found.push(`${JSON.stringify(row)}\n`);
  }
  return found.join("");
}

/** Everything that was decided, by company and id. */
function session() {
  const entries = {};
  for (const [index, decision] of decisions) entries[keyOf(index)] = written(decision);
  return JSON.stringify({ jet: "review session", predictions: DATA.fingerprint, reviewer: REVIEWER.value.trim(), entries });
}

/** Take over a session of these predictions, as one step that can be undone. */
function openSession(text) {
  const said = parsed(text);
  if (said?.jet !== "review session" || typeof said.entries !== "object" || said.entries === null) {
    tell(say("noSession"), true);
    return;
  }
  if (said.predictions !== DATA.fingerprint) {
    tell(say("otherSession"), true);
    return;
  }
  const changes = [];
  let left = 0;
  for (const [name, each] of Object.entries(said.entries)) {
    const index = BY_ID.get(name);
    const decision = index === undefined ? null : readDecision(index, each);
    if (decision) changes.push([index, decision]);
    else left += 1;
  }
  if (!REVIEWER.value && typeof said.reviewer === "string") REVIEWER.value = said.reviewer;
  if (changes.length) decide(changes);
  refresh();
  moveTo(0);
  tell(say("sessionOpened", { n: changes.length }) + (left ? ` ${say("sessionLeft", { n: left })}` : ""), left > 0);
}

function download(name, text, type) {
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function saveReviewed() {
  const text = reviewedLines();
  const count = text ? text.split("\n").length - 1 : 0;
  if (!count) { tell(say("nothingReviewed"), true); return; }
  download("reviewed.jsonl", text, "application/jsonl");
  tell(say("saved", { n: count }));
}

function saveSession() {
  download("review-session.json", session(), "application/json");
}

document.getElementById("session-file").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  if (file) openSession(await file.text());
  event.target.value = "";
});

// With a server (`jet review --serve`), both are saved in its folder after every change, one request at a time.
let saving = false;
let waiting = false;

async function saveToServer() {
  waiting = true;
  if (saving) return;
  saving = true;
  while (waiting) {
    waiting = false;
    try {
      const done = await fetch("saved", { method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ session: session(), reviewed: reviewedLines() }) });
      if (!done.ok) throw new Error(String(done.status));
      document.body.classList.remove("unsaved");
    } catch (error) {
      document.body.classList.add("unsaved");
      tell(say("notSaved", { why: error.message }), true);
    }
  }
  saving = false;
}
