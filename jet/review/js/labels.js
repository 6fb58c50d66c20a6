// What the page says, in the language that is chosen (labels.json).

const LABELS = JSON.parse(document.getElementById("labels").textContent);
const LANGUAGES = Object.keys(LABELS);
let language = LANGUAGES.find((each) => navigator.language.toLowerCase().startsWith(each)) ?? "en";
let marks = marksOf(language);

/** A label, with values in place of its {names}. */
function say(name, values = {}) {
  return LABELS[language][name].replace(/\{(\w+)\}/g, (_, key) => String(values[key]));
}

/** Speak another language from now on. */
function speak(code) {
  if (!LANGUAGES.includes(code)) return;
  language = code;
  marks = marksOf(code);
  document.documentElement.lang = code;
  document.title = `jet: ${say("title")}`;
  for (const each of document.querySelectorAll("[data-label]")) each.textContent = say(each.dataset.label);
  for (const each of document.querySelectorAll("[data-name]")) each.setAttribute("aria-label", say(each.dataset.name));
  for (const each of document.querySelectorAll("[data-hint]")) {
    each.placeholder = say(each.dataset.hint);
    each.setAttribute("aria-label", say(each.dataset.hint));
  }
  for (const each of document.querySelectorAll("header [data-command]")) {
    each.replaceChildren(say(each.dataset.command), ...(each.dataset.key ? [" ", key(each.dataset.key)] : []));
  }
}

/** A new element with a class and children, which are elements or texts: never HTML. */
function make(tag, name = "", ...children) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...children);
  return made;
}

/** A key's name. */
function key(name) {
  return make("kbd", "", name);
}

/** A button that runs a command, with the key that does the same. */
function button(command, label, keyName, value) {
  const made = make("button", "", label, ...(keyName ? [" ", key(keyName)] : []));
  made.type = "button";
  made.dataset.command = command;
  if (value !== undefined) made.dataset.value = value;
  return made;
}
