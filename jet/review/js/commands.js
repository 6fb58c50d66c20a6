// What one can do, by keys and by buttons.

const REVIEWER = document.getElementById("reviewer");

const KEYS = {
  Enter: "accept", a: "accept", e: "edit", l: "later", x: "refuse", u: "undo", z: "undo", j: "next", ArrowDown: "next",
  k: "previous", ArrowUp: "previous", PageDown: "pageDown", PageUp: "pageUp", Home: "first", End: "last", "/": "find",
  "?": "help", w: "save", o: "order", g: "grouping", f: "show",
};

/** The keys as help lists them: those of a command, and its label. */
const HELP = [
  ["Enter", "helpAccept"], ["1 … 9", "helpTake"], ["0", "helpLast"], ["e", "helpEdit"], ["l", "helpLater"], ["x", "helpRefuse"], ["u", "helpUndo"],
  ["↓ ↑ j k", "helpMove"], ["/", "helpFind"], ["f", "helpShow"], ["o", "helpOrder"], ["g", "helpGrouping"], ["w", "helpSave"], ["Ctrl S", "helpSession"],
  ["Alt N, Alt R, Alt S", "helpLines"], ["Ctrl Enter", "helpAcceptEdit"], ["Esc", "helpLeave"],
];

function tell(text, isFault = false) {
  const message = document.getElementById("message");
  message.textContent = text;
  message.className = isFault ? "fault" : "";
}

/** The entries that a command is for: the current one, or those of its group that were on screen. */
function targets() {
  const row = currentRow();
  if (!row) return [];
  return row.group ? row.group.filter((index) => seen.has(index) && isOpen(index)) : [row.index];
}

/** Decide for entries as `of` says for each, then go on with the next one. */
function decideAll(status, how, of) {
  if (!REVIEWER.value.trim()) {
    REVIEWER.focus();
    tell(say("nameFirst"), true);
    return;
  }
  const row = currentRow();
  const about = { by: REVIEWER.value.trim(), at: new Date().toISOString().slice(0, 19) + "Z" };
  const changes = [], faults = [];
  for (const index of targets()) {
    const lines = of(index);
    const fault = status === "accepted" && faultOf(lines);
    if (fault) faults.push(fault);
    else changes.push([index, { status, lines, how: how(index), ...about }]);
  }
  if (!changes.length) {
    tell(faults.length ? say("notAccepted", { why: say(...faults[0]) }) : say("seeFirst"), true);
    return;
  }
  const done = new Set(changes.map(([index]) => index));
  const next = nextAfter(done);
  const same = next !== null && !row.group && GROUPINGS[settings.grouping](next) === GROUPINGS[settings.grouping](row.index);
  if (editing) put(editing.index, editing.before); // undo leads back to before the editing
  editing = null;
  decide(changes);
  moveToEntry(next, !same);
  LIST.focus({ preventScroll: true });
  const rest = row.group ? row.group.length - changes.length : 0;
  tell(say("told", { what: say(status), n: changes.length }) + (rest ? ` ${say("restOfGroup", { n: rest })}` : "") + (faults.length ? ` ${say(...faults[0])}` : ""));
}

/** The first open entry behind the current row that isn't among `done`, else the first before it. */
function nextAfter(done) {
  const is = (row) => row.index !== undefined && !done.has(row.index) && (isOpen(row.index) || settings.show === "all");
  const next = rows.slice(cursor).find(is) ?? rows.slice(0, cursor).reverse().find(is);
  return next ? next.index : null;
}

const COMMANDS = {
  accept() {
    if (editing) {
      const lines = acceptEdited();
      if (lines) decideAll("accepted", () => "edited", () => lines);
      return;
    }
    decideAll("accepted", (index) => (decisions.get(index)?.lines.length ? "edited" : "answer"), linesNow);
  },
  take(number) {
    const row = currentRow();
    if (!row || editing) return;
    const first = row.index ?? row.group[0];
    const choice = choicesOf(first).get(number);
    if (!choice) return;
    const fault = faultOf(choice.lines);
    if (fault && !row.group) {
      keepDraft(first, choice.lines);
      startEditing(first);
      acceptEdited();
      return;
    }
    const like = (index) => {
      const lines = filled(index, choice.lines);
      return number || !faultOf(lines) ? lines : scaled(index, choice.lines);
    };
    decideAll("accepted", () => (number ? "alternative" : "repeated"), like);
  },
  edit() {
    const row = currentRow();
    if (!row) return;
    if (row.group) moveTo(cursor + 1);
    startEditing(currentRow().index);
  },
  later() { decideAll("later", () => "", () => []); },
  refuse() { decideAll("refused", () => "", () => []); },
  undo() {
    const entries = undo();
    if (!entries) { tell(say("nothingToUndo")); return; }
    editing = null;
    moveToEntry(entries[0], entries.length > 1);
    tell(say("undone", { n: entries.length }));
  },
  next() { moveTo(cursor + 1); },
  previous() { moveTo(cursor - 1); },
  pageDown() { moveTo(cursor + Math.max(1, Math.floor(LIST.clientHeight / ROW) - 1)); },
  pageUp() { moveTo(cursor - Math.max(1, Math.floor(LIST.clientHeight / ROW) - 1)); },
  first() { moveTo(0); },
  last() { moveTo(rows.length - 1); },
  find() { document.getElementById("find").focus(); },
  show() { turn("show"); },
  order() { turn("order"); },
  grouping() { turn("grouping"); },
  addLine() { if (editing) addLine(); },
  cancel() { cancelEditing(); },
  help() { showHelp(); },
  save() { saveReviewed(); },
  saveSession() { saveSession(); },
  openSession() { document.getElementById("session-file").click(); },
};

/** Choose the next option of a setting. */
function turn(name) {
  const select = document.getElementById(name);
  select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
  select.dispatchEvent(new Event("change"));
  tell(select.selectedOptions[0].textContent);
}

function run(name, value) {
  COMMANDS[name](value);
}

function showHelp() {
  const dialog = document.getElementById("help");
  const list = make("dl");
  for (const [keys, label] of HELP) list.append(make("dt", "", key(keys)), make("dd", "", say(label)));
  const close = make("button", "", say("close"), " ", key("Esc"));
  close.addEventListener("click", () => dialog.close());
  dialog.replaceChildren(make("h2", "", say("help")), list, make("p", "quiet", say("keptHere")), close);
  dialog.showModal();
}

/** Deciding keys act once a press: a key that is held down must not accept what nobody has seen. */
const MOVES = ["next", "previous", "pageDown", "pageUp"];

document.addEventListener("keydown", (event) => {
  if (document.getElementById("help").open) return;
  const target = event.target;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
    event.preventDefault();
    run("saveSession");
    return;
  }
  if (editing && target.dataset?.field) {
    if (!event.isComposing && editorKey(event)) event.preventDefault();
    return;
  }
  if (target.matches("input, select")) {
    if (event.key === "Escape" || (event.key === "Enter" && target.tagName === "INPUT")) LIST.focus();
    return;
  }
  if (event.key === "Escape") { cancelEditing(); return; }
  if (event.altKey || ((event.ctrlKey || event.metaKey) && event.key !== "z")) return;
  if (target.tagName === "BUTTON" && ["Enter", " "].includes(event.key)) return;
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
  const name = digit && (!event.shiftKey || /^\d$/.test(event.key)) ? "take" : KEYS[event.key];
  if (!name || editing || (event.repeat && !MOVES.includes(name))) return;
  event.preventDefault();
  run(name, digit ? Number(digit[1]) : undefined);
});

document.addEventListener("click", (event) => {
  const pressed = event.target.closest("[data-command]");
  if (pressed) run(pressed.dataset.command, pressed.dataset.value === undefined ? undefined : Number(pressed.dataset.value));
});
