// JSON with what the built-in functions lack: keys keep their order whatever they look like ("2" before "1"), a key
// that stands twice is a fault, whole numbers keep all their digits, and a fault says where it is in words for people.
// Objects become Maps, whole numbers that JavaScript would round BigInts.

export class JsonFault extends Error {}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const STRING = /"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const WORDS = { true: true, false: false, null: null };
const MAX_DEPTH = 100;

/** The value of a JSON text; throws JsonFault. */
export function parse(text) {
  return new Reader(text).document();
}

/** JSON text as prompts and answers hold it: `style` is "single-line" (", " and ": ") or "indent-4". */
export function write(value, style = "single-line") {
  return written(value, style === "indent-4" ? 4 : 0, 0);
}

/** JSON text for people and files, two spaces a level. */
export function pretty(value) {
  return written(value, 2, 0);
}

function written(value, indent, depth) {
  if (typeof value === "bigint") return String(value);
  if (!(value instanceof Map) && !Array.isArray(value)) return JSON.stringify(value);
  const isObject = value instanceof Map;
  const [open, close] = isObject ? "{}" : "[]";
  const parts = isObject
    ? [...value].map(([key, child]) => `${JSON.stringify(key)}: ${written(child, indent, depth + 1)}`)
    : value.map((child) => written(child, indent, depth + 1));
  if (!parts.length) return open + close;
  if (!indent) return open + parts.join(", ") + close;
  const line = "\n" + " ".repeat(indent * (depth + 1));
  return open + line + parts.join("," + line) + "\n" + " ".repeat(indent * depth) + close;
}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  document() {
    this.space();
    if (this.at === this.text.length) throw new JsonFault("it is empty");
    const value = this.value(0);
    this.space();
    if (this.at < this.text.length) this.fail("there is text after its end");
    return value;
  }

  value(depth) {
    if (depth > MAX_DEPTH) this.fail(`it is nested deeper than ${MAX_DEPTH} levels`);
    const char = this.text[this.at];
    if (char === "{") return this.object(depth);
    if (char === "[") return this.list(depth);
    if (char === '"') return this.string();
    const word = Object.keys(WORDS).find((name) => this.text.startsWith(name, this.at));
    if (word) {
      this.at += word.length;
      return WORDS[word];
    }
    const number = this.match(NUMBER);
    if (number) return /^-?\d+$/.test(number) && !Number.isSafeInteger(Number(number)) ? BigInt(number) : Number(number);
    return this.fail(char === "'" ? 'strings stand in double quotes ("), not single ones' : "a value is missing");
  }

  object(depth) {
    const fields = new Map();
    const start = this.at++;
    for (let first = true; !this.take("}"); first = false) {
      if (!first && !this.take(",")) this.fail(this.endOr("there should be a comma or }", "{", start));
      this.space();
      const place = this.at;
      if (this.text[place] === "}") this.fail("there is a comma too many before }", place);
      if (this.text[place] !== '"') this.fail(this.endOr('a key in double quotes (") should follow', "{", start));
      const key = this.string();
      if (fields.has(key)) this.fail(`the key "${key}" stands twice in one object`, place);
      if (!this.take(":")) this.fail(`a colon should follow the key "${key}"`);
      this.space();
      fields.set(key, this.value(depth + 1));
    }
    return fields;
  }

  list(depth) {
    const items = [];
    const start = this.at++;
    for (let first = true; !this.take("]"); first = false) {
      if (!first && !this.take(",")) this.fail(this.endOr("there should be a comma or ]", "[", start));
      this.space();
      if (!first && this.text[this.at] === "]") this.fail("there is a comma too many before ]");
      if (this.at === this.text.length) this.fail(this.endOr("", "[", start));
      items.push(this.value(depth + 1));
    }
    return items;
  }

  string() {
    const found = this.match(STRING);
    if (!found) this.fail("this string has no closing quote on its line, or holds a character that must be escaped");
    return JSON.parse(found);
  }

  /** Skip space, then the character if it stands there. */
  take(char) {
    this.space();
    if (this.text[this.at] !== char) return false;
    this.at += 1;
    return true;
  }

  space() {
    this.match(SPACE);
  }

  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) this.at = pattern.lastIndex;
    return found?.[0] ?? "";
  }

  endOr(what, bracket, start) {
    return this.at < this.text.length ? what : `the ${bracket} of line ${this.place(start).line} is not closed`;
  }

  place(at) {
    const before = this.text.slice(0, at).split("\n");
    return { line: before.length, column: before.at(-1).length + 1 };
  }

  fail(what, at = this.at) {
    const { line, column } = this.place(at);
    throw new JsonFault(`line ${line}, column ${column}: ${what}`);
  }
}
