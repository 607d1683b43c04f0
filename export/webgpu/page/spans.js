// Where the values of an answer stand in the document: white space collapsed, places kept.
// As smolkit/extraction/spans.py and windows.py have it, for a document of one window.

import { fieldPath } from "./template.js";

// White space as Python knows it.
const WORDS = /[^\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/g;

/** White space collapsed to single spaces; `offsets[i]` is where character i of `text` stands in the document. */
export function collapse(document) {
  const offsets = [];
  const words = [];
  for (const found of document.matchAll(WORDS)) {
    if (words.length) offsets.push(offsets.at(-1) + 1);
    words.push(found[0]);
    for (let at = 0; at < found[0].length; at++) offsets.push(found.index + at);
  }
  return { text: words.join(" "), offsets };
}

/**
 * [path, start, end] of every value of `answer` that stands in the document. Items of a list are sought one after the
 * other, the fields of an object near its longest one.
 */
export function locate(document, answer) {
  const collapsed = collapse(document);
  const spans = new Map();

  function place(value, path, anchor) {
    if (value instanceof Map) return placeObject(value, path, anchor);
    if (Array.isArray(value)) {
      return value.reduce((last, item, index) => place(item, `${path}[${index}]`, last) ?? last, anchor);
    }
    return note(path, first(find(collapsed, written(value), anchor?.[1] ?? 0)) ?? first(find(collapsed, written(value), 0)));
  }

  function placeObject(value, path, anchor) {
    const scalars = [...value.keys()].filter((key) => isScalar(value.get(key)));
    const lengths = scalars.map((key) => [...written(value.get(key))].length);
    const longest = path ? scalars[lengths.indexOf(Math.max(...lengths))] : undefined;
    let near = anchor;
    if (longest !== undefined) near = place(value.get(longest), fieldPath(path, longest), anchor) ?? anchor;
    for (const [key, child] of value) {
      const here = fieldPath(path, key);
      if (key === longest) continue;
      if (near && isScalar(child)) note(here, nearest(find(collapsed, written(child), 0), near));
      else place(child, here, near);
    }
    return near;
  }

  function note(path, span) {
    if (span) spans.set(path, span);
    return span;
  }

  place(answer, "", null);
  return [...spans].map(([path, span]) => [path, ...span]);
}

/** A path without the numbers of list items: values of one field share it. */
export function fieldOf(path) {
  return path.replace(/\[\d+\]/g, "[]");
}

/** The document in pieces, [text, fields]: each piece with the fields whose values cover it. */
export function segments(document, places) {
  const cuts = [...new Set([0, document.length, ...places.flatMap(([, start, end]) => [start, end])])];
  cuts.sort((a, b) => a - b);
  return cuts.slice(0, -1).map((start, index) => {
    const end = cuts[index + 1];
    const covering = places.filter((place) => place[1] <= start && end <= place[2]).map(([path]) => fieldOf(path));
    return [document.slice(start, end), [...new Set(covering)]];
  });
}

function isScalar(value) {
  return value !== null && !(value instanceof Map) && !Array.isArray(value);
}

/** How a value would stand in a document; "" for what never does. */
function written(value) {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "bigint" ? String(value) : "";
}

/** Every place at or after `start`, [start, end]: those that cut no word in two, or all where there is none such. */
function find({ text, offsets }, value, start) {
  const wanted = collapse(value).text;
  const places = [];
  const from = offsets.findIndex((offset) => offset >= start);
  for (let at = wanted && from >= 0 ? text.indexOf(wanted, from) : -1; at >= 0; at = text.indexOf(wanted, at + 1)) {
    const end = at + wanted.length;
    places.push({ span: [offsets[at], offsets[end - 1] + 1], cuts: insideWord(text, at) || insideWord(text, end) });
  }
  const whole = places.filter(({ cuts }) => !cuts);
  return (whole.length ? whole : places).map(({ span }) => span);
}

function first(places) {
  return places[0] ?? null;
}

/** The place with the least distance from `anchor`, or null. */
function nearest(places, anchor) {
  const distance = ([start, end]) => Math.max(start - anchor[1], anchor[0] - end);
  return places.reduce((best, place) => (best && distance(best) <= distance(place) ? best : place), null);
}

function insideWord(text, at) {
  return at > 0 && at < text.length && /[\p{L}\p{N}]{2}/u.test(text.slice(at - 1, at + 1));
}
