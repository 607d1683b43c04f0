// Greedy decoding of one answer, held to its automaton.
//
// As smolkit/runtime/decoding.py: what the template forces is fed to the model together with the token it chose, so
// keys and punctuation cost no step of their own. An answer that is stopped, or has used up its tokens, is brought to
// its end without the model: cut back to its last whole value, the rest missing.

const LIST_ENDS = ['"}]', '"]', "}]", "]", "\n", '"'];
const LOOP = /(.{1,300}?)\1{3}$/s;
const CHUNK = 256;

/** Feeds a model that remembers what it was fed. `forward(ids)` resolves to the logits after the last of them. */
export async function prefill(model, ids, between = async () => false) {
  let logits = null;
  for (let at = 0; at < ids.length; at += CHUNK) {
    if (await between(at)) return null;
    logits = await model.forward(ids.slice(at, at + CHUNK));
  }
  return logits;
}

export class Answer {
  /** `encode` turns plain text into ids. */
  constructor(automaton, vocabulary, encode) {
    this.automaton = automaton;
    this.vocabulary = vocabulary;
    this.encode = encode;
    this.bytes = [];
    this.states = [automaton.start]; // states[n] is the one after n bytes
    this.tokens = 0;
    this.forced = 0;
    this.listEnds = LIST_ENDS.map((text) => encode(text)).flatMap((ids) => (ids.length === 1 ? ids : []));
  }

  get state() {
    return this.states.at(-1);
  }

  get text() {
    return new TextDecoder().decode(Uint8Array.from(this.bytes));
  }

  /** The ids that leave no choice, taken. */
  takeForced() {
    if (this.state.done) return [];
    const ids = this.vocabulary.forced(this.automaton, this.state, this.encode);
    for (const id of ids) this.take(id);
    this.forced += ids.length;
    return ids;
  }

  take(id) {
    this.append(this.vocabulary.bytes[id]);
    this.tokens += 1;
  }

  append(bytes) {
    for (const byte of bytes) {
      this.states.push(this.automaton.step(this.state, byte));
      this.bytes.push(byte);
    }
  }

  /** The most likely token of those allowed, taken; or -1 where none is. */
  choose(logits) {
    const allowed = this.vocabulary.allowed(this.automaton, this.state);
    let best = -1;
    for (const id of allowed) if (best < 0 || logits[id] > logits[best]) best = id;
    if (best < 0) return -1;
    best = this.endOfLoop(best, allowed) ?? best;
    this.take(best);
    return best;
  }

  /** The end of a list in place of a token that would add to the same item over and over. */
  endOfLoop(id, allowed) {
    const end = this.listEnds.find((token) => allowed.includes(token));
    if (end === undefined || end === id) return null;
    const token = new TextDecoder().decode(this.vocabulary.bytes[id]);
    if (!token.replace(/^[ "}]+/, "").startsWith(",")) return null;
    const found = LOOP.exec(this.text.slice(-1300));
    if (!found) return null;
    return found[1].includes('"') || (found[1].includes(",") && !isInsideString(this.text)) ? end : null;
  }

  /** Cut back to the last whole value and closed: what the model has not come to is missing. */
  close() {
    let length = this.bytes.length;
    const isEnd = () => this.states[length].done;
    const isCut = () => isWithinScalar(this.bytes, length) || !this.automaton.endsWithoutValue(this.states[length]);
    while (length > 0 && !isEnd() && isCut()) length -= 1;
    this.bytes.length = length;
    this.states.length = length + 1;
    this.append(this.automaton.completion(this.state));
  }
}

/** Whether a string of this JSON text is not closed yet. */
function isInsideString(text) {
  return (text.replace(/\\./gs, "").match(/"/g) ?? []).length % 2 === 1;
}

/** Whether the byte before `at` belongs to a number or a word such as null, which may go on. */
function isWithinScalar(bytes, at) {
  return /[0-9a-zA-Z.+-]/.test(String.fromCharCode(bytes[at - 1] ?? 0));
}

/**
 * Runs `answer` to its end. `watch.reading(tokens)` and `watch.writing(answer)` are called on the way and resolve to
 * true to stop. Returns {stopped, truncated, firstTokenMs, decodeMs}; a new prompt needs a model that was reset.
 */
export async function decode(model, prompt, answer, maxTokens, watch) {
  const began = performance.now();
  const close = (reason) => {
    answer.close();
    return { stopped: reason === "stopped", truncated: reason === "truncated", ...times };
  };
  const times = { firstTokenMs: 0, decodeMs: 0 };
  let logits = await prefill(model, [...prompt, ...answer.takeForced()], watch.reading);
  times.firstTokenMs = performance.now() - began;
  while (logits && !answer.state.done) {
    if (answer.tokens >= maxTokens) return close("truncated");
    const chosen = answer.choose(logits);
    if (chosen < 0) return close("truncated");
    const following = [chosen, ...answer.takeForced()];
    const stop = await watch.writing(answer);
    times.decodeMs = performance.now() - began - times.firstTokenMs;
    if (stop && !answer.state.done) return close("stopped");
    if (!answer.state.done) logits = await model.forward(following);
  }
  return answer.state.done ? { stopped: false, truncated: false, ...times } : close("stopped");
}
