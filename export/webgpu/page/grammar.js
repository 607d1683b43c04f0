// What an answer may be, byte by byte: the canonical answers to one template about one document, and no others.
//
// This is the grammar of smolkit/extraction/grammar.py, run here as a lazy automaton over the bytes of the answer:
// the template's keys in order, its white space, every type and choice respected, and values to be copied as runs of
// whole words of the document. Bounds above LONG characters are left to the token budget.
//
// The program is a graph of nodes:
//   {low, high, next}          take one byte              {to: [...]}            go on at any of them
//   {copy, next}               take a run of the document {guard, act, next}     go on if guard(taken), with act(taken)
//   {match: true}              the end
// `cost` is what a cheapest completion pays to pass a node, `rest` what it pays from there to the end, its own included.

import { collapse } from "./spans.js";
import { parseRegex, utf8Ranges } from "./regex.js";

const LONG = 40;
/** More than any template has bytes: completions never make up a value where null or [] is allowed. */
export const A_VALUE = 1_000_000;
const MAX_DISTINCT = 64;

const UNSPACED = "\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u3040-\\u30ff\\u3400-\\u9fff\\uac00-\\ud7af\\uf900-\\ufaff";
const WORD = new RegExp(`\\p{Nd}+|(?:(?![\\p{Nd}_${UNSPACED}])[\\p{L}\\p{N}])+|.`, "gsu");
const UNWRITABLE = /[\x00-\x1f]|[\ud800-\udfff]/gu;
// Characters as JSON writes them inside a string.
const FREE = parseRegex('(?:[^"\\\\\\x00-\\x1f]|\\\\["\\\\nrt])+');

const encoder = new TextEncoder();
export const bytesOf = (text) => encoder.encode(text);

/**
 * The automaton for `root`, a tree of template.js. `options`: `text`, the document; `verbatim`, whether blank leaves
 * are copied too; `jsonStyle` and `missing` of the prompt format; `leafTypes`.
 */
export function compile(root, options) {
  return new Automaton(new Compiler(options).program(root));
}

class Compiler {
  constructor({ text, verbatim, jsonStyle, missing, leafTypes }) {
    this.verbatim = verbatim;
    this.indented = jsonStyle === "indent-4";
    this.missing = JSON.stringify(missing);
    this.leafTypes = leafTypes;
    this.document = new Words(text);
    this.nodes = [];
    this.inValue = false;
  }

  program(root) {
    const end = this.make({ match: true });
    const start = this.value(root, 0, end);
    measure(this.nodes);
    return start;
  }

  make(node) {
    node.id = this.nodes.length;
    node.cost = (this.inValue ? A_VALUE : 0) + (node.low === undefined ? 0 : 1);
    this.nodes.push(node);
    return node;
  }

  // Each of these builds what stands before `next`, and returns where it starts.

  bytes(text, next) {
    return [...bytesOf(text)].reduceRight((after, byte) => this.make({ low: byte, high: byte, next: after }), next);
  }

  either(...to) {
    return this.make({ to });
  }

  line(depth) {
    return this.indented ? "\n" + " ".repeat(4 * depth) : "";
  }

  value(node, depth, next, optional = true) {
    if (node.kind === "object") return this.object(node, depth, next);
    if (node.kind === "list") return this.list(node.item, depth, next);
    if (node.kind === "enum" && node.many) return this.distinct(node, depth, next);
    const content = this.content(() => (node.kind === "enum" ? this.choice(node, next) : this.leaf(node, next)));
    if (!content) return optional ? this.bytes(this.missing, next) : null;
    return optional ? this.either(this.bytes(this.missing, next), content) : content;
  }

  /** What `build` builds, marked as a value, which no completion makes up. */
  content(build) {
    this.inValue = true;
    const built = build();
    this.inValue = false;
    return built;
  }

  object(node, depth, next) {
    let after = this.bytes(`${this.line(depth)}}`, next);
    const fields = [...node.fields];
    for (let index = fields.length - 1; index >= 0; index--) {
      const [key, child] = fields[index];
      const before = index ? "," + (this.line(depth + 1) || " ") : "{" + this.line(depth + 1);
      after = this.bytes(`${before}${JSON.stringify(key)}: `, this.value(child, depth + 1, after));
    }
    return after;
  }

  list(item, depth, next) {
    const again = this.make({ to: [] });
    const first = this.value(item, depth + 1, again, false);
    if (!first) return this.bytes("[]", next);
    again.to = [this.close(depth, next), this.bytes(this.comma(depth), first)];
    return this.either(this.bytes("[]", next), this.open(depth, first));
  }

  open(depth, next) {
    return this.bytes("[" + this.line(depth + 1), next);
  }

  comma(depth) {
    return "," + (this.line(depth + 1) || " ");
  }

  close(depth, next) {
    return this.bytes(this.line(depth) + "]", next);
  }

  choice(node, next) {
    return this.either(...node.choices.map((choice) => this.bytes(JSON.stringify(choice), next)));
  }

  /** A list of choices, each at most once: bit k of `taken` says that choice k was taken. */
  distinct(node, depth, next) {
    if (node.choices.length > MAX_DISTINCT) return this.list({ ...node, many: false }, depth, next);
    const all = (1n << BigInt(node.choices.length)) - 1n;
    const again = this.make({ to: [] });
    const items = node.choices.map((choice, index) => {
      const bit = 1n << BigInt(index);
      const taken = this.make({ act: (mask) => mask | bit, next: again });
      const written = this.content(() => this.bytes(JSON.stringify(choice), taken));
      return this.make({ guard: (mask) => !(mask & bit), next: written });
    });
    const item = this.either(...items);
    const left = this.make({ guard: (mask) => mask !== all, next: this.bytes(this.comma(depth), item) });
    const done = this.make({ act: () => 0n, next: this.close(depth, next) });
    again.to = [done, left];
    return this.either(this.bytes("[]", next), this.open(depth, item));
  }

  /** One value of a type, or null where there is none: nothing to copy. */
  leaf(leaf, next) {
    if (leaf.type === "verbatim-string" || (leaf.type === "blank" && this.verbatim)) {
      if (this.document.isEmpty) return null;
      return this.bytes('"', this.make({ copy: this.document, next: this.bytes('"', next) }));
    }
    const spec = this.leafTypes[leaf.type] ?? { kind: "string" };
    const tree = spec.regex ? parseRegex(spec.regex) : FREE;
    return spec.kind === "string" ? this.bytes('"', this.tree(tree, this.bytes('"', next))) : this.tree(tree, next);
  }

  /** A tree of regex.js, over UTF-8. */
  tree(tree, next) {
    if (tree.set) {
      const sequences = tree.set.flatMap(([low, high]) => utf8Ranges(low, high));
      return this.either(
        ...sequences.map((ranges) => ranges.reduceRight((after, [low, high]) => this.make({ low, high, next: after }), next)),
      );
    }
    if (tree.any) return this.either(...tree.any.map((option) => this.tree(option, next)));
    if (tree.all) return tree.all.reduceRight((after, part) => this.tree(part, after), next);
    return this.repeated(tree, next);
  }

  repeated({ of, least, most }, next) {
    let after = next;
    if (most > LONG) {
      const loop = this.make({ to: [] });
      loop.to = [this.tree(of, loop), next];
      after = loop;
    } else {
      for (let count = least; count < most; count++) after = this.either(this.tree(of, after), next);
    }
    for (let count = 0; count < least; count++) after = this.tree(of, after);
    return after;
  }
}

/** Sets `rest` of every node. What comes next was made before, loops aside, so a few passes settle it. */
function measure(nodes) {
  for (const node of nodes) node.rest = node.match ? 0 : Infinity;
  for (let changed = true; changed; ) {
    changed = false;
    for (const node of nodes) {
      const after = node.to ? Math.min(...node.to.map((next) => next.rest)) : (node.next?.rest ?? 0);
      if (node.cost + after === node.rest) continue;
      node.rest = node.cost + after;
      changed = true;
    }
  }
}

/** The words of a document as JSON writes them, and the runs of them that a value may be, found as they are asked for. */
class Words {
  constructor(text) {
    const plain = collapse(text).text.replace(UNWRITABLE, "\0");
    const words = (plain.match(WORD) ?? []).map((word) => ('"\\'.includes(word) ? `\\${word}` : word));
    const coded = words.map(bytesOf);
    const size = coded.reduce((sum, word) => sum + word.length, 0);
    this.bytes = new Uint8Array(size);
    this.ends = new Uint8Array(size + 1);
    const starts = [];
    let at = 0;
    for (const [index, word] of coded.entries()) {
      this.bytes.set(word, at);
      const isContent = words[index] !== " " && words[index] !== "\0";
      if (isContent) starts.push(at);
      at += word.length;
      if (isContent) this.ends[at] = 1;
    }
    this.isEmpty = !starts.length;
    this.count = 0;
    this.root = this.run(Int32Array.from(starts));
    this.root.end = false;
  }

  /** A run that may end at any of these places of the document; `id` tells runs apart. */
  run(places) {
    return { id: this.count++, places, end: places.some((place) => this.ends[place]), next: new Map() };
  }

  /** The run one byte longer, or null. */
  step(run, byte) {
    let next = run.next.get(byte);
    if (next === undefined) {
      const places = byte < 0x20 ? [] : run.places.filter((place) => this.bytes[place] === byte);
      next = places.length ? this.run(places.map((place) => place + 1)) : null;
      run.next.set(byte, next);
    }
    return next;
  }
}

/** The deterministic automaton of a program; its states are made as they are reached. */
export class Automaton {
  constructor(start) {
    this.states = new Map();
    this.start = this.state([{ node: start, taken: 0n, run: null }]);
  }

  /** The state after one more byte, or null where no answer goes on so. */
  step(state, byte) {
    const known = state.next[byte];
    if (known !== undefined) return known;
    const moved = [];
    for (const { node, taken, run } of state.places) {
      if (node.copy) {
        const longer = node.copy.step(run, byte);
        if (longer) moved.push({ node, taken, run: longer });
      } else if (node.low <= byte && byte <= node.high) {
        moved.push({ node: node.next, taken, run: null });
      }
    }
    const next = moved.length ? this.state(moved) : null;
    state.next[byte] = next?.places.length || next?.done ? next : null;
    return state.next[byte];
  }

  state(places) {
    const found = new Map();
    const left = [...places];
    let done = false;
    while (left.length) {
      let { node, taken, run } = left.pop();
      if (node.match) {
        done = true;
      } else if (node.to) {
        left.push(...node.to.map((next) => ({ node: next, taken, run: null })));
      } else if (node.next && node.low === undefined && !node.copy) {
        if (!node.guard || node.guard(taken)) {
          left.push({ node: node.next, taken: node.act ? node.act(taken) : taken, run: null });
        }
      } else {
        if (node.copy) run ??= node.copy.root;
        const key = `${node.id}/${taken}/${run?.id ?? ""}`;
        if (found.has(key)) continue;
        found.set(key, { node, taken, run });
        if (run?.end) left.push({ node: node.next, taken, run: null });
      }
    }
    const key = [...found.keys()].sort().join() + (done ? ";" : "");
    let state = this.states.get(key);
    if (!state) {
      state = { places: [...found.values()], done, next: new Array(256), mask: null };
      this.states.set(key, state);
    }
    return state;
  }

  /** The bytes that may follow. */
  following(state) {
    const bytes = [];
    for (let byte = 0; byte < 256; byte++) if (this.step(state, byte)) bytes.push(byte);
    return bytes;
  }

  /** The only byte that may follow, or -1. */
  forcedByte(state) {
    if (state.forced === undefined) {
      const bytes = state.done ? [] : this.following(state);
      state.forced = bytes.length === 1 ? bytes[0] : -1;
    }
    return state.forced;
  }

  /** Whether an answer can end from here with null, [] and punctuation alone: not within a value. */
  endsWithoutValue(state) {
    return state.done || state.places.some(({ node }) => node.rest < A_VALUE);
  }

  /** The bytes of the cheapest way to the end, from where `endsWithoutValue`. */
  completion(state) {
    const bytes = [];
    while (!state.done) {
      const { node } = state.places.reduce((best, place) => (place.node.rest < best.node.rest ? place : best));
      bytes.push(node.low);
      state = this.step(state, node.low);
    }
    return Uint8Array.from(bytes);
  }
}
