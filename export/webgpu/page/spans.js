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

/** [path, start, end] of every text value of `answer` that stands in the document, in the order of the answer. */
export function locate(document, answer) {
  const collapsed = collapse(document);
  const places = [];
  const from = new Map(); // where the search for the next value of a field goes on
  for (const [path, value] of textValues(answer)) {
    const field = fieldOf(path);
    const found = find(collapsed, value, from.get(field) ?? 0) ?? find(collapsed, value, 0);
    if (!found) continue;
    places.push([path, ...found]);
    from.set(field, found[1]);
  }
  return places;
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

function* textValues(value, path = "") {
  if (value instanceof Map) {
    for (const [key, child] of value) yield* textValues(child, fieldPath(path, key));
  } else if (Array.isArray(value)) {
    for (const [index, child] of value.entries()) yield* textValues(child, `${path}[${index}]`);
  } else if (typeof value === "string") {
    yield [path, value];
  } else if (typeof value === "number" || typeof value === "bigint") {
    yield [path, String(value)];
  }
}

/** The first place at or after `start` that cuts no word in two, or the first at all. */
function find({ text, offsets }, value, start) {
  const wanted = collapse(value).text;
  let cutting = null;
  const first = offsets.findIndex((offset) => offset >= start);
  for (let at = wanted && first >= 0 ? text.indexOf(wanted, first) : -1; at >= 0; at = text.indexOf(wanted, at + 1)) {
    const end = at + wanted.length;
    const place = [offsets[at], offsets[end - 1] + 1];
    if (!insideWord(text, at) && !insideWord(text, end)) return place;
    cutting ??= place;
  }
  return cutting;
}

function insideWord(text, at) {
  return at > 0 && at < text.length && /[\p{L}\p{N}]{2}/u.test(text.slice(at - 1, at + 1));
}
