// The model of a page: loaded for the first device that computes it right, then asked. How far that is, and what went
// wrong, stands in the card #model, which every page has. It starts the worker that holds the model, and knows no
// tokens, no inputs and no results.

import { attempts, capabilities, deviceName } from "./devices.js";
import { element, span } from "./dom.js";
import { explain, fetchFile, PageFault } from "./faults.js";

const BASE = new URL(".", document.baseURI).href;
// Faults that no other device would mend.
const FINAL = new Set(["offline", "missing", "changed", "server"]);
// Faults that end the model and not only an answer.
const FATAL = new Set(["gpu", "memory"]);

export class Model {
  settings = null;
  ready = false;
  busy = false;
  failed = false;
  #worker = null;
  #loading = new Map();
  #on;

  /**
   * `on` has a function for what the worker sends: `reading`, `writing`, `answer` and `fault`, each with the message,
   * the last also with whether it ended an answer; and `changed`, called when the model becomes ready, fails, begins or
   * ends an answer.
   */
  constructor(on) {
    this.#on = on;
    element("retry").addEventListener("click", () => location.reload());
  }

  /** smolkit_page.json; or null where it cannot be had, which the page then says. */
  async readSettings() {
    try {
      this.settings = await (await fetchFile("smolkit_page.json")).json();
    } catch (error) {
      this.#fail(explain(error));
    }
    return this.settings;
  }

  /** Loads the model, and says so in the card. */
  async load() {
    const only = new URLSearchParams(location.search).get("device");
    const left = attempts(await capabilities(), this.settings, only);
    let fault = new PageFault("gpu", noAttempt(only));
    while (left.length) {
      const attempt = left.shift();
      setStatus("loading", `Loading the model for ${attempt.device === "webgpu" ? "the graphics processor" : "the processor"}…`);
      try {
        const { selftest, threads } = await this.#try(attempt);
        if (selftest.passed) {
          this.#becomeReady(attempt, threads);
          return;
        }
        fault = new PageFault("selftest", "No device of this browser computes the model as it should, so it is not used.");
        notify(failedTest(attempt, left[0]));
      } catch (error) {
        fault = explain(error);
        if (FINAL.has(fault.kind)) break;
        if (left.length) notify(`${deviceLabel(attempt)} could not load the model; trying another way. (${fault.message})`);
      }
      this.#worker.terminate();
    }
    this.#fail(fault);
  }

  /** Begins an answer: `template` is JSON text, `verbatim` holds blank fields to words of the text. */
  fill({ template, text, verbatim }) {
    this.busy = true;
    this.#worker.postMessage({ type: "fill", template, text, verbatim });
    this.#on.changed();
  }

  /** Ends an answer: it comes at once, with what is there. */
  stop() {
    this.#worker.postMessage({ type: "stop" });
  }

  /**
   * The buttons that begin and end an answer, as the model stands. `usable` says whether the inputs are; a button that
   * goes away hands the focus on, to `otherwise` at last, so that the keyboard stays where it was.
   */
  showButtons({ start, stop, label, usable, otherwise }) {
    element(start).disabled = !this.ready || this.busy || !usable;
    element(start).textContent = this.busy ? "Working…" : this.ready || this.failed ? label : "Waiting for the model";
    const focused = document.activeElement;
    element(stop).hidden = !this.busy;
    if (this.busy && focused === element(start)) element(stop).focus();
    if (!this.busy && focused === element(stop)) element(element(start).disabled ? otherwise : start).focus();
  }

  /** Starts a worker on one device; resolves when it is ready, rejects with its fault. */
  #try(attempt) {
    this.#loading.clear();
    this.#showFiles();
    this.#worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    return new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }) => {
        if (data.type === "ready") resolve(data);
        else if (data.type === "fault") reject(new PageFault(data.kind, data.message, data.more));
        else if (data.type === "progress") this.#showProgress(data);
        else if (data.type === "preparing") showPreparing();
      };
      this.#worker.onerror = (event) => reject(new PageFault("other", `The worker could not start: ${event.message ?? "unknown"}`));
      this.#worker.postMessage({ type: "load", page: this.settings, base: BASE, attempt });
    });
  }

  #becomeReady(attempt, threads) {
    this.ready = true;
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = (event) => {
      this.#receive({ type: "fault", kind: "gpu", message: `The model stopped: ${event.message ?? "unknown"}` });
    };
    element("model").dataset.device = attempt.device;
    element("model").dataset.subgroups = attempt.subgroups ?? false;
    element("model").dataset.unpacked = Boolean(attempt.parts);
    element("progress").hidden = true;
    element("files").hidden = true;
    setStatus("ready", `Ready, on ${deviceName(attempt, threads)}. It works offline from here on.`);
    this.#on.changed();
  }

  #receive(message) {
    const wasBusy = this.busy;
    const ends = message.type === "answer" || message.type === "fault";
    if (ends) this.busy = false;
    if (message.type === "fault" && FATAL.has(message.kind)) this.#fail(message);
    this.#on[message.type]?.(message, wasBusy);
    if (ends) this.#on.changed();
  }

  #fail(fault) {
    this.#worker?.terminate();
    this.ready = false;
    this.failed = true;
    setStatus("failed", "The model is not loaded.");
    element("progress").hidden = true;
    element("fault").hidden = false;
    element("fault").textContent = fault.message;
    element("fault").title = fault.more ?? "";
    element("retry").hidden = false;
    this.#on.changed();
  }

  #showProgress({ file, loaded, total }) {
    this.#loading.set(file, { loaded, total: total || loaded });
    this.#showFiles();
  }

  #showFiles() {
    const files = [...this.#loading].filter(([, { total }]) => total > 100_000);
    const rows = files.map(([file, { loaded, total }]) => {
      const row = document.createElement("li");
      row.append(span(file), span(loaded < total ? `${megabytes(loaded)} of ${megabytes(total)} MB` : `${megabytes(total)} MB`));
      return row;
    });
    element("files").replaceChildren(...rows);
    const sum = (key) => files.reduce((all, [, sizes]) => all + sizes[key], 0);
    if (sum("loaded") < sum("total") || !sum("total")) element("progress").value = sum("total") ? sum("loaded") / sum("total") : 0;
  }
}

/** What an answer took, in a line. */
export function figures(answer) {
  const { firstTokenMs, decodeMs, newTokens, forcedTokens, promptTokens } = answer;
  const parts = [
    `${(answer.totalMs / 1000).toFixed(1)} s`,
    `first token after ${(firstTokenMs / 1000).toFixed(1)} s`,
    ...(decodeMs > 0 ? [`${(newTokens / (decodeMs / 1000)).toFixed(1)} tokens/s`] : []),
    `${promptTokens} prompt tokens`,
    `${newTokens} new tokens, ${forcedTokens} of them forced by the template`,
  ];
  if (answer.stopped) parts.push("stopped: fields not yet reached are empty");
  if (answer.truncated) parts.push("cut short: the answer reached its limit");
  return parts.join(" · ");
}

function setStatus(state, line) {
  element("model").dataset.state = state;
  element("status").textContent = line;
}

function showPreparing() {
  setStatus("loading", "Preparing and testing the model. This can take a minute…");
  element("progress").removeAttribute("value"); // how far it is, nobody knows
}

function notify(line) {
  element("notice").hidden = false;
  element("notice").textContent = line;
}

function noAttempt(only) {
  if (only === "webgpu") return "This browser has no graphics processor for pages, and the address asks for one.";
  return "This browser can run none of the files of this export. Export q4 as well, which runs everywhere.";
}

function failedTest(attempt, next) {
  const what = `${deviceLabel(attempt)} computed the self-test wrongly`;
  if (!next) return `${what}.`;
  if (next.device === "webgpu") return `${what}; it is used another way now.`;
  return `${what}, so the model runs on the processor, which is slower.`;
}

function deviceLabel({ device }) {
  return device === "webgpu" ? "The graphics processor" : "The processor";
}

function megabytes(bytes) {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}
