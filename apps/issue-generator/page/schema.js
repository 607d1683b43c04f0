// JSON Schema to a template, with the results and the words of smolkit/extraction/schema.py, for the page's editor.
// A node of a template is a string, a Map or an array, as json.js reads it; so is a schema. References are followed
// inside the schema only.

import { JsonFault, parse, write } from "./json.js";
import { fieldPath, MAX_DEPTH } from "./template.js";
import { describe, nearest, quoted } from "./words.js";

export const MAX_PARTS = 10_000;

const UNPRINTABLE = /[\x00-\x08\x0b\x0c\x0e-\x1f]|[\ud800-\udfff]/u;
const SCALARS = ["boolean", "integer", "number", "string"];
const TYPES = [...SCALARS, "object", "array"];
// Keywords that bind no value.
const ANNOTATIONS = new Set(
  ("$anchor $comment $defs $id $schema definitions default deprecated description example examples nullable readOnly " +
    "title writeOnly").split(" "),
);
// What a keyword holds, where this module looks into it.
const isMap = (value) => value instanceof Map;
const isText = (value) => typeof value === "string";
const SHAPES = new Map([
  ...["allOf", "anyOf", "enum", "oneOf", "prefixItems", "required"].map((keyword) => [keyword, Array.isArray]),
  ...["$ref", "format"].map((keyword) => [keyword, isText]),
  ["properties", isMap],
  ["type", (value) => isText(value) || Array.isArray(value)],
]);

/** A schema that has no template; the message is one line for the person who wrote it. */
export class SchemaFault extends Error {
  constructor(what, { path = "", given = "", known = [], fix = "" } = {}) {
    const near = nearest(given, known);
    const parts = [
      `${what}.`,
      ...(near ? [`Did you mean '${near}'?`] : []),
      ...(known.length ? [`Known: ${[...known].sort().join(", ")}.`] : []),
      ...(fix ? [`${fix}.`] : []),
    ];
    super(`${path ? `${path}: ` : ""}${parts.join(" ").replace(/\s+/g, " ").trim()}`);
  }
}

/**
 * The template of a schema's JSON text, and what it cannot express as `path: message` lines: {template, reports}.
 * `leafTypes` is the table of smolkit_page.json. Throws SchemaFault.
 */
export function templateFromJsonSchema(text, leafTypes) {
  let schema;
  try {
    schema = parse(text);
  } catch (error) {
    if (error instanceof JsonFault) throw new SchemaFault(`the schema is not JSON: ${error.message}`);
    throw error;
  }
  const converter = new Converter(schema, leafTypes);
  const template = converter.node(schema, "", []);
  if (!isMap(template)) {
    throw new SchemaFault("the schema does not describe an object with named fields; a template does");
  }
  checkNode(template, "", 1);
  return { template, reports: converter.reports };
}

class Converter {
  constructor(root, leafTypes) {
    this.root = root;
    this.leafTypes = leafTypes;
    this.reports = [];
    this.parts = 0;
    this.formats = new Map([
      ...Object.keys(leafTypes).map((name) => [name, name]),
      ...Object.entries(leafTypes).flatMap(([name, { json_format: format }]) => (format ? [[format, name]] : [])),
      ["idn-email", "email-address"],
      ["iri", "url"],
      ["url", "url"],
    ]);
  }

  report(path, message) {
    this.reports.push(path ? `${path}: ${message}` : message);
  }

  /** The template of one schema, or null where the field has to be left out. `refs` are those being followed. */
  node(schema, path, refs) {
    if (schema === false) {
      this.report(path, "no value is allowed; left out");
      return null;
    }
    if (schema === true || (isMap(schema) && !schema.size)) {
      this.report(path, "any value is allowed; taken as a string");
      return "string";
    }
    const found = this.flatten(schema, path, refs);
    if (!found.flat) {
      this.report(path, "refers to itself; a template cannot, so it is left out");
      return null;
    }
    return this.flat(found.flat, path, found.refs);
  }

  flat(schema, path, refs) {
    if (schema.has("enum") || schema.has("const")) return this.fromEnum(schema, path);
    const kind = this.kind(schema, path);
    if (kind === "object") return this.fromObject(schema, path, refs);
    if (kind === "array") return this.fromArray(schema, path, refs);
    const leaf = kind === "string" ? (this.formats.get(schema.get("format") ?? "") ?? kind) : kind;
    const { regex } = this.leafTypes[leaf];
    const hasOwnPattern = regex && schema.get("pattern") === `^(?:${regex})$`;
    this.reportRest(schema, path, ["type", ...(leaf === kind ? [] : ["format"]), ...(hasOwnPattern ? ["pattern"] : [])]);
    return leaf;
  }

  // ---- references and combinations

  /** The schema with references, unions and `allOf` resolved, {flat, refs}; flat is null for one inside itself. */
  flatten(schema, path, refs) {
    for (;;) {
      this.countPart();
      schema = checked(schema === true ? new Map() : schema, path);
      if (schema.has("$ref")) {
        const { $ref: ref, rest } = without(schema, "$ref");
        if (refs.includes(ref)) return { flat: null, refs };
        refs = [...refs, ref];
        schema = new Map([...this.lookup(ref, path), ...rest]);
      } else if (schema.has("allOf")) {
        const { allOf, rest } = without(schema, "allOf");
        const merged = this.merge([...allOf, rest], path, refs);
        if (!merged.flat) return merged;
        ({ flat: schema, refs } = merged);
      } else if (schema.has("anyOf") || schema.has("oneOf")) {
        const keyword = schema.has("anyOf") ? "anyOf" : "oneOf";
        const { [keyword]: options, rest } = without(schema, keyword);
        const chosen = this.choose(options, path, refs);
        if (!chosen.flat) return chosen;
        schema = new Map([...rest, ...chosen.flat]);
        ({ refs } = chosen);
      } else {
        return { flat: schema, refs };
      }
    }
  }

  countPart() {
    this.parts += 1;
    if (this.parts > MAX_PARTS) {
      const what = `the schema unfolds to over ${MAX_PARTS.toLocaleString("en")} parts`;
      throw new SchemaFault(what, { fix: "Refer to fewer definitions" });
    }
  }

  lookup(ref, path) {
    if (!ref.startsWith("#")) {
      throw new SchemaFault(`reference ${quoted(ref)} leaves the schema`, { path, fix: "Put it into $defs" });
    }
    let found = this.root;
    for (const step of ref.slice(1).split("/").slice(1)) {
      const key = step.replaceAll("~1", "/").replaceAll("~0", "~");
      if (!isMap(found) || !found.has(key)) throw new SchemaFault(`reference ${quoted(ref)} points to nothing`, { path });
      found = found.get(key);
    }
    if (!isMap(found)) throw new SchemaFault(`reference ${quoted(ref)} points to ${describe(found)}`, { path });
    return found;
  }

  /**
   * All parts of an `allOf` as one schema, {flat, refs}: properties joined, the later part winning where both speak.
   * The references that one part follows count for the fields of all. flat is null where a part refers to itself.
   */
  merge(parts, path, refs) {
    const merged = new Map();
    let followed = refs;
    for (const part of parts) {
      const found = this.flatten(part, path, refs);
      if (!found.flat) return { flat: null, refs };
      followed = [...new Set([...followed, ...found.refs])];
      for (const [keyword, value] of found.flat) {
        const before = merged.get(keyword);
        if (keyword === "properties") {
          merged.set(keyword, new Map([...(before ?? []), ...value]));
        } else if (keyword === "required") {
          merged.set(keyword, [...(before ?? []), ...value]);
        } else {
          if (merged.has(keyword) && !equal(before, value) && !ANNOTATIONS.has(keyword)) {
            this.report(path, `allOf gives ${keyword} twice; the last one is taken`);
          }
          merged.set(keyword, value);
        }
      }
    }
    return { flat: merged, refs: followed };
  }

  /**
   * One option of a union, {flat, refs}; flat is null where each refers to itself. Null is no option of its own: every
   * value may be missing.
   */
  choose(options, path, refs) {
    const possible = options.filter((option) => option !== false && !isNull(option));
    const known = possible.map((option) => this.flatten(option, path, refs)).filter(({ flat }) => flat);
    if (possible.length && !known.length) return { flat: null, refs };
    if (known.length < possible.length || !known.length) {
      this.report(path, "an option of the union refers to itself or is no option; it is left out");
    }
    if (known.length < 2) return known[0] ?? { flat: new Map([["type", "string"]]), refs };
    const flat = known.map((option) => option.flat);
    if (flat.every((option) => choices(option).length)) return { flat: new Map([["enum", flat.flatMap(choices)]]), refs };
    const kinds = flat.map((option) => kindWords(option.get("type") ?? "value"));
    if (kinds.every((kind) => kind === "integer" || kind === "number") && flat.every((option) => option.size === 1)) {
      return { flat: new Map([["type", "number"]]), refs };
    }
    this.report(path, `a union of ${kinds.join(", ")}; taken as the first`);
    return known[0];
  }

  // ---- the kinds of node

  kind(schema, path) {
    const given = schema.get("type");
    let kinds = (isText(given) ? [given] : (given ?? [])).filter((kind) => kind !== "null");
    if (!kinds.length) {
      const telling = [["properties", "object"], ["items", "array"]]; // prettier-ignore
      kinds = telling.filter(([keyword]) => schema.has(keyword)).map(([, kind]) => kind);
    }
    if (!kinds.length) {
      this.report(path, `${given === undefined ? "no type" : "null alone"} is given; taken as a string`);
      return "string";
    }
    const unknown = kinds.find((kind) => !TYPES.includes(kind));
    if (unknown !== undefined) {
      const named = isText(unknown) ? unknown : "";
      const what = `unknown JSON Schema type ${describe(unknown)}`;
      throw new SchemaFault(what, { path, given: named, known: [...TYPES, "null"] });
    }
    if (kinds.includes("integer") && kinds.includes("number") && kinds.every((kind) => ["integer", "number"].includes(kind))) {
      return "number";
    }
    if (kinds.length > 1) this.report(path, `a union of ${kinds.join(", ")}; taken as the first`);
    return kinds[0];
  }

  fromEnum(schema, path) {
    this.reportRest(schema, path, ["type", "enum", "const"]);
    const given = valuesOf(schema).filter((choice) => choice !== null);
    if (given.length > 1 && given.every(isText)) {
      try {
        checkChoices(given, "enum", this.leafTypes);
        return given;
      } catch (error) {
        if (!(error instanceof SchemaFault)) throw error;
        this.report(path, `these choices cannot stand in a template, so it is a string (${error.message})`);
        return "string";
      }
    }
    const tests = Object.entries({ boolean: isBoolean, integer: isInteger, number: isNumber });
    const [leaf] = tests.find(([, test]) => given.length && given.every(test)) ?? ["string"];
    const words = given.map(describe).join(", ") || "null";
    this.report(path, `the choice of ${words} cannot be expressed; taken as ${leaf}`);
    return leaf;
  }

  fromObject(schema, path, refs) {
    const properties = schema.get("properties") ?? new Map();
    const required = names(schema.get("required")).filter((key) => properties.has(key));
    const binding = required.filter((key) => !isNullable(properties.get(key), fieldPath(path, key)));
    if (binding.length) this.report(path, `required ${binding.join(", ")}: any field of a template may be missing`);
    const closed = schema.get("additionalProperties") === false ? ["additionalProperties"] : [];
    this.reportRest(schema, path, ["type", "properties", "required", ...closed]);
    const fields = [...properties].map(([key, child]) => [key, this.node(child, fieldPath(path, key), refs)]);
    const kept = fields.filter(([, child]) => child !== null);
    if (kept.length) return new Map(kept);
    this.report(path, "an object without named fields; left out");
    return null;
  }

  fromArray(schema, path, refs) {
    const keyword = ["items", "prefixItems"].find((name) => schema.has(name));
    let items = keyword ? schema.get(keyword) : true;
    if (Array.isArray(items)) {
      this.report(path, "each position has its own type; all are taken as the first");
      items = items.length ? items[0] : true;
    }
    const item = this.node(items, `${path}[]`, refs);
    if (item === null) return null;
    // A list around choices is one of many choices, which has no repeats anyway.
    const distinct = Array.isArray(item) && item.length > 1 ? ["uniqueItems"] : [];
    this.reportRest(schema, path, ["type", "items", "prefixItems", ...distinct]);
    return [item];
  }

  reportRest(schema, path, handled) {
    for (const [keyword, value] of schema) {
      if (ANNOTATIONS.has(keyword) || handled.includes(keyword)) continue;
      const text = [...write(value)];
      const short = text.length <= 60 ? text : [...text.slice(0, 57), "..."];
      this.report(path, `${keyword} ${short.join("")} cannot be expressed`);
    }
  }
}

function checked(schema, path) {
  if (!isMap(schema)) throw new SchemaFault(`a schema is an object or a boolean, got ${describe(schema)}`, { path });
  for (const [keyword, fits] of SHAPES) {
    if (schema.has(keyword) && !fits(schema.get(keyword))) {
      throw new SchemaFault(`${keyword} cannot be ${describe(schema.get(keyword))}`, { path });
    }
  }
  return schema;
}

/** Whether null, or an empty list or object, is among the values, so that `required` asks for nothing. */
function isNullable(schema, path) {
  if (!isMap(schema)) return schema === true;
  checked(schema, path);
  const type = schema.get("type");
  if (isNull(schema) || schema.get("enum")?.includes(null) || type === "null" || type?.includes?.("null")) return true;
  if (type === "array") return !isTrue(schema.get("minItems"));
  if (type === "object") {
    const fields = schema.get("properties") ?? new Map();
    return names(schema.get("required")).every((key) => isNullable(fields.get(key), fieldPath(path, key)));
  }
  return ["anyOf", "oneOf"].some((keyword) => (schema.get(keyword) ?? []).some(isNull));
}

/** The template's own rules, in the words of smolkit/extraction/template.py. */
function checkNode(node, path, depth) {
  if (depth > MAX_DEPTH) throw new SchemaFault(`nested deeper than ${MAX_DEPTH} levels`, { path });
  if (Array.isArray(node) && node.length === 1 && !isText(node[0]) && !isEnum(node[0])) {
    checkNode(node[0], `${path}[]`, depth + 1);
  }
  if (!isMap(node)) return;
  for (const key of node.keys()) {
    if (!key.trim() || UNPRINTABLE.test(key)) throw new SchemaFault(`a key is a printable string, got ${describe(key)}`, { path });
  }
  for (const [key, child] of node) checkNode(child, fieldPath(path, key), depth + 1);
}

function checkChoices(given, path, leafTypes) {
  for (const [index, choice] of given.entries()) {
    if (!choice.trim() || UNPRINTABLE.test(choice)) {
      const what = `an enum choice is printable text, got ${quoted(choice)}`;
      throw new SchemaFault(what, { path, fix: "A missing value needs none" });
    }
    if (given.indexOf(choice, index + 1) > 0) throw new SchemaFault(`enum choice ${quoted(choice)} stands twice`, { path });
  }
  if (given.every((choice) => choice === "null" || Object.hasOwn(leafTypes, choice))) {
    const one = given.find((choice) => choice !== "null") ?? "string";
    const fix = `A field has one type and may always be missing: write ${JSON.stringify(one)}, or change a choice`;
    throw new SchemaFault(`the choices of this enum are type names (${given.join(", ")})`, { path, fix });
  }
}

// ---- small things

function without(schema, keyword) {
  const rest = new Map(schema);
  rest.delete(keyword);
  return { [keyword]: schema.get(keyword), rest };
}

function valuesOf(schema) {
  const given = schema.has("enum") ? schema.get("enum") : [schema.get("const")];
  return Array.isArray(given) ? given : [given];
}

function isNull(schema) {
  if (!isMap(schema)) return false;
  if (schema.has("enum") || schema.has("const")) return valuesOf(schema).every((value) => value === null);
  const type = schema.get("type");
  return type === "null" || (Array.isArray(type) && type.length === 1 && type[0] === "null");
}

/** The strings that the schema allows, or [] where it allows others or says more. */
function choices(option) {
  const more = [...option.keys()].some((key) => !ANNOTATIONS.has(key) && !["enum", "const", "type"].includes(key));
  if (more || !(option.has("enum") || option.has("const"))) return [];
  const values = valuesOf(option);
  return values.every(isText) ? values : [];
}

function isEnum(node) {
  return Array.isArray(node) && node.length > 1;
}

function isBoolean(value) {
  return typeof value === "boolean";
}

function isInteger(value) {
  return typeof value === "bigint" || Number.isInteger(value);
}

function isNumber(value) {
  return typeof value === "number" || typeof value === "bigint";
}

/** What Python takes for true. */
function isTrue(value) {
  if (isMap(value)) return value.size > 0;
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}

/** The keys that are required, each once. */
function names(required) {
  return [...new Set((required ?? []).filter(isText))];
}

function kindWords(given) {
  const kinds = (Array.isArray(given) ? given : [given]).filter((kind) => kind !== "null");
  return kinds.map((kind) => (isText(kind) ? kind : describe(kind))).join(" or ") || "value";
}

/** Whether two JSON values are the same, in whatever order their keys stand. */
function equal(left, right) {
  return write(ordered(left)) === write(ordered(right));
}

function ordered(value) {
  if (Array.isArray(value)) return value.map(ordered);
  if (!isMap(value)) return value;
  return new Map([...value].sort(([one], [other]) => (one < other ? -1 : 1)).map(([key, child]) => [key, ordered(child)]));
}
