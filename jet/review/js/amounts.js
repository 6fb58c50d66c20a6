// Amounts are BigInts of 10^-8, jet's finest unit: floats don't hold every hundredth.

const PLACES = 8;

/** The units of an amount as jet writes it, such as "1234.5". */
function exactly(text) {
  const [whole, part = ""] = text.split(".");
  return BigInt(whole + part.padEnd(PLACES, "0"));
}

/** An amount as jet reads it: "1234.50", with two decimals or as many as it has. */
function plainly(units) {
  const digits = (units < 0n ? -units : units).toString().padStart(PLACES + 1, "0");
  const part = digits.slice(-PLACES).replace(/0+$/, "").padEnd(2, "0");
  return `${units < 0n ? "-" : ""}${digits.slice(0, -PLACES)}.${part}`;
}

/** The marks of a language: what stands between thousands, and before decimals. */
function marksOf(language) {
  const parts = new Intl.NumberFormat(language, { useGrouping: true }).formatToParts(1234567.8);
  const found = (type) => parts.find((part) => part.type === type)?.value ?? "";
  return { group: found("group"), decimal: found("decimal") };
}

/** An amount for people. */
function shown(units, marks, decimals) {
  const [whole, part] = plainly(units).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, marks.group);
  const cents = decimals === 0 && /^0*$/.test(part) ? "" : marks.decimal + part;
  return grouped + cents;
}

/**
 * The units of what a person typed; null where it is no positive amount with so many decimals.
 *
 * "1,234.50", "1.234,50" and "1 234,50" are read in every language. Where there is one mark, and three figures
 * stand behind it, the language says whether it parts thousands.
 */
function typedAmount(text, marks, decimals) {
  const bare = text.replace(/[\s'’\u00a0\u202f]/g, "");
  if (!/^\d[\d.,]*$/.test(bare)) return null;
  const last = Math.max(bare.lastIndexOf("."), bare.lastIndexOf(","));
  let whole = bare, part = "";
  if (last >= 0) {
    const mark = bare[last];
    const single = bare.indexOf(mark) === last;
    const other = mark === "." ? "," : ".";
    const isDecimal = single && (bare.includes(other) || bare.length - last !== 4 || mark === marks.decimal);
    if (isDecimal) [whole, part] = [bare.slice(0, last), bare.slice(last + 1)];
    const groups = whole.split(isDecimal ? other : /[.,]/);
    if (groups.length > 1 && !groups.every((each, place) => (place ? /^\d{3}$/ : /^\d{1,3}$/).test(each))) return null;
    whole = groups.join("");
  }
  if (!/^\d+$/.test(whole) || !/^\d*$/.test(part)) return null;
  part = part.replace(/0+$/, "");
  if (part.length > decimals || whole.length > 18) return null;
  const units = exactly(`${whole}.${part}`);
  return units > 0n ? units : null;
}
