// Fuzzy search in a company's chart of accounts.

const CHART_SHOWN = 8;
const folded = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
const charts = new Map();

/** How often the answers use each account: what is common comes first. */
const used = new Map();
for (const tokens of E.tokens ?? []) {
  for (const token of tokens) used.set(token >> 1, (used.get(token >> 1) ?? 0) + 1);
}

/** The accounts of a company, with the words to search in. */
function chartOf(company) {
  if (!charts.has(company)) {
    const found = [];
    DATA.accounts.company.forEach((owner, account) => {
      if (owner !== company) return;
      const text = folded(accountName(account));
      const often = Math.log2(1 + (used.get(account) ?? 0));
      found.push({ account, text, words: text.split(/[\s:./,()&-]+/), often });
    });
    charts.set(company, found);
  }
  return charts.get(company);
}

/** The accounts that fit what is typed, best first: every word must fit. */
function accountsLike(company, typed) {
  const words = folded(typed).split(/\s+/).filter(Boolean);
  const found = [];
  for (const each of chartOf(company)) {
    let points = each.often;
    for (const word of words) {
      const fit = fitting(each, word);
      if (!fit) { points = -1; break; }
      points += fit;
    }
    if (points >= 0) found.push([points, each.account]);
  }
  found.sort((one, other) => other[0] - one[0] || one[1] - other[1]);
  return found.slice(0, CHART_SHOWN).map((each) => each[1]);
}

/** How well a word fits an account; 0: not at all. */
function fitting(account, word) {
  if (account.text === word) return 200;
  if (account.text.startsWith(word)) return 100;
  if (account.words.some((each) => each.startsWith(word))) return 60;
  if (account.text.includes(word)) return 40;
  let place = 0;
  for (const letter of word) {
    place = account.text.indexOf(letter, place) + 1;
    if (!place) return 0;
  }
  return word.length > 1 ? 5 : 0;
}
