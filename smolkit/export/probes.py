"""What the gate asks of every exported model: three documents to fill a template from, and strings to tokenise.

They are fixed, so that figures of different exports can be compared. The documents are of different lengths, the
longest well over 64 tokens, where wrong positions show; they hold numbers, line breaks and two languages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from smolkit.data.images import IMAGE
from smolkit.data.render import TokenizerEncoder, encode_prompt
from smolkit.extraction.prompt import get_format
from smolkit.extraction.template import Template

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


class Document(NamedTuple):
    """A text and the template to fill from it, as a user would give them."""

    name: str
    template: dict[str, Any]
    text: str


DOCUMENTS = (
    Document(
        "note",
        {"person": "verbatim-string", "place": "verbatim-string", "day": "string", "purpose": "string"},
        "Dr. Amelia Okafor will be at the Lisbon office on Thursday to audit the cold storage.",
    ),
    Document(
        "invoice",
        {
            "number": "verbatim-string",
            "date": "date",
            "seller": {"name": "verbatim-string", "city": "verbatim-string"},
            "items": [{"name": "verbatim-string", "quantity": "integer", "price": "number"}],
            "total": "verbatim-string",
        },
        "INVOICE No. 2024-00317\nDate: 17 March 2024\n\nNordwind Cycles GmbH\nHafenstrasse 48, 20457 Hamburg\n\n"
        "Pos  Article                      Qty   Unit price     Amount\n"
        "1    Touring bicycle, 28 inch       2       749.00    1,498.00\n"
        "2    Pannier bag, waterproof        4        62.50      250.00\n"
        "3    Front light, USB rechargeable  3        35.90      107.70\n\n"
        "Net amount 1,855.70\nVAT 19 % 352.58\nTotal due 2,208.28 EUR\n\n"
        "Please pay within 14 days, quoting the invoice number. Goods remain our property until paid in full.",
    ),
    Document(
        "rental",
        {"ville": "", "surface": "", "loyer": "", "charges": "", "disponible": "", "contact": {"nom": "", "tel": ""}},
        "À louer à Besançon, près de la gare : bel appartement T3 de 68 m², 2ᵉ étage sans ascenseur, "
        "cuisine équipée, balcon exposé plein sud. Loyer 742 € + 85 € de charges, libre dès le 1ᵉʳ septembre. "
        "Visites le samedi, écrire à Hélène Vauthier ou appeler le 03 81 55 27 90.",
    ),
)

STRINGS = (
    "",
    " ",
    "Hello, world!",
    "The quick brown fox jumps over the lazy dog.",
    "  two leading spaces, two trailing  ",
    "a\tb\t\tc",
    "one\ntwo\n\nthree\n\n\n\nfour",
    "\r\nWindows\r\nlines\r\n",
    "7",
    "1234567890",
    "price: 1.580,22 €, was 1,749.99 $",
    "line 1\n2 lines\n 3 lines\n  44",
    "tab\t5 and  6   spaces",
    "3.14e-10 0x1F 1/2 50% #42 -7",
    "٣٤٥ ४५६ ½ Ⅷ ² ₃ ①",
    "I've told you they'll say we'd 've done 'tis",
    "DON'T SHOUT, I'M HERE",
    "café naïve Ångström Łódź",
    "cafe\u0301 as two code points",
    "Grüße aus Österreich, 25 °C, Straße",
    "¿Cuánto cuesta? ¡Nada!",
    "Привет, мир! 12 обезьян",
    "日本語のテキスト、漢字とかな。",
    "안녕하세요 세계",
    "مرحبا بالعالم",
    "שלום עולם",
    "हिन्दी में पाठ",
    "ภาษาไทยไม่มีช่องว่าง",
    "🙂",
    "👩‍👩‍👧‍👦 family, 🇫🇷 flag, 👍🏽 thumb",
    "no\u00a0break\u2009thin\u3000wide\u200bzero",
    "“curly” ‘quotes’ — dash – dash … dots",
    "...!!!???;;;---___***",
    "def add(a, b):\n    return a + b  # sum\n",
    '{"key": ["value", 1, null, true], "nested": {"a": "b\\n"}}',
    '<div class="x">&nbsp;</div>',
    "https://example.org/path?q=1&r=a%20b#top user@example.com",
    "snake_case camelCase PascalCase SCREAMING_CASE kebab-case",
    "x" * 70,
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "a chat marker <|im_end|> in the text",
    "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    "<|endoftext|><|endoftext|> <|im_start|> <|im_e nd|> <|",
    "\u0001\u007f control \ufffd replacement",
)


def prompts(tokenizer: PreTrainedTokenizerFast, prompt_format: str | None) -> dict[str, list[int]]:
    """Token ids of the three prompts by name: in the model's prompt format, else its chat template, else plain text."""
    encode = TokenizerEncoder(tokenizer)
    if prompt_format is None:
        return {document.name: encode(_without_format(document, tokenizer), special=True) for document in DOCUMENTS}
    layout = get_format(prompt_format)
    return {
        document.name: encode_prompt(layout, Template.parse(document.template), document.text, encode)
        for document in DOCUMENTS
    }


def encodings(tokenizer: PreTrainedTokenizerFast) -> Sequence[tuple[str, bool, list[int]]]:
    """Every string, whether its markers are special tokens, and its ids; each string both ways."""
    encode = TokenizerEncoder(tokenizer)
    return [(text, special, encode(text, special=special)) for text in STRINGS for special in (False, True)]


def _without_format(document: Document, tokenizer: PreTrainedTokenizerFast) -> str:
    if not tokenizer.chat_template:
        return document.text
    content: Any = f"List the facts in this text.\n\n{document.text}"
    if IMAGE in tokenizer.chat_template:  # a SmolVLM's, which shows nothing of a content that is no list of parts
        content = [{"type": "text", "text": content}]
    messages = [{"role": "user", "content": content}]
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
