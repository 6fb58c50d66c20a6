// The current entry: as it came, what jet answers and why, and what else it could be.

const DETAIL = document.getElementById("detail");

function showDetail() {
  const row = currentRow();
  if (!row) {
    const done = COUNT && [...Array(COUNT).keys()].every((index) => !isOpen(index));
    DETAIL.replaceChildren(make("p", "empty", say(done ? "allDone" : "nothingHere")));
    return;
  }
  const index = row.index ?? row.group[0];
  const parts = [heading(index, row), asItCame(index, row), answerPart(index, row)];
  if (!editing) parts.push(alternativesPart(index, !row.group), evidencePart(index));
  DETAIL.replaceChildren(...parts.filter(Boolean));
  DETAIL.scrollTop = 0;
}

function heading(index, row) {
  const chips = make("p", "chips");
  const status = statusOf(index);
  if (row.group) chips.append(make("span", "chip", say("groupOf", { n: row.group.length })));
  else if (status !== "open") chips.append(make("span", `chip ${status === "accepted" ? "good" : "plain"}`, say(status)));
  if (E.audit[index] && !row.group) chips.append(make("span", "chip", say("auditChip")));
  if (!E.tokens[index].length) chips.append(make("span", "chip bad", say("noAnswer")));
  else chips.append(make("span", `chip ${E.confidence[index] >= 0.8 ? "plain" : "warn"}`, say("sure", { share: sureOf(row.group ?? [index]) })));
  return make("header", "", chips, make("h2", "", E.text[index] || say("noText")));
}

/** The confidence of entries: one share, or from the least to the most. */
function sureOf(entries) {
  const shares = entries.map((index) => E.confidence[index]);
  const [least, most] = [Math.min(...shares), Math.max(...shares)].map(percent);
  return least === most ? least : `${least} – ${most}`;
}

/** The entry as it came; of a group, what its entries share. */
function asItCame(index, row) {
  const facts = make("dl", "came");
  const add = (label, value) => value && facts.append(make("div", "", make("dt", "", say(label)), make("dd", "", value)));
  if (DATA.companies.length > 1) add("company", DATA.companies[E.company[index]]);
  if (row.group) {
    const dates = row.group.map((each) => E.date[each]).sort();
    add("date", dates[0] === dates.at(-1) ? dates[0] : `${dates[0]} – ${dates.at(-1)}`);
    return make("div", "", facts, make("p", "quiet small", say("groupHint")));
  }
  add("date", E.date[index]);
  add("total", amountText(index));
  add("direction", E.direction[index] && say(E.direction[index] === "in" ? "moneyIn" : "moneyOut"));
  add("journal", E.journal[index]);
  add("id", E.id[index]);
  add("source", say("sourceLine", { file: DATA.files[E.file[index]], line: E.fileLine[index] }));
  return facts;
}

function answerPart(index, row) {
  const part = make("section", "answer card");
  if (editing?.index === index) {
    part.append(editor());
    return part;
  }
  const lines = linesNow(index);
  if (lines.length) part.append(linesTable(index, lines, factsOf(index, lines), !row.group));
  else part.append(make("p", "quiet", say("noAnswer")));
  const fault = faultOf(lines);
  if (!row.group && lines.length) {
    const text = fault ? say(...fault) : say("balances", { sum: shown(sumOf(lines, "D"), marks, decimalsOf(index)) });
    part.append(make("p", fault ? "fault" : "balance quiet", text));
    const total = totalOf(index);
    if (!fault && total !== null && sumOf(lines, "D") !== total) part.append(make("p", "fault", say("otherTotal", { total: amountText(index) })));
  }
  part.append(make("p", "reason", DATA.reasons[E.reason[index]]));
  const sure = E.amountConfidence[index];
  if (sure !== null && sure < 0.95 && !row.group) part.append(make("p", "quiet small", say("amountsSure", { share: percent(sure) })));
  part.append(make(
    "p", "buttons",
    button("accept", say(row.group ? "acceptGroup" : "accept"), "Enter"),
    button("edit", say("edit"), "e"), button("later", say("laterDo"), "l"), button("refuse", say("refuse"), "x"),
  ));
  part.querySelector("button").classList.add("first");
  return part;
}

/** The alternatives with their keys; 0 is how the reviewer booked such a text last. */
function choicesOf(index) {
  const found = new Map();
  const last = lastLike(index);
  if (last) found.set(0, { lines: last, says: say("likeLast") });
  E.alternatives[index].slice(0, 9).forEach((tokens, place) => {
    found.set(place + 1, { lines: filled(index, linesOf(tokens)), says: percent(E.shares[index][place] ?? 0) });
  });
  return found;
}

function alternativesPart(index, withAmounts) {
  const choices = choicesOf(index);
  if (!choices.size) return null;
  const list = make("ol", "choices");
  for (const [number, choice] of choices) {
    const take = button("take", choice.says, String(number), number);
    take.setAttribute("aria-label", `${say("take")} ${number}: ${brief(choice.lines)}`);
    list.append(make("li", "", take, linesTable(index, choice.lines, null, withAmounts)));
  }
  return make("section", "", make("h3", "", say("alternatives")), list);
}

function evidencePart(index) {
  const flat = E.evidence[index];
  if (!flat.length) return null;
  const body = make("tbody");
  for (let place = 0; place < flat.length; place += 2) {
    const past = flat[place], flags = flat[place + 1];
    const same = Boolean(flags & 2);
    const company = DATA.past.company[past] === E.company[index] ? "" : ` ${DATA.companies[DATA.past.company[past]]}`;
    body.append(make(
      "tr", same ? "hit" : "miss", make("td", "nowrap", DATA.past.date[past]), make("td", "account", DATA.past.id[past] + company),
      make("td", "quiet", say(flags & 1 ? "sameText" : "similarText")), make("td", same ? "" : "quiet", say(same ? "sameLines" : "otherLines")),
    ));
  }
  return make("section", "", make("h3", "", say("evidence")), make("table", "lines past", body));
}
