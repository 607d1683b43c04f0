// What tests ask of transformers.js about images, in Node: one JSON request on stdin, one answer on stdout.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const request = JSON.parse(readFileSync(0, "utf8"));
const library = await import(pathToFileURL(request.library).href);
const { AutoModelForImageTextToText, AutoModelForVision2Seq, AutoProcessor, RawImage, Tensor } = library;

const { directory, name, dtype, count } = request;
library.env.allowRemoteModels = false;
library.env.localModelPath = directory.slice(0, directory.lastIndexOf("/") + 1);
library.env.useFSCache = false;

const options = { max_new_tokens: count, do_sample: false, eos_token_id: -1 };

const tasks = {
  /** Features and greedy tokens of prompts whose tiles, bytes in base64, are given. */
  async tiles({ cases }) {
    const model = await AutoModelForVision2Seq.from_pretrained(name, { dtype, device: "cpu" });
    const answers = [];
    for (const { prompt, tiles, dims } of cases) {
      const pixels = Float32Array.from(Buffer.from(tiles, "base64"), (byte) => (byte / 255 - 0.5) / 0.5);
      const [count, , height, width] = dims;
      const inputs = {
        input_ids: ids(prompt),
        attention_mask: ids(prompt.map(() => 1)),
        pixel_values: new Tensor("float32", pixels, [1, ...dims]),
        pixel_attention_mask: new Tensor("bool", new Uint8Array(count * height * width).fill(1), [1, count, height, width]),
      };
      answers.push(await answer(model, inputs));
    }
    return answers;
  },

  /** The same for image files and messages, through the processor; also what it made of them. */
  async files({ cases }) {
    const model = await AutoModelForImageTextToText.from_pretrained(name, { dtype, device: "cpu" });
    const processor = await AutoProcessor.from_pretrained(name);
    const answers = [];
    for (const { file, messages } of cases) {
      const text = processor.apply_chat_template(messages, { add_generation_prompt: true });
      const inputs = await processor(text, [await RawImage.read(file)]);
      const { input_ids, pixel_values } = inputs;
      const made = { prompt: input_ids.tolist()[0].map(Number), dims: pixel_values.dims, pixels: base64(pixel_values) };
      answers.push({ ...made, ...(await answer(model, inputs)) });
    }
    return answers;
  },

  /** Greedy tokens of prompts without an image. */
  async texts({ prompts }) {
    const model = await AutoModelForImageTextToText.from_pretrained(name, { dtype, device: "cpu" });
    return Promise.all(prompts.map((prompt) => tokens(model, { input_ids: ids(prompt), attention_mask: ids(prompt.map(() => 1)) })));
  },
};

async function answer(model, inputs) {
  const { pixel_values, pixel_attention_mask } = inputs;
  const features = await model.encode_image({ pixel_values, pixel_attention_mask });
  return { features: base64(features), shape: features.dims, tokens: await tokens(model, inputs) };
}

async function tokens(model, inputs) {
  const output = await model.generate({ ...inputs, ...options });
  return output.tolist()[0].slice(inputs.input_ids.dims[1]).map(Number);
}

function ids(numbers) {
  return new Tensor("int64", BigInt64Array.from(numbers, BigInt), [1, numbers.length]);
}

function base64(tensor) {
  const { buffer, byteOffset, byteLength } = tensor.data;
  return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
}

process.stdout.write(JSON.stringify(await tasks[request.task](request)));
