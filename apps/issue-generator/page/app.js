// The page on which a text becomes an issue: its inputs, and the issue as it grows.

import { copy, element, listenForKeys, remark, save, showJson, span } from "./dom.js";
import { fieldsLine, growing, heading, markdown, parts } from "./issue.js";
import { parse, pretty, write } from "./json.js";
import { figures, Model } from "./model.js";
import { SchemaFault, templateFromJsonSchema } from "./schema.js";
import { leaves, readTemplate } from "./template.js";

const TABS = ["issue", "markdown", "json"];
const page = { template: "", isTextBad: false, title: "", markdown: "", json: "" };
const model = new Model({
  changed: showButtons,
  reading({ tokens, total }) {
    if (tokens) element("steps").textContent = `Reading the text: ${tokens} of ${total} tokens`;
  },
  writing({ text, tokens }) {
    showIssue(growing(text), true);
    element("steps").textContent = `Writing: ${tokens} tokens`;
  },
  answer: showAnswer,
  fault({ message }, wasBusy) {
    if (wasBusy) clearResult();
    remark("figures", message, true);
  },
});

start();

async function start() {
  showIssue(new Map());
  const settings = await model.readSettings();
  if (!settings) return;
  document.title = settings.title;
  fillExamples(settings.examples);
  useStandardSchema();
  listen();
  await model.load();
}

function listen() {
  element("example").addEventListener("change", () => useExample(Number(element("example").value)));
  element("text").addEventListener("input", checkText);
  element("schema").addEventListener("input", checkSchema);
  element("standard").addEventListener("click", useStandardSchema);
  element("generate").addEventListener("click", generate);
  element("stop").addEventListener("click", stop);
  for (const what of ["title", "markdown", "json"]) {
    element(`copy-${what}`).addEventListener("click", () => copyResult(what));
  }
  element("download").addEventListener("click", () => save("issue.json", page.json + "\n", "application/json"));
  for (const name of TABS) element(`tab-${name}`).addEventListener("click", () => showTab(name));
  element("tab-issue").parentElement.addEventListener("keydown", moveTab);
  listenForKeys("generate", "stop");
}

// ---- the inputs

function fillExamples(examples) {
  element("example").replaceChildren(...examples.map(({ name }, index) => new Option(name, index)));
  useExample(0);
}

function useExample(index) {
  element("text").value = model.settings.examples[index].text;
  clearResult();
  checkText();
}

function useStandardSchema() {
  element("schema").value = model.settings.schema;
  checkSchema();
}

/** Makes the template, or says what is wrong with the schema; either way, what there is to know about it. */
function checkSchema() {
  const { leaf_types: leafTypes } = model.settings;
  let found = { line: "", reports: [] };
  page.template = "";
  try {
    const { template, reports } = templateFromJsonSchema(element("schema").value, leafTypes);
    page.template = write(template);
    found = { line: fieldsLine([...leaves(readTemplate(page.template, leafTypes).root)].map(([path]) => path)), reports };
  } catch (error) {
    if (!(error instanceof SchemaFault)) throw error;
    found.line = error.message;
  }
  remark("schema-line", found.line, !page.template);
  element("schema").setAttribute("aria-invalid", !page.template);
  element("not-kept").hidden = !found.reports.length;
  element("not-kept").replaceChildren(...found.reports.map((line) => span(`not kept: ${line}`, "", "li")));
  showButtons();
}

function checkText() {
  const { length } = element("text").value.trim();
  page.isTextBad = !length;
  element("text-length").textContent = length ? `${length.toLocaleString("en")} characters` : "";
  remark("text-status", length ? "" : "Paste a text, or choose an example.");
  showButtons();
}

function showButtons() {
  const usable = Boolean(page.template) && !page.isTextBad;
  model.showButtons({ start: "generate", stop: "stop", label: "Generate the issue", usable, otherwise: "text" });
  for (const what of ["title", "markdown", "json"]) element(`copy-${what}`).disabled = model.busy || !page[what];
  element("download").disabled = model.busy || !page.json;
}

// ---- an issue

function generate() {
  clearResult();
  remark("figures", "Generating the issue…");
  model.fill({ template: page.template, text: element("text").value, verbatim: false });
  showIssue(new Map(), true);
  showTab("issue");
  element("tab-issue").scrollIntoView({ block: "nearest" });
}

function stop() {
  model.stop();
  element("stop").disabled = true;
}

function showAnswer(answer) {
  clearResult();
  const issue = parse(answer.json);
  page.title = parts(issue).find(({ kind }) => kind === "title")?.value ?? "";
  page.markdown = markdown(issue);
  page.json = answer.json;
  showIssue(issue);
  element("markdown").textContent = page.markdown;
  showJson("json", answer.json);
  remark("figures", figures(answer), answer.truncated);
  element("left").hidden = !answer.left.length;
  element("left").replaceChildren(...answer.left.map(([path, why]) => span(`${path} was left out: ${why}`, "", "li")));
}

function clearResult() {
  Object.assign(page, { title: "", markdown: "", json: "" });
  showIssue(new Map());
  for (const id of ["markdown", "json", "steps"]) element(id).textContent = "";
  element("stop").disabled = false;
  element("left").hidden = true;
  remark("figures", "");
  remark("said", "");
  showButtons();
}

/** An issue with its chips; `isGrowing` while the model writes it. Every value is text, whatever it holds. */
function showIssue(issue, isGrowing = false) {
  const found = parts(issue);
  const card = span(found.length ? "" : isGrowing ? "Writing the issue…" : "The issue will stand here.", "issue", "article");
  card.classList.toggle("empty", !found.length);
  card.setAttribute("aria-label", "Issue");
  card.setAttribute("aria-busy", isGrowing && found.length > 0);
  const title = found.find(({ kind }) => kind === "title");
  if (title) card.append(span(title.value, "", "h2"));
  const labels = found.flatMap(chips);
  if (labels.length) card.append(list("ul", labels, "chips", "Labels and priority"));
  card.append(...found.flatMap(section));
  element("panel-issue").replaceChildren(card);
}

function chips({ kind, name, value }) {
  if (kind === "labels") return value.map((label) => chip(label, "label", label));
  return kind === "priority" ? [chip(`${heading(name)}: ${value}`, "level", value)] : [];
}

function chip(text, key, value) {
  const made = span(text, key === "level" ? "priority" : "", "li");
  made.dataset[key] = value;
  return made;
}

function section({ kind, name, value }) {
  if (["title", "labels", "priority"].includes(kind)) return [];
  const above = kind === "description" ? [] : [span(heading(name), "", "h3")];
  if (kind === "json") return [...above, span(pretty(value), "", "pre")];
  if (!Array.isArray(value)) return [...above, span(value, "", "p")];
  return [...above, list(kind === "steps" ? "ol" : "ul", value.map((item) => span(item, "", "li")))];
}

function list(tag, items, className = "", label = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (label) made.setAttribute("aria-label", label);
  made.append(...items);
  return made;
}

async function copyResult(what) {
  const name = { title: "the title", markdown: "the Markdown", json: "the JSON" }[what];
  if (await copy(page[what])) remark("said", `Copied ${name}.`);
  else remark("said", "This browser does not let the page copy.", true);
}

// ---- the tabs

function showTab(name) {
  for (const one of TABS) {
    element(`panel-${one}`).hidden = one !== name;
    element(`tab-${one}`).setAttribute("aria-selected", one === name);
    element(`tab-${one}`).tabIndex = one === name ? 0 : -1;
  }
}

function moveTab(event) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  const at = TABS.findIndex((name) => element(`tab-${name}`) === document.activeElement);
  const next = TABS[(at + step + TABS.length) % TABS.length];
  showTab(next);
  element(`tab-${next}`).focus();
}
