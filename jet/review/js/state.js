// What the reviewer decided, kept in the browser as it is made, and undone step by step.
//
// A decision is {status, lines, how, by, at}. Each lies under a key of its own in the local storage, and so does each
// step that can be undone: a decision costs the same with ten entries and with ten thousand.

const STATUSES = ["accepted", "later", "refused", "draft"];
const PREFIX = `jet-review:${DATA.fingerprint}:`;
const decisions = new Map();
let undos = 0;
let kept = true;

const statusOf = (index) => decisions.get(index)?.status ?? "open";
const isOpen = (index) => ["open", "draft"].includes(statusOf(index));

function stored(name) {
  try { return localStorage.getItem(PREFIX + name); } catch { return null; }
}

function store(name, value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    kept = false;
  }
}

/** A decision as JSON holds it: accounts by code, amounts as text. */
function written(decision) {
  if (!decision) return null;
  const lines = decision.lines.map((line) => [
    line.account === null ? null : DATA.accounts.code[line.account], line.side, line.amount === null ? null : plainly(line.amount),
  ]);
  return { ...decision, lines };
}

/** The decision on an entry that JSON says; null where it says none that can be. */
function readDecision(index, said) {
  if (!said || !STATUSES.includes(said.status) || !Array.isArray(said.lines)) return null;
  const chart = chartOf(E.company[index]);
  const lines = [];
  for (const line of said.lines) {
    if (!Array.isArray(line) || !["D", "C"].includes(line[1])) return null;
    const account = line[0] === null ? null : chart.find((each) => DATA.accounts.code[each.account] === line[0])?.account;
    const isAmount = line[2] === null || (typeof line[2] === "string" && /^\d{1,18}\.\d{1,8}$/.test(line[2]));
    if (account === undefined || !isAmount) return null;
    lines.push({ account, side: line[1], amount: line[2] === null ? null : exactly(line[2]) });
  }
  const made = { status: said.status, lines, how: String(said.how ?? ""), by: String(said.by ?? ""), at: String(said.at ?? "") };
  return made.status === "accepted" && faultOf(lines) ? { ...made, status: "draft" } : made;
}

function put(index, decision) {
  if (decision) decisions.set(index, decision);
  else decisions.delete(index);
  store(`entry:${keyOf(index)}`, decision ? JSON.stringify(written(decision)) : null);
}

/** Make decisions, [index, decision] each, as one step that can be undone. */
function decide(changes) {
  const before = changes.map(([index]) => [keyOf(index), written(decisions.get(index))]);
  store(`undo:${undos}`, JSON.stringify(before));
  steps.push(before);
  undos += 1;
  store("undos", String(undos));
  for (const [index, decision] of changes) put(index, decision);
  changed();
}

/** Keep lines that are being edited; they are no decision, and no step. */
function keepDraft(index, lines) {
  put(index, { status: "draft", lines, how: "edited", by: "", at: "" });
  changed();
}

const steps = [];

/** Take the last step back; returns its entries, or null where there is none. */
function undo() {
  if (!steps.length) return null;
  const before = steps.pop();
  undos -= 1;
  store(`undo:${undos}`, null);
  store("undos", String(undos));
  const entries = [];
  for (const [name, said] of before) {
    const index = BY_ID.get(name);
    if (index === undefined) continue;
    put(index, said && readDecision(index, said));
    entries.push(index);
  }
  changed();
  return entries;
}

/** Read what an earlier tab kept, or another one keeps. */
function recall() {
  decisions.clear();
  steps.length = 0;
  for (let index = 0; index < COUNT; index += 1) {
    const said = parsed(stored(`entry:${keyOf(index)}`));
    const decision = said && readDecision(index, said);
    if (decision) decisions.set(index, decision);
  }
  undos = Number(stored("undos")) || 0;
  for (let step = 0; step < undos; step += 1) steps.push(parsed(stored(`undo:${step}`)) ?? []);
}

function parsed(text) {
  try { return text && JSON.parse(text); } catch { return null; }
}

/** Called after every change; main.js says by whom. */
const listeners = [];
function changed() {
  for (const each of listeners) each();
}
