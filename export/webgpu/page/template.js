// The template that an answer fills: read from JSON text into a tree, and answers checked against it.
//
// The rules are those of smolkit's Python side (smolkit/extraction/template.py); the table of leaf types comes from
// there, in smolkit_page.json. A node is one of
//   {kind: "leaf", type}, {kind: "enum", choices, many}, {kind: "list", item}, {kind: "object", fields: Map}

import { JsonFault, parse, write } from "./json.js";

export const MAX_DEPTH = 32;

const OTHER_WORDS = {
  array: "string",
  bool: "boolean",
  datetime: "date-time",
  decimal: "number",
  double: "number",
  email: "email-address",
  float: "number",
  int: "integer",
  phone: "phone-number",
  str: "string",
  text: "string",
  uri: "url",
  verbatim: "verbatim-string",
};
const UNPRINTABLE = /[\x00-\x08\x0b\x0c\x0e-\x1f]|[\ud800-\udfff]/u;
const PLAIN_KEY = /^[^.[\]"]+$/u;

/** A template, or an answer, that does not hold; the message is one line for the person who wrote it. */
export class TemplateFault extends Error {}

/** The tree of a template's JSON text, and its source as Maps and arrays; throws TemplateFault. */
export function readTemplate(text, leafTypes) {
  let source;
  try {
    source = parse(text);
  } catch (error) {
    if (error instanceof JsonFault) throw new TemplateFault(`The template is not JSON: ${error.message}.`);
    throw error;
  }
  if (!(source instanceof Map)) throw new TemplateFault(`A template is an object in braces, not ${describe(source)}.`);
  if (!source.size) throw new TemplateFault('The template is empty. Write at least one field, as in {"name": ""}.');
  return { source, root: new Parser(leafTypes).object(source, "", 1) };
}

/** All leaves of a tree with their paths, such as `items[].price`. */
export function* leaves(node, path = "") {
  if (node.kind === "object") {
    for (const [key, child] of node.fields) yield* leaves(child, fieldPath(path, key));
  } else if (node.kind === "list") {
    yield* leaves(node.item, `${path}[]`);
  } else {
    yield [path, node];
  }
}

/** The path of a key inside the object at `path`; a key with dots, brackets or quotes stands as `["a.b"]`. */
export function fieldPath(path, key) {
  if (!PLAIN_KEY.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path ? `${path}.${key}` : key;
}

/**
 * An answer under exactly the template's keys: missing scalars null, missing lists [], items without content left out.
 * What does not fit is left out too, and named in `left`, a list of [path, why].
 */
export function conform(node, value, leafTypes, path = "", left = []) {
  if (node.kind === "object") {
    const given = value instanceof Map ? value : new Map();
    const fields = [...node.fields].map(([key, child]) => [
      key,
      conform(child, given.get(key) ?? null, leafTypes, fieldPath(path, key), left),
    ]);
    return new Map(fields);
  }
  if (node.kind === "list" || node.many) {
    const item = node.kind === "list" ? node.item : { ...node, many: false };
    const items = (Array.isArray(value) ? value : [])
      .map((child, index) => conform(item, child, leafTypes, `${path}[${index}]`, left))
      .filter((child) => !isEmpty(child));
    return node.many ? [...new Set(items)] : items;
  }
  if (isEmpty(value)) return null;
  const fault = node.kind === "enum" ? enumFault(node, value) : leafFault(node, value, leafTypes);
  if (!fault) return value;
  left.push([path, fault]);
  return null;
}

function isEmpty(value) {
  if (typeof value === "string") return !value.trim();
  if (value instanceof Map) return [...value.values()].every(isEmpty);
  if (Array.isArray(value)) return value.every(isEmpty);
  return value === null || value === undefined;
}

function enumFault(node, value) {
  return node.choices.includes(value) ? null : `${describe(value)} is not a choice`;
}

function leafFault(node, value, leafTypes) {
  const spec = leafTypes[node.type] ?? { kind: "string" };
  const kind = spec.kind === "integer" ? "number" : spec.kind;
  const given = typeof value === "bigint" ? "number" : typeof value;
  if (given !== kind) return `${describe(value)} is not of type ${node.type}`;
  if (spec.kind === "integer" && typeof value === "number" && !Number.isInteger(value)) return `${value} is not a whole number`;
  if (typeof value !== "string") return null;
  if (UNPRINTABLE.test(value)) return "it holds a control character";
  if (spec.regex && !new RegExp(`^(?:${spec.regex})$`, "u").test(value)) return `${describe(value)} is no ${node.type}`;
  return node.type === "iban" && !ibanHolds(value) ? `the check digits of ${describe(value)} are wrong` : null;
}

/** ISO 7064, modulo 97: letters count from A = 10, the first four characters go last. */
function ibanHolds(value) {
  const digits = [...value.slice(4) + value.slice(0, 4)].map((char) => parseInt(char, 36)).join("");
  return BigInt(digits) % 97n === 1n;
}

class Parser {
  constructor(leafTypes) {
    this.leafTypes = leafTypes;
  }

  fail(path, what) {
    throw new TemplateFault(path ? `${path}: ${what}` : what);
  }

  node(source, path, depth) {
    if (depth > MAX_DEPTH) this.fail(path, `nested deeper than ${MAX_DEPTH} levels.`);
    if (typeof source === "string") return this.leaf(source, path);
    if (source instanceof Map) return this.object(source, path, depth);
    if (Array.isArray(source)) return this.list(source, path, depth);
    return this.fail(path, `write a type in quotes, "", a list or an object here, not ${describe(source)}.`);
  }

  leaf(type, path, more = "") {
    if (type === "") return { kind: "leaf", type: "blank" };
    if (!Object.hasOwn(this.leafTypes, type)) {
      const known = Object.keys(this.leafTypes);
      const word = Object.hasOwn(OTHER_WORDS, type.toLowerCase()) ? OTHER_WORDS[type.toLowerCase()] : null;
      const near = word ?? nearest(type, known);
      const hint = near ? `Did you mean "${near}"?` : `The types are ${known.join(", ")}.`;
      this.fail(path, `there is no type "${type}". ${hint}${more}`);
    }
    return { kind: "leaf", type };
  }

  object(source, path, depth) {
    if (!source.size) this.fail(path, 'this object has no fields. Write at least one, as in {"name": ""}.');
    const fields = new Map();
    for (const [key, child] of source) {
      if (!key.trim() || UNPRINTABLE.test(key)) this.fail(path, `a key is printable text, not ${describe(key)}.`);
      fields.set(key, this.node(child, fieldPath(path, key), depth + 1));
    }
    return { kind: "object", fields };
  }

  list(source, path, depth) {
    const isText = (item) => typeof item === "string";
    if (!source.length) return { kind: "list", item: { kind: "leaf", type: "blank" } };
    if (source.length > 1) {
      if (source.every(isText)) return this.choices(source, path, false);
      this.fail(path, "a list holds one element, the pattern of its items; only choices, all strings, may be more.");
    }
    const [item] = source;
    if (Array.isArray(item) && item.length > 1 && item.every(isText)) return this.choices(item, path, true);
    const more = " A choice needs two values or more.";
    const pattern = isText(item) ? this.leaf(item, `${path}[]`, more) : this.node(item, `${path}[]`, depth + 1);
    return { kind: "list", item: pattern };
  }

  choices(choices, path, many) {
    for (const [index, choice] of choices.entries()) {
      if (!choice.trim() || UNPRINTABLE.test(choice)) this.fail(path, `a choice is printable text, not "${choice}".`);
      if (choices.indexOf(choice) < index) this.fail(path, `the choice "${choice}" stands twice.`);
    }
    if (choices.every((choice) => choice === "null" || Object.hasOwn(this.leafTypes, choice))) {
      const one = choices.find((choice) => choice !== "null") ?? "string";
      this.fail(path, `these choices are names of types. A field has one type and may always be missing: "${one}".`);
    }
    return { kind: "enum", choices, many };
  }
}

function describe(value) {
  if (value instanceof Map) return "an object";
  if (Array.isArray(value)) return "a list";
  const text = write(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}…`;
}

/** The known name with the fewest edits, if that is at most two in five of its letters. */
function nearest(name, known) {
  const ranked = known.map((word) => [edits(name.toLowerCase(), word), word]).sort((a, b) => a[0] - b[0]);
  const [distance, word] = ranked[0];
  return distance <= 0.4 * Math.max(word.length, name.length) ? word : null;
}

function edits(left, right) {
  let row = [...Array(right.length + 1).keys()];
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (left[i - 1] === right[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[right.length];
}
