// Lines of an entry: whether they can be booked, and how they are shown.

/** Why lines can't be accepted, as a label and its values; null where they can. */
function faultOf(lines) {
  if (!lines.length) return ["noLines"];
  if (lines.some((line) => line.account === null)) return ["noAccount"];
  const without = lines.find((line) => line.amount === null);
  if (without) return ["noAmount", { account: accountName(without.account) }];
  const [debit, credit] = ["D", "C"].map((side) => sumOf(lines, side));
  if (!lines.some((line) => line.side === "D")) return ["noDebit"];
  if (!lines.some((line) => line.side === "C")) return ["noCredit"];
  if (debit === credit) return null;
  const difference = debit > credit ? debit - credit : credit - debit;
  const values = { debit: shown(debit, marks), credit: shown(credit, marks), difference: shown(difference, marks) };
  return ["unbalanced", values];
}

function sumOf(lines, side) {
  return lines.reduce((sum, line) => (line.side === side ? sum + (line.amount ?? 0n) : sum), 0n);
}

/** Give the only line without an amount what is missing to balance the others. */
function balanced(lines) {
  const missing = lines.filter((line) => line.amount === null);
  if (missing.length !== 1) return lines;
  const more = sumOf(lines, "D") - sumOf(lines, "C");
  const rest = missing[0].side === "C" ? more : -more;
  return rest > 0n ? lines.map((line) => (line.amount === null ? { ...line, amount: rest } : line)) : lines;
}

/** The lines that an entry has now: decided, being edited, or jet's answer. */
function linesNow(index) {
  const decision = decisions.get(index);
  return decision?.lines.length ? decision.lines : answerOf(index);
}

const sideWord = (side) => say(side === "D" ? "debit" : "credit");
const percent = (share) => new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }).format(share);

/** Lines in one line of text. */
function brief(lines) {
  return lines.map((line) => `${say(line.side === "D" ? "debitBrief" : "creditBrief")} ${line.account === null ? "?" : accountName(line.account)}`).join(" · ");
}

/** A table of lines; `facts` of each line may have `sure` and `guess`. */
function linesTable(index, lines, facts, withAmounts = true) {
  const body = make("tbody");
  lines.forEach((line, place) => {
    const fact = facts?.[place] ?? {};
    const row = make("tr", fact.guess ? "guess" : "");
    const account = make("td", "account", make("b", "", line.account === null ? "?" : accountName(line.account)));
    if (fact.guess) account.append(" ", make("span", "chip warn", say("guess")));
    row.append(make("td", "side", sideWord(line.side)), account);
    if (withAmounts) row.append(make("td", "n", line.amount === null ? "?" : shown(line.amount, marks, decimalsOf(index))));
    if (facts) row.append(make("td", "n quiet", fact.sure === undefined ? "" : percent(fact.sure)));
    body.append(row);
  });
  return make("table", "lines", body);
}

/** Of each line of an answer, how sure it is, and whether it is a guess; null where lines aren't the answer. */
function factsOf(index, lines) {
  const isAnswer = lines.length === E.tokens[index].length &&
    lines.every((line, place) => E.tokens[index][place] === 2 * line.account + (line.side === "C"));
  return isAnswer ? lines.map((_, place) => ({ sure: E.sure[index][place], guess: E.guess[index][place] })) : null;
}
