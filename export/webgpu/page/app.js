// The page on which a template is filled from a text: its inputs, and the answer as it grows.

import { copy, element, listenForKeys, remark, save, showJson, span } from "./dom.js";
import { figures, Model } from "./model.js";
import { segments } from "./spans.js";
import { leaves, readTemplate, TemplateFault } from "./template.js";

const page = { result: "", text: "", isTemplateBad: false, isTextBad: false };
const model = new Model({
  changed: showButtons,
  reading({ tokens, total }) {
    if (tokens) element("steps").textContent = `Reading the text: ${tokens} of ${total} tokens`;
  },
  writing({ text, tokens }) {
    element("result").textContent = text;
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
  const settings = await model.readSettings();
  if (!settings) return;
  document.title = settings.title;
  element("title").textContent = settings.title;
  showTypes(settings.leaf_types);
  fillExamples(settings.examples);
  listen();
  await model.load();
}

function listen() {
  element("template").addEventListener("input", checkTemplate);
  element("text").addEventListener("input", checkText);
  element("example").addEventListener("change", () => useExample(Number(element("example").value)));
  element("fill").addEventListener("click", fill);
  element("stop").addEventListener("click", stop);
  element("copy").addEventListener("click", copyResult);
  element("download").addEventListener("click", () => save("extraction.json", page.result + "\n", "application/json"));
  listenForKeys("fill", "stop");
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
  const { template, text, verbatim } = model.settings.examples[index];
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
    const count = [...leaves(readTemplate(element("template").value, model.settings.leaf_types).root)].length;
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
  remark("text-status", length ? "" : "Paste a text, or choose an example.");
  showButtons();
}

function showButtons() {
  const usable = !page.isTemplateBad && !page.isTextBad;
  model.showButtons({ start: "fill", stop: "stop", label: "Fill the template", usable, otherwise: "template" });
  for (const id of ["copy", "download"]) element(id).disabled = model.busy || !page.result;
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
  page.text = element("text").value;
  remark("figures", "Filling the template…");
  model.fill({ template: element("template").value, text: page.text, verbatim: element("verbatim").checked });
  element("result-heading").scrollIntoView({ block: "nearest" });
}

function stop() {
  model.stop();
  element("stop").disabled = true;
}

function showAnswer(answer) {
  clearResult();
  page.result = answer.json;
  showJson("result", answer.json);
  remark("figures", figures(answer), answer.truncated);
  showLeft(answer.left);
  showMarked(page.text, answer.places);
}

function clearResult() {
  page.result = "";
  element("result").textContent = "";
  element("steps").textContent = "";
  element("stop").disabled = false;
  element("left").hidden = true;
  element("marked").hidden = true;
  element("marked-heading").hidden = true;
  remark("figures", "");
  showButtons();
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

async function copyResult() {
  if (await copy(page.result)) {
    remark("figures", "Copied.");
    return;
  }
  getSelection().selectAllChildren(element("result"));
  remark("figures", "This browser does not let the page copy. The result is selected: copy it with the keyboard.", true);
}
