// Changes the lines of an entry, by the keyboard alone: a side, an account by fuzzy search, an amount.

let editing = null;

/** Begin with an entry: at the line that jet is least sure of, which is the likeliest to be wrong. */
function startEditing(index) {
  const lines = linesNow(index).map((line) => ({ ...line }));
  const sure = E.sure[index];
  let place = lines.length === sure.length ? sure.indexOf(Math.min(...sure)) : 0;
  if (!lines.length) lines.push({ account: null, side: "D", amount: totalOf(index) }, { account: null, side: "C", amount: totalOf(index) });
  if (place < 0) place = 0;
  editing = { index, lines, suggestions: [], active: 0, before: decisions.get(index) };
  showDetail();
  focusOn(place, "account");
}

/** Leave the editor; what was changed stays as a draft. */
function stopEditing() {
  if (!editing) return;
  editing = null;
  paint();
  showDetail();
  LIST.focus({ preventScroll: true });
}

/** Leave the editor, and take back what was changed in it. */
function cancelEditing() {
  if (!editing) return;
  put(editing.index, editing.before?.status === "draft" ? undefined : editing.before);
  changed();
  stopEditing();
}

function focusOn(place, field) {
  const input = DETAIL.querySelector(`[data-place="${place}"][data-field="${field}"]`);
  input?.focus();
  input?.select?.();
}

function editor() {
  const body = make("tbody");
  editing.lines.forEach((line, place) => body.append(editorRow(line, place)));
  const fault = make("p", "fault");
  fault.id = "fault";
  const part = make("div", "editor", make("table", "lines", body), fault, make(
    "p", "buttons", button("accept", say("accept"), "Ctrl Enter"), button("addLine", say("addLine"), "Alt N"), button("cancel", say("cancel"), "Esc"),
  ));
  queueMicrotask(tellFault);
  return part;
}

function field(place, name, element, label) {
  element.dataset.place = place;
  element.dataset.field = name;
  element.setAttribute("aria-label", say("lineField", { n: place + 1, field: label }));
  return element;
}

function editorRow(line, place) {
  const side = field(place, "side", make("button", "side", sideWord(line.side)), say("side"));
  side.type = "button";
  side.addEventListener("click", () => change(place, { side: line.side === "D" ? "C" : "D" }, "side"));
  const account = field(place, "account", make("input"), say("account"));
  account.value = line.account === null ? "" : accountName(line.account);
  account.placeholder = say("accountHint");
  for (const [name, value] of [["role", "combobox"], ["aria-expanded", "false"], ["aria-controls", "suggestions"], ["aria-autocomplete", "list"]]) account.setAttribute(name, value);
  account.autocomplete = "off";
  account.spellcheck = false;
  const amount = field(place, "amount", make("input", "n"), say("amount"));
  amount.value = line.amount === null ? "" : shown(line.amount, marks, decimalsOf(editing.index));
  amount.inputMode = "decimal";
  amount.autocomplete = "off";
  const drop = field(place, "drop", make("button", "drop", "×"), say("dropLine"));
  drop.type = "button";
  drop.addEventListener("click", () => dropLine(place));
  return make("tr", "", make("td", "", side), make("td", "account", account), make("td", "", amount), make("td", "", drop));
}

/** Change a line, keep the draft, and stay in a field. */
function change(place, changes, focus) {
  Object.assign(editing.lines[place], changes);
  keepDraft(editing.index, editing.lines.map((line) => ({ ...line })));
  showDetail();
  focusOn(place, focus);
}

function addLine() {
  const difference = sumOf(editing.lines, "D") - sumOf(editing.lines, "C");
  const amount = difference === 0n ? null : difference > 0n ? difference : -difference;
  editing.lines.push({ account: null, side: difference < 0n ? "D" : "C", amount });
  change(editing.lines.length - 1, {}, "account");
}

function dropLine(place) {
  editing.lines.splice(place, 1);
  if (!editing.lines.length) editing.lines.push({ account: null, side: "D", amount: null });
  change(Math.min(place, editing.lines.length - 1), {}, "account");
}

function tellFault() {
  const element = document.getElementById("fault");
  if (!element || !editing) return;
  const fault = faultOf(balanced(editing.lines));
  element.textContent = fault ? say(...fault) : say("enterAccepts");
  element.className = fault ? "fault" : "balance";
}

/** Take what stands in the fields; returns whether all of it can be: what is on screen is what is booked. */
function readFields() {
  for (const input of DETAIL.querySelectorAll("input[data-field]")) {
    const line = editing.lines[Number(input.dataset.place)];
    const isKnown = input.value.trim() === (line.account === null ? "" : accountName(line.account));
    if (input.dataset.field === "account" ? isKnown : readAmountOf(input)) continue;
    if (input.dataset.field === "account") tell(say("noSuchAccount", { typed: input.value.slice(0, 40) }), true);
    input.focus();
    return false;
  }
  return true;
}

/** Accept what is edited, or go to the field that is missing. */
function acceptEdited() {
  if (!readFields()) return null;
  const lines = balanced(editing.lines);
  const fault = faultOf(lines);
  if (!fault) return lines;
  const without = editing.lines.findIndex((line) => line.account === null);
  const amount = editing.lines.findIndex((line) => line.amount === null);
  if (without >= 0) focusOn(without, "account");
  else focusOn(amount >= 0 ? amount : editing.lines.length - 1, "amount");
  tell(say(...fault), true);
  return null;
}

function suggest(input) {
  editing.suggestions = input.value.trim() ? accountsLike(E.company[editing.index], input.value) : [];
  editing.active = 0;
  showSuggestions(input);
}

function showSuggestions(input) {
  document.getElementById("suggestions")?.remove();
  input.setAttribute("aria-expanded", String(editing.suggestions.length > 0));
  input.removeAttribute("aria-activedescendant");
  if (!editing.suggestions.length) return;
  const list = make("ul", "card");
  list.id = "suggestions";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", say("account"));
  editing.suggestions.forEach((account, place) => {
    const item = make("li", "", accountName(account));
    item.id = `suggestion-${place}`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", String(place === editing.active));
    item.addEventListener("mousedown", (event) => { event.preventDefault(); choose(input, account); });
    list.append(item);
  });
  input.setAttribute("aria-activedescendant", `suggestion-${editing.active}`);
  input.after(list);
}

/** Take an account for a line; then go to what is missing yet. */
function choose(input, account) {
  editing.suggestions = [];
  const place = Number(input.dataset.place);
  change(place, { account }, "account");
  if (editing.lines[place].amount === null && faultOf(balanced(editing.lines))) focusOn(place, "amount");
}

/** A key in a field of the editor; returns whether it was one of the editor's. */
function editorKey(event) {
  const input = event.target;
  const place = Number(input.dataset.place);
  if (event.altKey && event.code === "KeyN") addLine();
  else if (event.altKey && event.code === "KeyR") dropLine(place);
  else if (event.altKey && event.code === "KeyS") change(place, { side: editing.lines[place].side === "D" ? "C" : "D" }, input.dataset.field);
  else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run("accept");
  else if (event.key === "Escape") {
    if (editing.suggestions.length) { editing.suggestions = []; showSuggestions(input); } else cancelEditing();
  } else if (input.dataset.field === "account" && editing.suggestions.length && ["ArrowDown", "ArrowUp"].includes(event.key)) {
    const count = editing.suggestions.length;
    editing.active = (editing.active + (event.key === "ArrowDown" ? 1 : count - 1)) % count;
    showSuggestions(input);
  } else if (input.dataset.field === "account" && editing.suggestions.length && event.key === "Enter") choose(input, editing.suggestions[editing.active]);
  else if (event.key === "Enter" && input.tagName === "INPUT") {
    if (readAmountOf(input)) run("accept");
  } else return false;
  return true;
}

/** Take the amount of a field; returns whether there is one, or none at all. */
function readAmountOf(input) {
  if (input.dataset.field !== "amount") return true;
  const decimals = decimalsOf(editing.index);
  const amount = input.value.trim() ? typedAmount(input.value, marks, decimals) : null;
  const isWrong = amount === null && input.value.trim() !== "";
  input.setAttribute("aria-invalid", String(isWrong));
  if (isWrong) tell(say("noSuchAmount", { typed: input.value.slice(0, 40), n: decimals }), true);
  editing.lines[Number(input.dataset.place)].amount = amount;
  keepDraft(editing.index, editing.lines.map((line) => ({ ...line })));
  tellFault();
  return !isWrong;
}

DETAIL.addEventListener("input", (event) => {
  if (!editing || event.target.dataset.field !== "account") return;
  suggest(event.target);
});
DETAIL.addEventListener("change", (event) => {
  if (editing && event.target.dataset.field === "amount") readAmountOf(event.target);
});
DETAIL.addEventListener("focusout", (event) => {
  if (!editing || event.target.dataset?.field !== "account" || !event.target.isConnected) return;
  const line = editing.lines[Number(event.target.dataset.place)];
  editing.suggestions = [];
  showSuggestions(event.target);
  if (line) event.target.value = line.account === null ? "" : accountName(line.account);
});
