// The regular expressions of the leaf types, as trees: groups, alternatives, classes, and counts. No anchors, no
// lookaround, no backreferences; that is the dialect of smolkit/extraction/leaf_types.py. Characters are code points.
//
// A tree is one of
//   {set: [[low, high], ...]}   one character      {all: [tree, ...]}   one after the other
//   {any: [tree, ...]}          one of them        {of: tree, least, most}   repeated; most may be Infinity

const LAST = 0x10ffff;
// Python's \s, which differs from JavaScript's.
const WHITE = [[9, 13], [28, 32], [0x85, 0x85], [0xa0, 0xa0], [0x1680, 0x1680], [0x2000, 0x200a], [0x2028, 0x2029],
  [0x202f, 0x202f], [0x205f, 0x205f], [0x3000, 0x3000]]; // prettier-ignore
const DIGITS = [[48, 57]];
const ESCAPES = { n: 10, r: 13, t: 9 };

export function parseRegex(source) {
  return new Reader(source).whole();
}

class Reader {
  constructor(source) {
    this.chars = [...source];
    this.at = 0;
  }

  whole() {
    const tree = this.alternatives();
    if (this.at < this.chars.length) throw new Error(`unexpected ${this.chars[this.at]} at ${this.at}`);
    return tree;
  }

  take(char) {
    if (this.chars[this.at] !== char) return false;
    this.at += 1;
    return true;
  }

  alternatives() {
    const options = [this.sequence()];
    while (this.take("|")) options.push(this.sequence());
    return options.length > 1 ? { any: options } : options[0];
  }

  sequence() {
    const parts = [];
    while (this.at < this.chars.length && !"|)".includes(this.chars[this.at])) parts.push(this.counted());
    return { all: parts };
  }

  counted() {
    const tree = this.atom();
    if (this.take("?")) return { of: tree, least: 0, most: 1 };
    if (this.take("*")) return { of: tree, least: 0, most: Infinity };
    if (this.take("+")) return { of: tree, least: 1, most: Infinity };
    const bounds = /^\{(\d+)(,?)(\d*)\}/.exec(this.chars.slice(this.at, this.at + 12).join(""));
    if (!bounds) return tree;
    this.at += bounds[0].length;
    const least = Number(bounds[1]);
    return { of: tree, least, most: bounds[3] ? Number(bounds[3]) : bounds[2] ? Infinity : least };
  }

  atom() {
    if (this.take("(")) {
      if (!(this.take("?") && this.take(":"))) throw new Error("only groups written (?: are known");
      const tree = this.alternatives();
      if (!this.take(")")) throw new Error("a group is not closed");
      return tree;
    }
    if (this.take("[")) return { set: this.class() };
    if (this.take(".")) return { set: complement([[10, 10]]) };
    return { set: this.character() };
  }

  class() {
    const negated = this.take("^");
    const ranges = [];
    while (!this.take("]")) {
      if (this.at >= this.chars.length) throw new Error("a class is not closed");
      const low = this.character();
      const isRange = this.chars[this.at] === "-" && this.chars[this.at + 1] !== "]" && low.length === 1;
      if (!isRange) {
        ranges.push(...low);
        continue;
      }
      this.at += 1;
      ranges.push([low[0][0], this.character()[0][1]]);
    }
    return negated ? complement(ranges) : ranges;
  }

  /** One character, or the class that an escape stands for, as ranges. */
  character() {
    const char = this.chars[this.at++];
    if (char !== "\\") return [[char.codePointAt(0), char.codePointAt(0)]];
    const escape = this.chars[this.at++];
    if (escape === "s") return WHITE;
    if (escape === "d") return DIGITS;
    if (escape === "x") {
      const code = parseInt(this.chars.slice(this.at, this.at + 2).join(""), 16);
      this.at += 2;
      return [[code, code]];
    }
    const code = ESCAPES[escape] ?? escape.codePointAt(0);
    return [[code, code]];
  }
}

/** All characters but these; halves of surrogate pairs are none. */
export function complement(ranges) {
  const sorted = [...ranges, [0xd800, 0xdfff]].sort((a, b) => a[0] - b[0]);
  const rest = [];
  let next = 0;
  for (const [low, high] of sorted) {
    if (low > next) rest.push([next, low - 1]);
    next = Math.max(next, high + 1);
  }
  if (next <= LAST) rest.push([next, LAST]);
  return rest;
}

/** A range of characters as UTF-8: a list of sequences, each a list of byte ranges. */
export function utf8Ranges(low, high) {
  for (const limit of [0x7f, 0x7ff, 0xffff]) {
    if (low <= limit && limit < high) return [...utf8Ranges(low, limit), ...utf8Ranges(limit + 1, high)];
  }
  if (high <= 0x7f) return [[[low, high]]];
  // Split until all bytes but the first differing one run through all their values.
  for (let bits = 6; bits <= 18; bits += 6) {
    const mask = (1 << bits) - 1;
    if (low >> bits === high >> bits) continue;
    if (low & mask) return [...utf8Ranges(low, low | mask), ...utf8Ranges((low | mask) + 1, high)];
    if ((high & mask) !== mask) return [...utf8Ranges(low, (high & ~mask) - 1), ...utf8Ranges(high & ~mask, high)];
  }
  const [first, last] = [low, high].map((code) => [...new TextEncoder().encode(String.fromCodePoint(code))]);
  return [first.map((byte, index) => [byte, last[index]])];
}
