// Begins: recalls what was decided, fills the menus, and shows the first entry.

const OPTIONS = { show: Object.keys(SHOWS), order: Object.keys(ORDERS), grouping: Object.keys(GROUPINGS) };

/** Options of a menu, [value, text] each, with the one of `value` chosen. */
function fillMenu(name, options, value) {
  const select = document.getElementById(name);
  select.replaceChildren(...options.map(([each, text]) => new Option(text, each, false, each === value)));
}

function fillMenus() {
  for (const [name, values] of Object.entries(OPTIONS)) fillMenu(name, values.map((each) => [each, say(`${name}_${each}`)]), settings[name]);
  const companies = DATA.companies.map((company, place) => [String(place), company]);
  fillMenu("company", [["all", say("allCompanies")], ...companies], settings.company);
  document.getElementById("company").hidden = companies.length < 2;
  fillMenu("language", LANGUAGES.map((each) => [each, LABELS[each].languageName]), language);
}

function showProgress() {
  const counts = { accepted: 0, refused: 0, later: 0 };
  let audited = 0, right = 0;
  for (const [index, decision] of decisions) {
    if (decision.status in counts) counts[decision.status] += 1;
    if (E.audit[index] && ["accepted", "refused"].includes(decision.status)) {
      audited += 1;
      right += decision.status === "accepted" && answerKey(decision.lines) === answers[index];
    }
  }
  const done = counts.accepted + counts.refused;
  const parts = [say("progress", { done, all: COUNT })];
  if (counts.later) parts.push(say("progressLater", { n: counts.later }));
  if (audited) parts.push(say("progressAudit", { right, n: audited }));
  document.getElementById("progress").textContent = parts.join(" · ");
}

for (const name of ["show", "order", "grouping", "company"]) {
  document.getElementById(name).addEventListener("change", (event) => {
    settings[name] = event.target.value;
    stopEditing();
    arrange();
    LIST.scrollTop = 0;
    moveTo(0);
  });
}
document.getElementById("find").addEventListener("input", (event) => {
  settings.find = event.target.value;
  editing = null;
  refresh();
  LIST.scrollTop = 0;
  moveTo(0);
});
document.getElementById("language").addEventListener("change", (event) => {
  speak(event.target.value);
  store("language", language);
  fillMenus();
  showProgress();
  moveTo(cursor);
});
REVIEWER.addEventListener("change", () => store("reviewer", REVIEWER.value.trim()));
window.addEventListener("resize", () => paint());
window.addEventListener("storage", (event) => {
  if (event.key?.startsWith(PREFIX)) { recall(); showProgress(); refresh(); moveTo(cursor); tell(say("otherTab"), true); }
});

// Paper gets every entry of the list, not only the rows on screen.
window.addEventListener("beforeprint", () => {
  const body = make("tbody");
  for (const { index } of rows.filter((row) => row.index !== undefined)) {
    const lines = linesNow(index);
    const text = lines.map((line) => `${sideWord(line.side)} ${line.account === null ? "?" : accountName(line.account)} ${line.amount === null ? "" : shown(line.amount, marks, decimalsOf(index))}`);
    const cell = make("td");
    for (const each of text) cell.append(make("div", "", each));
    body.append(make("tr", "", make("td", "nowrap", E.date[index]), make("td", "", E.text[index]), make("td", "n", amountText(index)), cell, make("td", "", markOf(index))));
  }
  document.getElementById("print").replaceChildren(make("table", "", body));
});
window.addEventListener("afterprint", () => document.getElementById("print").replaceChildren());

recall();
REVIEWER.value = stored("reviewer") || DATA.reviewer;
speak(stored("language") ?? language);
fillMenus();
listeners.push(showProgress);
showProgress();
arrange();
moveTo(0);
LIST.focus({ preventScroll: true });
if (!kept) tell(say("notKept"), true);
if (DATA.served) {
  fetch("saved").then(async (answer) => {
    if (answer.status === 200 && !decisions.size) openSession(await answer.text());
    listeners.push(saveToServer);
  }).catch((error) => tell(say("notSaved", { why: error.message }), true));
}
