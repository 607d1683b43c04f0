// A filled template as an issue: its parts in their order, and the Markdown that code hosts take.
//
// The fields that the standard schema names have a place of their own; any other field stands under its name. As
// smolkit/apps/issues.py has it; an issue is a Map, as json.js reads it.

import { parse, pretty, write } from "./json.js";

const MAX_NAMED = 12;
const PLACES = new Set(["title", "priority", "description"]);
const CODE_SPAN = /((?<!`)(`+)(?!`).+?(?<!`)\2(?!`))/;

/** What there is to show, in the order of the fields: [{kind, name, value}]. */
export function parts(issue) {
  return [...issue].filter(([, value]) => !isEmpty(value)).map(([name, value]) => part(name, value));
}

/** The name of a field as a heading: `affected_version` is "Affected version". */
export function heading(name) {
  const words = name.replace(/[_ \t\r\n-]+/g, " ").trim();
  return words.slice(0, 1).toUpperCase() + words.slice(1);
}

/** The body of an issue as GitHub takes it; the title has a field of its own there. HTML in a value stays text. */
export function markdown(issue) {
  const isFact = ({ kind }) => kind === "labels" || kind === "priority";
  const found = parts(issue);
  const facts = found.filter(isFact).map((one) => `**${heading(one.name)}:** ${[one.value].flat().map(line).join(", ")}`);
  const sections = found.filter((one) => !isFact(one) && one.kind !== "title").map(section);
  return [...(facts.length ? [facts.join(" · ")] : []), ...sections].join("\n\n");
}

/** What a schema asks for, in a line: how many fields, and which. */
export function fieldsLine(paths) {
  const more = paths.length - MAX_NAMED;
  const named = paths.slice(0, MAX_NAMED).map((path) => path.replace(/(\[\])+$/, ""));
  return `${paths.length} field${paths.length === 1 ? "" : "s"}: ${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** What an answer that is still being written says so far: cut back to where it parses once it is closed. */
export function growing(text) {
  for (let end = text.length; end > 0; end--) {
    try {
      const value = parse(text.slice(0, end) + closing(text.slice(0, end)));
      return value instanceof Map ? value : new Map();
    } catch {
      // one character less, then
    }
  }
  return new Map();
}

/** The quote and the brackets that are open at the end of a JSON text, closed. */
function closing(text) {
  const bare = text.replace(/\\./gs, "").replace(/"[^"]*"/g, "");
  const isInString = bare.includes('"');
  const open = [];
  for (const char of bare.replace(/".*/s, "")) {
    if (char === "{" || char === "[") open.unshift(char === "{" ? "}" : "]");
    if (char === "}" || char === "]") open.shift();
  }
  return (isInString ? '"' : "") + open.join("");
}

function part(name, value) {
  if (value instanceof Map) return { kind: "json", name, value };
  if (!Array.isArray(value)) return { kind: PLACES.has(name) ? name : "text", name, value: textOf(value) };
  const items = value.filter((item) => !isEmpty(item));
  if (items.some((item) => item instanceof Map || Array.isArray(item))) return { kind: "json", name, value: items };
  return { kind: name === "labels" || name === "steps" ? name : "list", name, value: items.map(textOf) };
}

function textOf(value) {
  return typeof value === "string" ? value.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "") : write(value);
}

function section({ kind, name, value }) {
  if (kind === "description") return withoutHtml(value);
  return `### ${line(heading(name))}\n\n${lines(kind, value)}`;
}

function lines(kind, value) {
  if (kind === "text") return withoutHtml(value);
  if (kind !== "json") return value.map((item, index) => `${kind === "steps" ? `${index + 1}.` : "-"} ${line(item)}`).join("\n");
  const text = pretty(value);
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(Math.max(3, longest + 1));
  return `${fence}json\n${text}\n${fence}`;
}

function line(text) {
  return withoutHtml(text.replace(/[ \t\r\n]+/g, " "));
}

/** Text whose tags and entities Markdown shows as they are; code between backticks does so by itself. */
function withoutHtml(text) {
  const pieces = text.split(CODE_SPAN); // text, span, its ticks, text, ...
  return pieces.map((piece, at) => (at % 3 === 0 ? escaped(piece) : at % 3 === 1 ? piece : "")).join("");
}

function escaped(text) {
  return text.replace(/&(?=[#A-Za-z0-9])/g, "&amp;").replace(/<(?=[A-Za-z/!?])/g, "&lt;");
}

function isEmpty(value) {
  if (typeof value === "string") return !value.trim();
  if (value instanceof Map) return [...value.values()].every(isEmpty);
  return Array.isArray(value) ? value.every(isEmpty) : value === null;
}
