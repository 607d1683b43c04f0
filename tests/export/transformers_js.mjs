// What tests ask of transformers.js and of the page's modules in Node: one JSON request on stdin, one answer on stdout.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const request = JSON.parse(readFileSync(0, "utf8"));
const module = (path) => import(pathToFileURL(path).href);

const tasks = {
  /** Greedy tokens by generate() alone, and by the page's way of feeding the model. */
  async greedy({ directory, name, dtype, prompts, count, library: path, page }) {
    const library = await model_library(path, directory);
    const { AutoModelForCausalLM, Tensor } = library;
    const model = await AutoModelForCausalLM.from_pretrained(name, { dtype, device: "cpu" });
    const { Runner } = await module(`${page}/runner.js`);
    const { greedyTokens } = await module(`${page}/selftest.js`);
    const generated = [];
    const fed = [];
    for (const prompt of prompts) {
      const input_ids = new Tensor("int64", BigInt64Array.from(prompt, BigInt), [1, prompt.length]);
      const attention_mask = new Tensor("int64", new BigInt64Array(prompt.length).fill(1n), [1, prompt.length]);
      const options = { max_new_tokens: count, do_sample: false, eos_token_id: -1 };
      const output = await model.generate({ input_ids, attention_mask, ...options });
      generated.push(output.tolist()[0].slice(prompt.length).map(Number));
      fed.push(await greedyTokens(new Runner(model, library), prompt, count));
    }
    const ids = new Tensor("int64", BigInt64Array.from(prompts[0], BigInt), [1, prompts[0].length]);
    const plain = await model({ input_ids: ids, attention_mask: new Tensor("int64", new BigInt64Array(prompts[0].length).fill(1n), ids.dims) });
    return { generated, fed, forward_dims: plain.logits.dims };
  },

  /** The prompt's token ids, as the page encodes it. */
  async encode({ directory, library: path, page, format, template, text }) {
    const { PreTrainedTokenizer } = await model_library(path, directory);
    const { PromptEncoder } = await module(`${page}/tokenizer.js`);
    const { parse } = await module(`${page}/json.js`);
    const read = (file) => JSON.parse(readFileSync(`${directory}/${file}`, "utf8"));
    const encoder = new PromptEncoder(read("tokenizer.json"), read("tokenizer_config.json"), PreTrainedTokenizer);
    return encoder.prompt(format, parse(template), text);
  },

  /** For each answer, whether the page's grammar lets it be written. */
  async accepts({ page, template, text, verbatim, leaf_types: leafTypes, json_style: jsonStyle, missing, answers }) {
    const { readTemplate } = await module(`${page}/template.js`);
    const { compile, bytesOf } = await module(`${page}/grammar.js`);
    const { root } = readTemplate(template, leafTypes);
    const automaton = compile(root, { text, verbatim, jsonStyle, missing, leafTypes });
    return answers.map((answer) => {
      let state = automaton.start;
      for (const byte of bytesOf(answer)) state = state && automaton.step(state, byte);
      return Boolean(state?.done);
    });
  },

  /** Answers written at random and cut off after so many bytes, then closed: the text before and after. */
  async closes({ page, template, text, verbatim, leaf_types: leafTypes, seeds }) {
    const { readTemplate, conform } = await module(`${page}/template.js`);
    const { compile } = await module(`${page}/grammar.js`);
    const { Answer } = await module(`${page}/decode.js`);
    const { parse, write } = await module(`${page}/json.js`);
    const { root } = readTemplate(template, leafTypes);
    const automaton = compile(root, { text, verbatim, jsonStyle: "single-line", missing: null, leafTypes });
    return seeds.map((seed) => {
      const answer = new Answer(automaton, null, () => []);
      const random = generator(seed);
      for (let left = seed; left > 0 && !answer.state.done; left--) {
        const bytes = automaton.following(answer.state);
        answer.append([bytes[Math.floor(random() * bytes.length)]]);
      }
      const before = answer.text;
      if (!answer.state.done) answer.close();
      const left = [];
      const output = conform(root, parse(answer.text), leafTypes, "", left);
      return { before, after: answer.text, output: write(output), left: left.map(([path]) => path) };
    });
  },

  /** Whether a comma after what is written so far is taken for a loop, which a quote ends. */
  async loops({ page, template, writing, leaf_types: leafTypes }) {
    const { readTemplate } = await module(`${page}/template.js`);
    const { compile, bytesOf } = await module(`${page}/grammar.js`);
    const { Answer } = await module(`${page}/decode.js`);
    const { root } = readTemplate(template, leafTypes);
    const automaton = compile(root, { text: "", verbatim: false, jsonStyle: "single-line", missing: null, leafTypes });
    const answer = new Answer(automaton, { bytes: [",", '"'].map(bytesOf) }, () => []);
    answer.listEnds = [1];
    answer.append(bytesOf(writing));
    return answer.endOfLoop(0, [0, 1]) === 1;
  },

  /** An answer under exactly the template's keys, and the paths of what does not fit. */
  async conforms({ page, template, answer, leaf_types: leafTypes }) {
    const { readTemplate, conform } = await module(`${page}/template.js`);
    const { parse, write } = await module(`${page}/json.js`);
    const left = [];
    const output = conform(readTemplate(template, leafTypes).root, parse(answer), leafTypes, "", left);
    return [write(output), left.map(([path]) => path)];
  },

  /** For each template, null or the line that says what is wrong. */
  async faults({ page, templates, leaf_types: leafTypes }) {
    const { readTemplate } = await module(`${page}/template.js`);
    return templates.map((template) => {
      try {
        readTemplate(template, leafTypes);
        return null;
      } catch (error) {
        return error.message;
      }
    });
  },

  /** The attempts that the page would make. */
  async attempts({ page, able, allowed, unpacked, only }) {
    const { attempts } = await module(`${page}/devices.js`);
    return attempts(able, { allowed, unpacked }, only).map((one) => [one.device, one.dtype, one.subgroups ?? one.parts ?? null]);
  },

  /** Where the values of an answer stand. */
  async places({ page, text, answer }) {
    const { locate } = await module(`${page}/spans.js`);
    const { parse } = await module(`${page}/json.js`);
    return locate(text, parse(answer));
  },
};

async function model_library(path, directory) {
  const library = await module(path);
  library.env.allowRemoteModels = false;
  library.env.localModelPath = directory.slice(0, directory.lastIndexOf("/") + 1);
  library.env.useFSCache = false;
  return library;
}

/** Numbers in [0, 1) from a seed (mulberry32). */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

process.stdout.write(JSON.stringify(await tasks[request.task](request)) ?? "null");
