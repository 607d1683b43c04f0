// The page: starts the worker that holds the model, and shows what it says. It knows no tokens and no logits.

import { attempts, capabilities, deviceName } from "./devices.js";
import { explain, fetchFile, PageFault } from "./faults.js";
import { segments } from "./spans.js";
import { leaves, readTemplate, TemplateFault } from "./template.js";

const BASE = new URL(".", document.baseURI).href;
// Faults that no other device would mend.
const FINAL = new Set(["offline", "missing", "changed", "server"]);

const element = (id) => document.getElementById(id);
const page = { settings: null, worker: null, ready: false, busy: false, loading: new Map(), result: "", text: "" };

start();

async function start() {
  element("retry").addEventListener("click", () => location.reload());
  try {
    page.settings = await (await fetchFile("smolkit_page.json")).json();
  } catch (error) {
    showFault(explain(error));
    return;
  }
  document.title = page.settings.title;
  element("title").textContent = page.settings.title;
  showTypes(page.settings.leaf_types);
  fillExamples(page.settings.examples);
  listen();
  await loadModel();
}

function listen() {
  element("template").addEventListener("input", checkTemplate);
  element("text").addEventListener("input", checkText);
  element("example").addEventListener("change", () => useExample(Number(element("example").value)));
  element("fill").addEventListener("click", fill);
  element("stop").addEventListener("click", stop);
  element("copy").addEventListener("click", copy);
  element("download").addEventListener("click", download);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !element("fill").disabled) fill();
    if (event.key === "Escape" && page.busy) stop();
  });
}

// ---- the model

async function loadModel() {
  const only = new URLSearchParams(location.search).get("device");
  const left = attempts(await capabilities(), page.settings, only);
  let fault = new PageFault("gpu", noAttempt(only));
  while (left.length) {
    const attempt = left.shift();
    setStatus("loading", `Loading the model for ${attempt.device === "webgpu" ? "the graphics processor" : "the processor"}…`);
    try {
      const { selftest, threads } = await tryAttempt(attempt);
      if (selftest.passed) {
        becomeReady(attempt, threads);
        return;
      }
      fault = new PageFault("selftest", "No device of this browser computes the model as it should, so it is not used.");
      notify(failedTest(attempt, left[0]));
    } catch (error) {
      fault = explain(error);
      if (FINAL.has(fault.kind)) break;
      if (left.length) notify(`${deviceLabel(attempt)} could not load the model; trying another way. (${fault.message})`);
    }
    page.worker.terminate();
  }
  showFault(fault);
}

function noAttempt(only) {
  if (only === "webgpu") return "This browser has no graphics processor for pages, and the address asks for one.";
  return "This browser can run none of the files of this export. Export q4 as well, which runs everywhere.";
}

/** Starts a worker on one device; resolves when it is ready, rejects with its fault. */
function tryAttempt(attempt) {
  page.loading.clear();
  showFiles();
  page.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    page.worker.onmessage = ({ data }) => {
      if (data.type === "ready") resolve(data);
      else if (data.type === "fault") reject(new PageFault(data.kind, data.message, data.more));
      else if (data.type === "progress") showProgress(data);
      else if (data.type === "preparing") showPreparing();
    };
    page.worker.onerror = (event) => reject(new PageFault("other", `The worker could not start: ${event.message ?? "unknown"}`));
    page.worker.postMessage({ type: "load", page: page.settings, base: BASE, attempt });
  });
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

function becomeReady(attempt, threads) {
  page.ready = true;
  page.worker.onmessage = ({ data }) => onMessage[data.type]?.(data);
  page.worker.onerror = (event) => onMessage.fault(new PageFault("gpu", `The model stopped: ${event.message ?? "unknown"}`));
  element("model").dataset.device = attempt.device;
  element("model").dataset.subgroups = attempt.subgroups ?? false;
  element("model").dataset.unpacked = Boolean(attempt.parts);
  element("progress").hidden = true;
  element("files").hidden = true;
  setStatus("ready", `Ready, on ${deviceName(attempt, threads)}. It works offline from here on.`);
  showButtons();
}

function showProgress({ file, loaded, total }) {
  page.loading.set(file, { loaded, total: total || loaded });
  showFiles();
}

function showFiles() {
  const files = [...page.loading].filter(([, { total }]) => total > 100_000);
  const rows = files.map(([file, { loaded, total }]) => {
    const row = document.createElement("li");
    row.append(span(file), span(loaded < total ? `${megabytes(loaded)} of ${megabytes(total)} MB` : `${megabytes(total)} MB`));
    return row;
  });
  element("files").replaceChildren(...rows);
  const sum = (key) => files.reduce((all, [, sizes]) => all + sizes[key], 0);
  if (sum("loaded") < sum("total") || !sum("total")) element("progress").value = sum("total") ? sum("loaded") / sum("total") : 0;
}

function showPreparing() {
  setStatus("loading", "Preparing and testing the model. This can take a minute…");
  element("progress").removeAttribute("value"); // how far it is, nobody knows
}

function setStatus(state, line) {
  element("model").dataset.state = state;
  element("status").textContent = line;
}

function notify(line) {
  element("notice").hidden = false;
  element("notice").textContent = line;
}

function showFault(fault) {
  page.worker?.terminate();
  page.ready = false;
  page.failed = true;
  setStatus("failed", "The model is not loaded.");
  element("progress").hidden = true;
  element("fault").hidden = false;
  element("fault").textContent = fault.message;
  element("fault").title = fault.more ?? "";
  element("retry").hidden = false;
  showButtons();
}

// ---- the inputs

function fillExamples(examples) {
  const options = examples.map(({ name }, index) => new Option(name, index));
  element("example").replaceChildren(...options);
  element("example").closest(".field").hidden = !examples.length;
  if (examples.length) useExample(0);
  else checkTemplate();
}

function useExample(index) {
  const { template, text, verbatim } = page.settings.examples[index];
  element("template").value = template;
  element("text").value = text;
  element("verbatim").checked = verbatim;
  clearResult();
  checkTemplate();
  checkText();
}

function checkTemplate() {
  let line = "";
  let isBad = false;
  try {
    const count = [...leaves(readTemplate(element("template").value, page.settings.leaf_types).root)].length;
    line = `${count} field${count > 1 ? "s" : ""}, ready`;
  } catch (error) {
    if (!(error instanceof TemplateFault)) throw error;
    line = error.message;
    isBad = true;
  }
  remark("template-status", line, isBad);
  element("template").setAttribute("aria-invalid", isBad);
  page.isTemplateBad = isBad;
  showButtons();
}

function checkText() {
  const { length } = element("text").value.trim();
  page.isTextBad = !length;
  element("text-length").textContent = length ? `${length.toLocaleString("en")} characters` : "";
  remark("text-status", length ? "" : "Paste a text, or choose an example.", false);
  showButtons();
}

function showButtons() {
  element("fill").disabled = !page.ready || page.busy || page.isTemplateBad || page.isTextBad;
  element("fill").textContent = page.busy ? "Filling…" : page.ready || page.failed ? "Fill the template" : "Waiting for the model";
  // A button that goes away hands the focus on, so that the keyboard stays where it was.
  const focused = document.activeElement;
  element("stop").hidden = !page.busy;
  if (page.busy && focused === element("fill")) element("stop").focus();
  if (!page.busy && focused === element("stop")) element(element("fill").disabled ? "template" : "fill").focus();
  for (const id of ["copy", "download"]) element(id).disabled = page.busy || !page.result;
}

function showTypes(leafTypes) {
  const others = [
    ['""', "any text; a template of such fields alone is one of the blank style"],
    ['["a", "b"]', "one of the choices"],
    ['[["a", "b"]]', "any of the choices"],
    ['["date"]', "a list; its one element is the pattern of the items"],
    ['{"name": "string"}', "an object"],
  ];
  const typed = Object.entries(leafTypes).map(([name, type]) => [`"${name}"`, `${type.description}, as ${type.example}`]);
  const rows = [...typed, ...others].map(([name, meaning]) => {
    const row = document.createElement("div");
    row.append(span(name, "", "dt"), span(meaning, "", "dd"));
    return row;
  });
  element("types").replaceChildren(...rows);
}

// ---- an answer

function fill() {
  clearResult();
  page.busy = true;
  page.text = element("text").value;
  remark("figures", "Filling the template…", false);
  page.worker.postMessage({
    type: "fill",
    template: element("template").value,
    text: page.text,
    verbatim: element("verbatim").checked,
  });
  showButtons();
  element("result-heading").scrollIntoView({ block: "nearest" });
}

function stop() {
  page.worker.postMessage({ type: "stop" });
  element("stop").disabled = true;
}

const onMessage = {
  reading({ tokens, total }) {
    if (tokens) element("steps").textContent = `Reading the text: ${tokens} of ${total} tokens`;
  },
  writing({ text, tokens }) {
    element("result").textContent = text;
    element("steps").textContent = `Writing: ${tokens} tokens`;
  },
  answer(answer) {
    endRun();
    page.result = answer.json;
    showJson(answer.json);
    remark("figures", figures(answer), answer.truncated);
    showLeft(answer.left);
    showMarked(page.text, answer.places);
    showButtons();
  },
  fault(fault) {
    if (page.busy) element("result").textContent = "";
    endRun();
    if (fault.kind === "gpu" || fault.kind === "memory") showFault(fault);
    remark("figures", fault.message, true);
    showButtons();
  },
};

function endRun() {
  page.busy = false;
  element("steps").textContent = "";
  element("stop").disabled = false;
}

function clearResult() {
  page.result = "";
  element("result").textContent = "";
  element("left").hidden = true;
  element("marked").hidden = true;
  element("marked-heading").hidden = true;
  remark("figures", "", false);
  showButtons();
}

function figures(answer) {
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

/** JSON with its keys and values told apart; everything is text, whatever it holds. */
function showJson(json) {
  const pieces = json.split(/^(\s*"(?:[^"\\]|\\.)*")(?=: )/m).flatMap((piece, index) => {
    if (index % 2) return [span(piece, "key")];
    return piece.split(/("(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false)/).map((part, at) => span(part, at % 2 ? "value" : ""));
  });
  element("result").replaceChildren(...pieces.filter((piece) => piece.textContent));
}

function showLeft(left) {
  element("left").hidden = !left.length;
  element("left").replaceChildren(...left.map(([path, why]) => span(`${path} was left out: ${why}`, "", "li")));
}

function showMarked(text, places) {
  const hues = new Map();
  const hueOf = (field) => hues.get(field) ?? hues.set(field, (hues.size * 67 + 170) % 360).get(field);
  const pieces = segments(text, places).map(([piece, fields]) => {
    if (!fields.length) return span(piece);
    const mark = span(piece, "", "mark");
    mark.style.setProperty("--hue", hueOf(fields[0]));
    mark.append(span(fields.join(", "), "tag"));
    return mark;
  });
  element("marked").replaceChildren(...pieces);
  element("marked").hidden = false;
  element("marked-heading").hidden = false;
}

async function copy() {
  try {
    await navigator.clipboard.writeText(page.result);
    remark("figures", "Copied.", false);
  } catch {
    getSelection().selectAllChildren(element("result"));
    remark("figures", "This browser does not let the page copy. The result is selected: copy it with the keyboard.", true);
  }
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([page.result + "\n"], { type: "application/json" }));
  link.download = "extraction.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// ---- small things

function remark(id, line, isBad) {
  if (element(id).textContent !== line) element(id).textContent = line; // a screen reader says what is set
  element(id).classList.toggle("bad", isBad);
}

function span(text, className = "", tag = "span") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function megabytes(bytes) {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}
