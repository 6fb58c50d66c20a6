// The list of entries. Only the rows on screen have elements, which are filled again as one scrolls.

const LIST = document.getElementById("list");
const ROWS = document.getElementById("rows");
const ROW = 60;
const seen = new Set();
const pool = [];
let cursor = 0;

/** The entries that the current row stands for. */
const currentRow = () => rows[cursor];

/** Fill the rows on screen. An entry whose whole row was on screen counts as seen. */
function paint() {
  const first = Math.max(0, Math.floor(LIST.scrollTop / ROW));
  const last = Math.min(rows.length, Math.ceil((LIST.scrollTop + LIST.clientHeight) / ROW));
  ROWS.style.height = `${Math.max(rows.length * ROW, 1)}px`;
  while (pool.length < last - first) pool.push(ROWS.appendChild(newRow()));
  pool.forEach((element, place) => {
    const at = first + place;
    element.hidden = at >= last;
    if (at >= last) return;
    fill(element, at);
    const whole = at * ROW >= LIST.scrollTop - 1 && (at + 1) * ROW <= LIST.scrollTop + LIST.clientHeight + 1;
    if (whole && rows[at].index !== undefined && document.visibilityState === "visible") seen.add(rows[at].index);
  });
  if (rows.length) LIST.setAttribute("aria-activedescendant", `row-${cursor}`);
  else LIST.removeAttribute("aria-activedescendant");
}

function newRow() {
  const element = make("div", "row", make("span", "title"), make("span", "amount"), make("span", "sub"), make("span", "mark"));
  element.setAttribute("role", "option");
  return element;
}

function fill(element, at) {
  const row = rows[at];
  const index = row.index ?? row.group[0];
  const [title, amount, sub, mark] = element.children;
  element.id = `row-${at}`;
  element.dataset.at = at;
  element.style.transform = `translateY(${at * ROW}px)`;
  element.setAttribute("aria-selected", String(at === cursor));
  element.setAttribute("aria-setsize", String(rows.length));
  element.setAttribute("aria-posinset", String(at + 1));
  const status = row.group ? "group" : statusOf(index);
  element.className = `row ${status}${row.inGroup ? " in-group" : ""}${E.audit[index] && !row.group ? " audit" : ""}`;
  title.textContent = row.group && settings.grouping === "accounts" ? brief(answerOf(index)) || say("noAnswer") : E.text[index] || say("noText");
  amount.textContent = row.group ? say("entries", { n: row.group.length }) : amountText(index);
  const saidAbove = row.group ? settings.grouping === "accounts" : row.inGroup && statusOf(index) === "open";
  const lines = saidAbove ? "" : brief(linesNow(index));
  sub.textContent = row.group ? lines || say("together") : [E.date[index], row.inGroup && saidAbove ? E.id[index] : lines || say("noAnswer")].join(" · ");
  mark.textContent = row.group ? "" : markOf(index);
}

function amountText(index) {
  const total = totalOf(index);
  return total === null ? "–" : `${shown(total, marks, decimalsOf(index))} ${currencyOf(index)}`.trim();
}

function markOf(index) {
  const status = statusOf(index);
  if (status !== "open") return say(status);
  if (!E.tokens[index].length) return "";
  return percent(E.confidence[index]);
}

/** Go to a row, and show it with as much of its group as fits. */
function moveTo(place) {
  cursor = Math.max(0, Math.min(place, rows.length - 1));
  const row = rows[cursor];
  const end = cursor + 1 + (row?.group ? row.group.length : 0);
  const height = LIST.clientHeight;
  if (cursor * ROW < LIST.scrollTop || (end - cursor) * ROW >= height) LIST.scrollTop = row?.group || cursor * ROW < LIST.scrollTop ? cursor * ROW : LIST.scrollTop;
  if (end * ROW > LIST.scrollTop + height) LIST.scrollTop = Math.min(cursor * ROW, end * ROW - height);
  paint();
  showDetail();
}

/** Filter again, and go to the entry `next`, or to its group where it comes `asGroup`. */
function moveToEntry(next, asGroup) {
  refresh();
  let place = rows.findIndex((row) => row.index === next);
  if (place < 0) place = Math.min(cursor, rows.length - 1);
  else if (asGroup && rows[place - 1]?.group) place -= 1;
  moveTo(place);
}

LIST.addEventListener("scroll", () => requestAnimationFrame(paint), { passive: true });
LIST.addEventListener("click", (event) => {
  const row = event.target.closest(".row");
  if (row) { stopEditing(); moveTo(Number(row.dataset.at)); }
});
