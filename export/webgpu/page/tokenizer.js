// Text to token ids. A marker such as <|im_end|> is a token in the parts of a prompt that the format wrote, and plain
// text in what a visitor wrote, so that a document cannot leave its turn.

import { write } from "./json.js";
import { Vocabulary } from "./vocabulary.js";

export class PromptEncoder {
  /** `json` and `config` are tokenizer.json and tokenizer_config.json; `Tokenizer` is PreTrainedTokenizer. */
  constructor(json, config, Tokenizer) {
    const isPlain = (token) => !token.special;
    this.marked = new Tokenizer(json, config);
    this.unmarked = new Tokenizer({ ...json, added_tokens: json.added_tokens.filter(isPlain) }, config);
    const special = new Set(json.added_tokens.filter((token) => token.special).map((token) => token.id));
    this.vocabulary = new Vocabulary(Object.entries(json.model.vocab), special);
  }

  special(text) {
    return this.marked.encode(text, { add_special_tokens: false });
  }

  plain(text) {
    return this.unmarked.encode(text, { add_special_tokens: false });
  }

  /** The prompt in the layout of `format` (of smolkit_page.json); each part is encoded alone. */
  prompt(format, template, text) {
    const before = format.template.replace("{template}", () => write(template, format.json_style)) + format.text_heading;
    return [
      ...this.special(format.opening),
      ...this.plain(before),
      ...this.plain(text),
      ...this.special(format.closing),
    ];
  }
}
