// A model of transformers.js, fed piece by piece. It knows tokens and logits, and no template.

export class Runner {
  /** `library` is transformers.js, for its Tensor and DynamicCache. */
  constructor(model, library) {
    this.model = model;
    this.library = library;
    this.length = 0;
    this.past = null;
  }

  /** Forget what was fed. */
  async reset() {
    await this.past?.dispose();
    this.past = null;
    this.length = 0;
  }

  /** The logits after the last of `ids`, as a Float32Array over the vocabulary. */
  async forward(ids) {
    const { Tensor, DynamicCache } = this.library;
    this.length += ids.length;
    const outputs = await this.model({
      input_ids: new Tensor("int64", BigInt64Array.from(ids, BigInt), [1, ids.length]),
      attention_mask: new Tensor("int64", new BigInt64Array(this.length).fill(1n), [1, this.length]),
      past_key_values: this.past,
      num_logits_to_keep: new Tensor("int64", BigInt64Array.of(1n), []),
    });
    const kept = Object.entries(outputs).filter(([name]) => name.startsWith("present."));
    const renamed = Object.fromEntries(kept.map(([name, tensor]) => [name.replace("present", "past_key_values"), tensor]));
    if (this.past) this.past.update(renamed);
    else this.past = new DynamicCache(renamed);
    const vocabulary = outputs.logits.dims.at(-1);
    return outputs.logits.data.subarray(-vocabulary);
  }
}
