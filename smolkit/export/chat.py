"""What an export says about chat: the marker that ends a turn, and the template that renderers other than ours read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CHAT_END = "<|im_end|>"
_TRAINING_TAGS = re.compile(r"\{%-?\s*(?:end)?generation\s*-?%\}")


def plain_template(tokenizer: PreTrainedTokenizerFast) -> str | None:
    """The default chat template without the tags that mark trained tokens, which only transformers understands."""
    template = tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get("default")
    return _TRAINING_TAGS.sub("", template) if template else None
