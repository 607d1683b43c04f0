// The model, in a thread of its own: loads transformers.js and the model for one device, tests it, fills templates.
//
// Takes {type: "load", page, base, attempt}, then {type: "fill", template, text, verbatim} and {type: "stop"}; answers
// with {type: "progress" | "ready" | "reading" | "writing" | "answer" | "fault", ...}. One worker tries one device: to
// try another, the page starts another worker, so that nothing of a failed one is left in memory.

import { Answer, decode } from "./decode.js";
import { explain, fetchFile, gpuLost, PageFault } from "./faults.js";
import { compile } from "./grammar.js";
import { parse, pretty } from "./json.js";
import { Runner } from "./runner.js";
import { selfTest } from "./selftest.js";
import { locate } from "./spans.js";
import { conform, readTemplate } from "./template.js";
import { PromptEncoder } from "./tokenizer.js";

const OPTIONAL_FILES = ["generation_config.json"];
const GPU_FEATURES = ["shader-f16", "subgroups", "timestamp-query"];

let page = null;
let runner = null;
let encoder = null;
let stopped = false;

const handlers = { load, fill, stop: () => (stopped = true) };

self.onmessage = async ({ data }) => {
  try {
    await handlers[data.type](data);
  } catch (error) {
    report(error);
  }
};
// transformers.js waits for ever for a part of the weights that is not there; its promise rejects unheard.
self.onunhandledrejection = (event) => {
  event.preventDefault();
  report(event.reason);
};

function report(error) {
  const { kind, message, more } = explain(error);
  postMessage({ type: "fault", kind, message, more });
}

// ---- loading

async function load({ page: given, base, attempt }) {
  page = given;
  const library = await loadLibrary(base);
  const { env, AutoModelForCausalLM, PreTrainedTokenizer } = library;
  await serveOnlyFrom(base, env);
  const [json, config] = await Promise.all(
    ["tokenizer.json", "tokenizer_config.json"].map(async (file) => (await fetchFile(new URL(file, base))).json()),
  );
  encoder = new PromptEncoder(json, config, PreTrainedTokenizer);
  const model = await AutoModelForCausalLM.from_pretrained("model", {
    device: attempt.device,
    dtype: attempt.dtype,
    session_options: attempt.device === "webgpu" ? { executionProviders: [await gpuProvider(attempt)] } : {},
    ...(attempt.parts ? sharedWeights(attempt.parts) : {}),
    progress_callback: ({ status, file, loaded, total }) => {
      if (status === "progress") postMessage({ type: "progress", file, loaded, total });
      if (status === "done" && /_data(_\d+)?$/.test(file)) postMessage({ type: "preparing" });
    },
  });
  runner = new Runner(model, library);
  const began = performance.now();
  const { tokens, passed } = await selfTest(runner, page.selftest);
  const threads = attempt.device === "wasm" ? threadCount() : null;
  postMessage({ type: "ready", attempt, threads, selftest: { tokens, passed, ms: performance.now() - began } });
}

/** Options for the graph that reads the weights of another one: model_wasm_q4.onnx, those of model_q4.onnx. */
function sharedWeights(parts) {
  return {
    model_file_name: "model_wasm",
    use_external_data_format: false,
    session_options: { externalData: parts.map((path) => ({ path, data: `onnx/${path}` })) },
  };
}

/** transformers.js, and under it ONNX Runtime, each proven to be the file that this page was written for. */
async function loadLibrary(base) {
  const files = await Promise.all(
    Object.entries(page.libraries).map(async ([name, { url, integrity }]) => {
      return [name, await provenFile(new URL(url, base), integrity)];
    }),
  );
  const { transformers, onnxruntime_module, onnxruntime_wasm } = Object.fromEntries(files);
  const library = await import(scriptUrl(transformers));
  const { wasm } = library.env.backends.onnx;
  wasm.wasmPaths = { mjs: scriptUrl(onnxruntime_module) };
  wasm.wasmBinary = onnxruntime_wasm;
  wasm.numThreads = threadCount();
  library.env.useWasmCache = false;
  return library;
}

async function provenFile(url, integrity) {
  const response = await fetchFile(url, crypto.subtle ? {} : { integrity }).catch((fault) => {
    // Without a secure context the browser compares the file itself, and says no more than that it failed.
    if (crypto.subtle || fault.kind !== "offline" || !navigator.onLine) throw fault;
    throw new PageFault("changed", `${url.pathname.split("/").at(-1)} could not be loaded, or is not the file that this page was made with.`);
  });
  const total = Number(response.headers.get("content-length")) || 0;
  const file = url.pathname.split("/").at(-1);
  postMessage({ type: "progress", file, loaded: 0, total });
  const bytes = await response.arrayBuffer();
  postMessage({ type: "progress", file, loaded: bytes.byteLength, total: bytes.byteLength });
  if (!crypto.subtle) return bytes; // no secure context; fetch has compared it
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-384", bytes));
  if (`sha384-${btoa(String.fromCharCode(...digest))}` !== integrity) {
    throw new PageFault("changed", `The file ${file} is not the one that this page was made with. Export the model again.`);
  }
  return bytes;
}

function scriptUrl(bytes) {
  return URL.createObjectURL(new Blob([bytes], { type: "text/javascript" }));
}

/** Threads for WebAssembly: one per two logical processors, as they wait in loops; one without isolation. */
function threadCount() {
  return self.crossOriginIsolated ? Math.min(4, Math.ceil((navigator.hardwareConcurrency || 1) / 2)) : 1;
}

/** Points transformers.js at the files beside this page, and keeps them in a cache that belongs to this export alone. */
async function serveOnlyFrom(base, env) {
  env.allowLocalModels = false;
  env.remoteHost = base;
  env.remotePathTemplate = ".";
  env.useBrowserCache = "caches" in self;
  env.cacheKey = `smolkit-${page.version}`;
  env.fetch = async (url, options) => {
    const isOptional = OPTIONAL_FILES.some((file) => String(url).endsWith(file));
    return isOptional ? fetch(url, options) : fetchFile(url, options);
  };
  if (!env.useBrowserCache) return;
  try {
    for (const key of await caches.keys()) {
      if (key.startsWith("smolkit-") && key !== env.cacheKey && (await holds(key, base))) await caches.delete(key);
    }
  } catch {
    env.useBrowserCache = false; // a browser that keeps nothing for sites: the files are loaded again at each visit
  }
}

/** Whether the cache `key` has files of this page: those of an earlier export. */
async function holds(key, base) {
  const requests = await (await caches.open(key)).keys();
  return requests.some((request) => request.url.startsWith(base));
}

/** A device of our own, so that we choose its features and hear of its end. */
async function gpuProvider({ subgroups }) {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new PageFault("gpu", "This browser has no graphics processor for pages.");
  const wanted = GPU_FEATURES.filter((name) => adapter.features.has(name) && (subgroups || name !== "subgroups"));
  const requiredLimits = {};
  for (const name of [
    "maxBufferSize",
    "maxStorageBufferBindingSize",
    "maxStorageBuffersPerShaderStage",
    "maxComputeWorkgroupStorageSize",
    "maxComputeInvocationsPerWorkgroup",
    "maxComputeWorkgroupSizeX",
    "maxComputeWorkgroupSizeY",
    "maxComputeWorkgroupSizeZ",
    "maxComputeWorkgroupsPerDimension",
  ]) {
    if (adapter.limits[name] !== undefined) requiredLimits[name] = adapter.limits[name];
  }
  const device = await adapter.requestDevice({ requiredFeatures: wanted, requiredLimits });
  device.lost.then((info) => report(gpuLost(info.message)));
  return { name: "webgpu", device };
}

// ---- filling

async function fill({ template, text, verbatim }) {
  stopped = false;
  const began = performance.now();
  const { source, root } = readTemplate(template, page.leaf_types);
  const { format, leaf_types: leafTypes, limits } = page;
  const prompt = encoder.prompt(format, source, text);
  const most = Math.min(limits.prompt_tokens, limits.context - limits.new_tokens);
  if (prompt.length > most) {
    throw new PageFault(
      "long",
      `Text and template take ${count(prompt.length)} tokens; this page reads ${count(most)} at once. ` +
        "Shorten the text, or fill it in parts.",
    );
  }
  const automaton = compile(root, { text, verbatim, jsonStyle: format.json_style, missing: format.missing, leafTypes });
  const answer = new Answer(automaton, encoder.vocabulary, (part) => encoder.plain(part));
  await runner.reset();
  const times = await decode(runner, prompt, answer, limits.new_tokens, {
    reading: async (tokens) => {
      postMessage({ type: "reading", tokens, total: prompt.length });
      return wasStopped();
    },
    writing: async () => {
      postMessage({ type: "writing", text: answer.text, tokens: answer.tokens });
      return wasStopped();
    },
  });
  await runner.reset();
  const left = [];
  const output = conform(root, parse(answer.text), leafTypes, "", left);
  postMessage({
    type: "answer",
    json: pretty(output),
    places: locate(text, output),
    left,
    promptTokens: prompt.length,
    newTokens: answer.tokens,
    forcedTokens: answer.forced,
    totalMs: performance.now() - began,
    ...times,
  });
}

function count(number) {
  return number.toLocaleString("en");
}

/** Lets messages in, and says whether one of them was "stop". */
async function wasStopped() {
  await new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
  return stopped;
}
