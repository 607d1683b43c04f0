// The tokens of a byte-level vocabulary as a tree of bytes, and what an automaton allows of them.

/** The byte that each character of a byte-level vocabulary stands for. */
function byteOfCharacter() {
  const plain = [...range(33, 126), ...range(161, 172), ...range(174, 255)];
  const known = new Map(plain.map((byte) => [String.fromCharCode(byte), byte]));
  let next = 256;
  for (let byte = 0; byte < 256; byte++) if (!plain.includes(byte)) known.set(String.fromCharCode(next++), byte);
  return known;
}

function range(first, last) {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

export class Vocabulary {
  /** `tokens`: [string, id] of the vocabulary as tokenizer.json has it; `special` ids are never allowed. */
  constructor(tokens, special) {
    const byteOf = byteOfCharacter();
    this.bytes = [];
    for (const [token, id] of tokens) {
      if (!special.has(id)) this.bytes[id] = Uint8Array.from([...token].map((char) => byteOf.get(char) ?? 0));
    }
    this.size = Math.max(...tokens.map(([, id]) => id)) + 1;
    this.longest = this.bytes.reduce((most, bytes) => Math.max(most, bytes.length), 0);
    this.plant();
  }

  /** The tree, as arrays over its nodes: byte, token that ends there (or -1), first child and next sibling (or 0). */
  plant() {
    const size = this.bytes.reduce((sum, bytes) => sum + bytes.length, 1);
    this.byte = new Uint8Array(size);
    this.token = new Int32Array(size).fill(-1);
    this.child = new Int32Array(size);
    this.sibling = new Int32Array(size);
    let count = 1;
    for (const [id, bytes] of this.bytes.entries()) {
      let node = 0;
      for (const byte of bytes ?? []) {
        let child = this.find(node, byte);
        if (!child) {
          child = count++;
          this.byte[child] = byte;
          this.sibling[child] = this.child[node];
          this.child[node] = child;
        }
        node = child;
      }
      if (node) this.token[node] = id;
    }
  }

  /** The child of `node` by `byte`, or 0. */
  find(node, byte) {
    let child = this.child[node];
    while (child && this.byte[child] !== byte) child = this.sibling[child];
    return child;
  }

  /** Ids of all tokens that keep to the automaton from `state` on. */
  allowed(automaton, state) {
    if (state.mask) return state.mask;
    const ids = [];
    const left = [[0, state]];
    while (left.length) {
      const [node, reached] = left.pop();
      for (let child = this.child[node]; child; child = this.sibling[child]) {
        const next = automaton.step(reached, this.byte[child]);
        if (!next) continue;
        if (this.token[child] >= 0) ids.push(this.token[child]);
        left.push([child, next]);
      }
    }
    state.mask = Int32Array.from(ids);
    return state.mask;
  }

  /**
   * Tokens for what the automaton forces from `state` on. A token may be longer than the forced text, so the text is
   * cut before the first place from which a longer token could start, for the model to choose there.
   */
  forced(automaton, state, encode) {
    const bytes = [];
    let end = state;
    for (let byte = automaton.forcedByte(end); byte >= 0; byte = automaton.forcedByte(end)) {
      bytes.push(byte);
      end = automaton.step(end, byte);
    }
    let text;
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(bytes));
    } catch {
      return []; // begins or ends within a character
    }
    const cut = end.done ? bytes.length : this.firstOverlap(automaton, end, bytes);
    const ids = [];
    let at = 0;
    for (const id of text ? encode(text) : []) {
      at += this.bytes[id]?.length ?? bytes.length + 1;
      if (at > cut) break;
      ids.push(id);
    }
    return ids;
  }

  firstOverlap(automaton, end, bytes) {
    for (let at = Math.max(0, bytes.length - this.longest); at < bytes.length; at++) {
      let node = 0;
      for (let index = at; index < bytes.length; index++) {
        node = this.find(node, bytes[index]);
        if (!node) break;
      }
      if (node && this.goesOn(automaton, end, node)) return at;
    }
    return bytes.length;
  }

  goesOn(automaton, state, node) {
    for (let child = this.child[node]; child; child = this.sibling[child]) {
      const next = automaton.step(state, this.byte[child]);
      if (next && (this.token[child] >= 0 || this.goesOn(automaton, next, child))) return true;
    }
    return false;
  }
}
