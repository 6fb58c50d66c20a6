// The data of the page, in columns (jet.review.data), and what is asked of them.

const DATA = JSON.parse(document.getElementById("data").textContent);
const E = DATA.entries;
const COUNT = (E.id ?? []).length;

/** The lines of a list of tokens: account * 2 + side. */
function linesOf(tokens) {
  return tokens.map((token) => ({ account: token >> 1, side: token & 1 ? "C" : "D", amount: null }));
}

/** The lines that jet answers for an entry. */
function answerOf(index) {
  const lines = linesOf(E.tokens[index]);
  lines.forEach((line, place) => {
    const amount = E.amounts[index][place];
    if (amount !== null) line.amount = exactly(amount);
  });
  return lines;
}

function totalOf(index) {
  return E.total[index] === null ? null : exactly(E.total[index]);
}

function decimalsOf(index) {
  return DATA.decimals[E.currency[index]];
}

function currencyOf(index) {
  return DATA.currencies[E.currency[index]];
}

/** What names an entry in every page of these predictions. */
function keyOf(index) {
  return `${DATA.companies[E.company[index]]}\u001f${E.id[index]}`;
}

/** An account's code with its name, unless the code ends with it. */
function accountName(account) {
  const code = DATA.accounts.code[account], name = DATA.accounts.name[account];
  return name && !code.endsWith(name) ? `${code} ${name}` : code;
}

/**
 * Other lines for an entry, with the amounts that follow from its answer and its total.
 *
 * A line that the answer has too keeps its amount. What then is missing on a side is the rest of the total
 * where it is one line; where the sides have as many lines as the answer's, amounts are those of the same place.
 */
function filled(index, lines) {
  const answer = answerOf(index), total = totalOf(index);
  const made = lines.map((line) => ({ ...line, amount: null }));
  for (const side of "DC") {
    const own = made.filter((line) => line.side === side);
    const known = answer.filter((line) => line.side === side);
    const left = [...known];
    for (const line of own) {
      const place = left.findIndex((each) => each.account === line.account);
      if (place >= 0) line.amount = left.splice(place, 1)[0].amount;
    }
    const missing = own.filter((line) => line.amount === null);
    if (missing.length === 1 && total !== null) {
      const rest = total - own.reduce((sum, line) => sum + (line.amount ?? 0n), 0n);
      if (rest > 0n) missing[0].amount = rest;
    } else if (missing.length > 1 && missing.length === left.length) {
      missing.forEach((line, place) => { line.amount = left[place].amount; });
    }
    if (total !== null && own.every((line) => line.amount !== null)) {
      const sum = own.reduce((all, line) => all + line.amount, 0n);
      if (own.length === 1) own[0].amount = total;
      else if (sum !== total) for (const line of own) line.amount = null;
    }
  }
  return made;
}

/** Lines of another entry for this one: each has the same share of the total; the largest of a side has the rest. */
function scaled(index, lines) {
  const total = totalOf(index);
  const places = 10n ** BigInt(PLACES - Math.min(decimalsOf(index), PLACES));
  const made = lines.map((line) => ({ ...line, amount: null }));
  if (total === null) return made;
  for (const side of "DC") {
    const whole = sumOf(lines, side);
    let rest = total, largest = -1;
    lines.forEach((line, place) => {
      if (line.side !== side) return;
      made[place].amount = ((line.amount * total) / whole / places) * places;
      rest -= made[place].amount;
      if (largest < 0 || line.amount > lines[largest].amount) largest = place;
    });
    if (largest >= 0) made[largest].amount += rest;
  }
  return made.every((line) => line.amount > 0n) ? made : lines.map((line) => ({ ...line, amount: null }));
}

const BY_ID = new Map();
for (let index = 0; index < COUNT; index += 1) BY_ID.set(keyOf(index), index);
