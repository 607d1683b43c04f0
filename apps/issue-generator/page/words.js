// Values and names as smolkit's Python side puts them into its messages, so that both pages say the same.

/** A JSON value as Python's side describes it. */
export function describe(value) {
  if (value instanceof Map) return "an object";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "string") {
    const text = [...value];
    return quoted(text.length <= 60 ? value : `${text.slice(0, 57).join("")}...`);
  }
  return typeof value === "number" || typeof value === "bigint" ? `the number ${value}` : String(value);
}

/** A text in quotes as Python writes it. */
export function quoted(text) {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const named = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", [quote]: `\\${quote}` };
  const escaped = [...text].map((char) => {
    if (named[char]) return named[char];
    if (char === " " || !/[\p{C}\p{Z}]/u.test(char)) return char;
    const digits = char.codePointAt(0).toString(16);
    const [letter, width] = digits.length < 3 ? ["x", 2] : digits.length < 5 ? ["u", 4] : ["U", 8];
    return `\\${letter}${digits.padStart(width, "0")}`;
  });
  return quote + escaped.join("") + quote;
}

/** The known name most like a given one, by Ratcliff and Obershelp's measure as Python's difflib has it, from 0.6 on. */
export function nearest(given, known) {
  const ranked = known.map((name) => [(2 * matching(name, given.toLowerCase())) / (given.length + name.length), name]);
  ranked.sort(([left, one], [right, other]) => right - left || (one < other ? 1 : -1));
  return ranked.length && ranked[0][0] >= 0.6 ? ranked[0][1] : null;
}

/** The letters of the longest common piece, and of those on either side of it. */
function matching(left, right) {
  let [size, i, j] = [0, 0, 0];
  for (let at = 0; at < left.length; at++) {
    for (let to = 0; to < right.length; to++) {
      let length = 0;
      while (at + length < left.length && left[at + length] === right[to + length]) length += 1;
      if (length > size) [size, i, j] = [length, at, to];
    }
  }
  if (!size) return 0;
  return size + matching(left.slice(0, i), right.slice(0, j)) + matching(left.slice(i + size), right.slice(j + size));
}
