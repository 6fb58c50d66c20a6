// Which rows the list has, and in which order: groups of entries, and the entries.

const settings = { find: "", company: "all", show: "open", order: "unsure", grouping: "text" };
let groups = [];
let rows = [];

const SHOWS = {
  open: isOpen,
  later: (index) => statusOf(index) === "later",
  done: (index) => ["accepted", "refused"].includes(statusOf(index)),
  noAnswer: (index) => isOpen(index) && !E.tokens[index].length,
  guesses: (index) => isOpen(index) && E.guess[index].includes(1),
  audit: (index) => E.audit[index] === 1,
  all: () => true,
};

const ORDERS = {
  unsure: (one, other) => E.confidence[one] - E.confidence[other],
  large: (one, other) => Number(E.total[other] ?? -1) - Number(E.total[one] ?? -1),
  oldest: (one, other) => (E.date[one] < E.date[other] ? -1 : E.date[one] > E.date[other] ? 1 : 0),
};

/** Of each entry, its answer as a text that is the same for the same lines; made once. */
const answers = (E.tokens ?? []).map((tokens) => [...tokens].sort((one, other) => one - other).join(" "));

const GROUPINGS = {
  text: (index) => `${E.company[index]} ${E.group[index]} ${answers[index]}`,
  accounts: (index) => `${E.company[index]} ${answers[index]}`,
  none: (index) => index,
};

/** Deal the entries into groups, and sort both; groups come by their first entry. */
function arrange() {
  const compare = ORDERS[settings.order];
  const order = Array.from({ length: COUNT }, (_, index) => index);
  order.sort((one, other) => compare(one, other) || one - other);
  const found = new Map();
  for (const index of order) {
    const name = GROUPINGS[settings.grouping](index);
    if (!found.has(name)) found.set(name, []);
    found.get(name).push(index);
  }
  groups = [...found.values()];
  refresh();
}

/** The rows that the filters leave: a group of several has a row of its own before its entries. */
function refresh() {
  const is = SHOWS[settings.show];
  const words = folded(settings.find).split(/\s+/).filter(Boolean);
  const company = settings.company === "all" ? -1 : Number(settings.company);
  rows = [];
  for (const group of groups) {
    const left = group.filter(
      (index) => is(index) && (company < 0 || E.company[index] === company) && (!words.length || found(index, words)),
    );
    if (left.length > 1) rows.push({ group: left });
    for (const index of left) rows.push({ index, inGroup: left.length > 1 });
  }
}

const texts = new Map();

/** Whether an entry has all the words, in its text, id, date, amount or accounts. */
function found(index, words) {
  if (!texts.has(index)) {
    const names = E.tokens[index].map((token) => accountName(token >> 1)).join(" ");
    texts.set(index, folded(`${E.text[index]} ${E.id[index]} ${E.date[index]} ${E.total[index]} ${names}`));
  }
  return words.every((word) => texts.get(index).includes(word));
}

/** Of the same company and text, the lines that were accepted last, where they aren't the answer; null: none. */
function lastLike(index) {
  let last = null;
  for (const [other, decision] of decisions) {
    if (decision.status !== "accepted" || other === index || E.group[other] !== E.group[index]) continue;
    if (!last || decision.at >= last.at) last = decision;
  }
  if (!last || answerKey(last.lines) === answers[index]) return null;
  const made = filled(index, last.lines);
  return faultOf(made) ? scaled(index, last.lines) : made;
}

function answerKey(lines) {
  return lines.map((line) => 2 * line.account + (line.side === "C")).sort((one, other) => one - other).join(" ");
}
