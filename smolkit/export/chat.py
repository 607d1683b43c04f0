"""What an export says about chat: the marker that ends a turn, and the template that renderers other than ours read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CHAT_END = "<|im_end|>"
_TRAINING_TAGS = re.compile(r"(\{%[-+]?\s*)(end)?generation(\s*[-+]?%\})")


def plain_template(tokenizer: PreTrainedTokenizerFast) -> str | None:
    """The default chat template without the tags that mark trained tokens, which only transformers understands.

    Others take their place: what a tag does to the white space around it stays.
    """
    template = tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get("default")
    return _TRAINING_TAGS.sub(lambda tag: f"{tag[1]}{'endif' if tag[2] else 'if true'}{tag[3]}", template or "") or None
