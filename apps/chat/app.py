"""The page on which a visitor talks with a model, and the endpoint `/chat` that does the same.

It knows the page only: prompts are written and tokens drawn by smolkit. The model is chosen by whoever starts the app,
by `SMOLKIT_MODEL` and `SMOLKIT_RUNTIME` or as an argument of `build`; nothing that a visitor sends names a model or a
path. A conversation lives in the visitor's browser and comes with each request: nothing of it is kept here but what the
model read last, which another conversation reuses only as far as both begin with the same tokens.
"""

from __future__ import annotations

import html
import json
import math
import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import gradio as gr

from smolkit.apps import serving
from smolkit.apps.look import remark
from smolkit.errors import DataError, ModelError, SmolkitError
from smolkit.models import BUNDLED
from smolkit.runtime import open_backend
from smolkit.runtime.chat import Chat, Sampling
from smolkit.runtime.decoding import Backend

HERE = Path(__file__).resolve().parent

MAX_MESSAGE = 8_000
"""Characters of a message; this and what follows are limits of this page, not of smolkit."""
MAX_SYSTEM = 2_000
"""Characters of a system prompt."""
MAX_TURNS = 64
"""Turns of a conversation before the message; question and answer are two."""
MAX_CONVERSATION = 100_000
"""Characters of all turns together. Answers have no limit of their own: what the page gave, it takes back."""
MAX_NEW_TOKENS = 1_024
MAX_SEED = 2**32 - 1
MAX_SECONDS = 120.0
"""Time of one answer, without the wait in the queue."""
MAX_HALT_SECONDS = 20.0
"""How long Stop waits for the model, which stops between two tokens."""
PAUSE = 0.05
"""Seconds between two looks at an answer that grows: browsers draw no faster."""

NOT_BEGUN = "Stopped before the answer began"
START_AGAIN = "Start a new conversation"

Message = dict[str, str]
"""{role, content}, of a user or an assistant."""


class Preset(TypedDict):
    """An example: what was said before, the message, and the settings."""

    name: str
    system: str
    history: list[Message]
    message: str
    temperature: float
    top_p: float
    max_new_tokens: int
    seed: int


PRESETS: list[Preset] = json.loads((HERE / "examples.json").read_text(encoding="utf-8"))


# ---- what is asked


@dataclass(frozen=True)
class Question:
    """A request that is known to be usable."""

    message: str
    history: list[Message]
    system: str | None
    sampling: Sampling


def read_question(
    message: object,
    history: object,
    system: object,
    temperature: object,
    top_p: object,
    max_new_tokens: object,
    seed: object,
) -> Question:
    """A request as it was sent, checked; a seed is drawn where none is given. Raises SmolkitError in one line."""
    past = read_history(history)
    return Question(
        _text("the message", message, MAX_MESSAGE, fix="Write something, or choose an example"),
        past,
        _text("the system prompt", system or "", MAX_SYSTEM) or None,
        Sampling(
            _number("temperature", temperature),
            _number("top_p", top_p),
            _whole("max_new_tokens", max_new_tokens, MAX_NEW_TOKENS),
            secrets.randbelow(MAX_SEED) if seed is None else _whole("seed", seed, MAX_SEED),
        ),
    )


def read_history(history: object) -> list[Message]:
    """The turns before a message: user and assistant by turns. Raises DataError in one line."""
    if not isinstance(history, list):
        raise DataError(f"history: expected a list of messages, got {_kind(history)}")
    if len(history) > MAX_TURNS:
        raise DataError(f"the conversation has {len(history)} turns; this page takes {MAX_TURNS}", fix=START_AGAIN)
    turns = [_turn(f"history[{at}]", turn, ("user", "assistant")[at % 2]) for at, turn in enumerate(history)]
    if len(turns) % 2:
        raise DataError("history ends with a question", fix="Leave that one out, or send its answer too")
    if (size := sum(len(turn["content"]) for turn in turns)) > MAX_CONVERSATION:
        raise DataError(
            f"the conversation has {size:,} characters; this page takes {MAX_CONVERSATION:,}", fix=START_AGAIN
        )
    return turns


def _turn(where: str, turn: object, role: str) -> Message:
    if not isinstance(turn, Mapping):
        raise DataError(f"expected {{role, content}}, got {_kind(turn)}", where=where)
    if turn.get("role") != role:
        given = f"{turn.get('role')!r:.40}"
        raise DataError(f"the role is {given}, where {role!r} is expected", where=where, fix="They alternate")
    limit = MAX_MESSAGE if role == "user" else MAX_CONVERSATION
    return {"role": role, "content": _text(f"{where}.content", turn.get("content"), limit, fix="Leave it out")}


def _text(name: str, value: object, limit: int, fix: str | None = None) -> str:
    """A text within its limit; an empty one is refused where there is a `fix` for it."""
    if not isinstance(value, str):
        raise DataError(f"{name} is sent as a string, got {_kind(value)}")
    if len(value) > limit:
        raise DataError(f"{name} has {len(value):,} characters; this page takes {limit:,}", fix="Send a shorter one")
    if re.search("[\ud800-\udfff]", value):
        raise DataError(f"{name} holds half a surrogate pair, which is no character")
    if not value.strip():
        if fix:
            raise DataError(f"{name} is empty", fix=fix)
        return ""
    return value


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError(f"{name}: expected a number, got {_kind(value)}")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _whole(name: str, value: object, most: int) -> int:
    number = _number(name, value)
    if number > most:
        raise DataError(f"{name}: at most {most:,}, got {number:g}")
    if not number.is_integer():
        raise DataError(f"{name}: expected a whole number, got {number:g}")
    return int(number)


def _kind(value: object) -> str:
    return "nothing" if value is None else type(value).__name__


# ---- what is answered


@dataclass(frozen=True)
class Reply:
    """An answer while and after it grows."""

    text: str
    figures: dict[str, Any]


def replies(chat: Chat, question: Question) -> Iterator[Reply]:
    """The answer as it grows, a few times a second; the last one is whole. Closing it stops the model.

    Raises DataError for a message that the model's context does not hold.
    """
    started = time.monotonic()
    first = None
    chat.resume(question.history, system=question.system, sampling=question.sampling)
    with closing(chat.ask(question.message)) as pieces:
        shown, text, late = started, "", False
        for piece in pieces:
            now = time.monotonic()
            first = first or now
            text += piece
            late = now - started > MAX_SECONDS
            if late:
                break
            if now - shown >= PAUSE:
                yield Reply(text, figures(chat, question, now - started, first - started))
                shown = now
    ended = time.monotonic()
    cut_off = None
    if late:
        cut_off = "time"
    elif chat.truncated:
        cut_off = "max_new_tokens" if chat.new_tokens == chat.sampling.max_new_tokens else "context"
    yield Reply(text, figures(chat, question, ended - started, (first or ended) - started, cut_off))


def figures(chat: Chat, question: Question, seconds: float, reading: float, cut_off: str | None = None) -> dict:
    """The figures of an answer so far: `reading` is the part of the seconds that the prompt took."""
    writing = seconds - reading
    rate = (chat.new_tokens - 1) / writing if chat.new_tokens > 1 and writing > 0 else None
    return {
        "prompt_tokens": chat.prompt_tokens,
        "new_tokens": chat.new_tokens,
        "seconds": round(seconds, 3),
        "tokens_per_second": rate and round(rate, 1),
        "context_tokens": chat.prompt_tokens + chat.new_tokens,
        "context_length": chat.backend.context_length,
        "dropped_turns": chat.dropped,
        "cut_off": cut_off,
        "seed": question.sampling.seed,
    }


CUT_OFF = {
    "max_new_tokens": "cut off: it reached the most new tokens",
    "context": "cut off: the model's context is full",
    "time": f"cut off: it took over {MAX_SECONDS:.0f} seconds",
}


def figures_line(figures: Mapping[str, Any]) -> str:
    """The figures as a sentence of the page."""
    parts = [f"{figures['prompt_tokens']:,} prompt tokens", f"{figures['new_tokens']:,} new tokens"]
    if figures["tokens_per_second"]:
        parts.append(f"{figures['tokens_per_second']:.1f} tokens/s")
    parts += [f"{figures['seconds']:.1f} s", f"seed {figures['seed']}"]
    if figures["dropped_turns"]:
        parts.append(f"the {figures['dropped_turns']} oldest turns were left out: the context does not hold them")
    if figures["cut_off"]:
        parts.append(CUT_OFF[figures["cut_off"]])
    return " · ".join(parts)


def figures_remark(figures: Mapping[str, Any]) -> str:
    """The same as HTML, a bad one where something was left out or cut off."""
    return remark(figures_line(figures), "bad" if figures["dropped_turns"] or figures["cut_off"] else "good")


def context_meter(used: int, limit: int) -> str:
    """How much of the model's context the conversation takes, as HTML that screen readers read too."""
    text = f"{used:,} of {limit:,} tokens of the context"
    return (
        f'<label class="context"><meter min="0" max="{limit}" high="{limit * 3 // 4}" value="{used}"></meter> '
        f"<span>{text}</span></label>"
    )


# ---- what the conversation shows

_FENCE = re.compile(r"^[\s>]*(?:[-*+]\s+|\d+[.)]\s+)*(`{3,}(?=[^`]*$)|~{3,})")
_CODE_SPAN = re.compile(r"((?<!`)(`+)(?!`).+?(?<!`)\2(?!`))")


def shown(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The conversation for `gr.Chatbot`, which would strip the indentation of contents that are plain strings."""
    return [
        {"role": turn["role"], "content": [{"type": "text", "text": harmless_markdown(turn["content"])}]}
        for turn in messages
    ]


def harmless_markdown(text: str) -> str:
    """The same Markdown with its HTML, images and links as text; code, which is text already, is left as it is."""
    lines, fence = [], ""
    for line in text.split("\n"):
        found = _FENCE.match(line)
        if fence:
            if line.strip(" >").startswith(fence) and not line.strip(" >").strip(fence[0]):
                fence = ""
        elif found:
            fence = found[1]
        else:
            parts = _CODE_SPAN.split(line)  # text, span, its ticks, text, ...
            line = "".join(part if at % 3 == 1 else _as_text(part) for at, part in enumerate(parts) if at % 3 != 2)
        lines.append(line)
    return "\n".join(lines)


def _as_text(text: str) -> str:
    """Markdown without code, so that it holds no tag, no entity, and nothing that opens a link or an image."""
    escaped = re.sub(r"&(?=[#\w])", "&amp;", text)
    escaped = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", escaped)
    return re.sub(r"\](?=[(:\[])", r"]\\", escaped)


# ---- the page


def build(backend: Backend, model: str) -> gr.Blocks:
    """The page over a backend that stays open as long as the page is served; `model` is the name that it shows.

    Raises ModelError for a model that was not made to converse.
    """
    speaker = Chat(backend)
    # Gradio runs one answer at a time; but it counts a stopped one as over slightly before its generator is closed.
    in_use = threading.Lock()
    answered: set[str | None] = set()  # the browsers that an answer is growing for
    empty_meter = context_meter(0, backend.context_length)

    def answers(*request: object) -> Iterator[Reply]:
        question = read_question(*request)  # type: ignore[arg-type]
        with in_use:
            yield from replies(speaker, question)

    def chat(
        message: str,
        history: list[dict[str, Any]],
        system: str = "",
        temperature: float = 0.2,
        top_p: float = 0.9,
        max_new_tokens: int = 512,
        seed: int | None = None,
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Answer a message.

        Takes the message, the turns before it as [{role, content}], user and assistant by turns, a system prompt, and
        how tokens are drawn. Streams the answer as it grows with its figures; the last one is whole.
        """
        try:
            with closing(answers(message, history, system, temperature, top_p, max_new_tokens, seed)) as grows:
                for reply in grows:
                    yield reply.text, reply.figures
        except SmolkitError as exc:
            raise gr.Error(str(exc), print_exception=False) from None

    def ask(request: gr.Request, message: str, session: Any, *settings: Any) -> Iterator[tuple[Any, ...]]:
        """Steps of the page: conversation, session, message, line, meter."""
        history = _messages(session)
        answered.add(request.session_hash)
        try:
            with closing(answers(message, history, *_as_sent(settings))) as grows:
                yield from _steps(message, history, grows)
        except SmolkitError as exc:
            yield gr.skip(), gr.skip(), message, remark(str(exc), "bad"), gr.skip()
        finally:
            answered.discard(request.session_hash)

    def ask_again(request: gr.Request, message: str, session: Any, *settings: Any) -> Iterator[tuple[Any, ...]]:
        history = _messages(session)
        question = history[-2].get("content") if len(history) > 1 and isinstance(history[-2], Mapping) else None
        if question is None:
            yield gr.skip(), gr.skip(), message, remark("There is no answer to replace yet", "bad"), gr.skip()
            return
        with closing(ask(request, question, _session(history[:-2]), *settings)) as steps:
            for turns, held, _, *rest in steps:
                yield turns, held, message, *rest

    def halt_answer(request: gr.Request) -> gr.Button:
        """Wait until Gradio, which cancels meanwhile, has closed the answer: what it sends last must not come later."""
        deadline = time.monotonic() + MAX_HALT_SECONDS
        while request.session_hash in answered and time.monotonic() < deadline:
            time.sleep(PAUSE)
        return gr.Button(interactive=False)

    def stop(message: str, session: Any) -> tuple[Any, ...]:
        running = session.get("running") if isinstance(session, Mapping) else None
        waiting = session.get("waiting") if running else message
        if not running and not message:  # it had ended
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        history = _messages(session)
        line = NOT_BEGUN if waiting else f"Stopped · {figures_line(running)}"
        return shown(history), _session(history), message or waiting or "", remark(line)

    def take_preset(name: str) -> tuple[Any, ...]:
        preset = next(entry for entry in PRESETS if entry["name"] == name)
        settings = [preset[key] for key in ("system", "temperature", "top_p", "max_new_tokens")] + [str(preset["seed"])]
        return shown(preset["history"]), _session(preset["history"]), preset["message"], "", empty_meter, *settings

    # One answer at a time: page and endpoint share the model.
    one_at_a_time: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}
    with gr.Blocks(title="Chat", analytics_enabled=False) as page:
        gr.Markdown(_introduction(backend, model))
        session = gr.JSON(_session([]), visible=False)
        preset = gr.Dropdown([entry["name"] for entry in PRESETS], value=None, label="Example")
        with gr.Row():
            with gr.Column(scale=3, min_width=300):
                conversation = gr.Chatbot(
                    label="Conversation",
                    elem_id="conversation",
                    height="55vh",
                    buttons=["copy"],
                    feedback_options=None,
                    latex_delimiters=[],
                    placeholder="Nothing said yet.",
                    group_consecutive_messages=False,
                )
                line = gr.HTML(elem_id="figures")
                meter = gr.HTML(empty_meter, elem_id="context")
                message = gr.Textbox(
                    label="Message",
                    elem_id="message",
                    lines=1,
                    max_lines=8,
                    placeholder="Enter sends, Shift+Enter begins a line",
                    autofocus=True,
                )
                with gr.Row(elem_id="buttons"):
                    send = gr.Button("Send", variant="primary", min_width=120)
                    halt = gr.Button("Stop", variant="stop", interactive=False, min_width=120)
                    retry = gr.Button("Retry", min_width=120)
                    new = gr.Button("New chat", min_width=120)
            with gr.Column(scale=1, min_width=280):
                system = gr.Textbox(
                    label="System prompt",
                    info="What the model is told before the conversation; empty takes the model's own.",
                    lines=3,
                    max_lines=8,
                    max_length=MAX_SYSTEM,
                )
                temperature = gr.Slider(
                    0,
                    2,
                    0.2,
                    step=0.05,
                    label="Temperature",
                    info="How freely tokens are drawn; 0 takes the likeliest.",
                )
                top_p = gr.Slider(
                    0.05, 1, 0.9, step=0.05, label="Top-p", info="Draw from the likeliest tokens of so much together."
                )
                most = gr.Slider(1, MAX_NEW_TOKENS, 512, step=1, label="Most new tokens")
                seed = gr.Textbox(label="Seed", info="A whole number draws the same answer again.", max_lines=1)

        settings = [system, temperature, top_p, most, seed]
        buttons = [send, halt, retry]
        outputs = [conversation, session, message, line, meter]
        quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        asking: dict[str, Any] = {"api_visibility": "private", "show_progress_on": line, **one_at_a_time}
        answering = []
        for triggers, function in (([send.click, message.submit], ask), ([retry.click], ask_again)):
            gr.on(triggers, lambda: _buttons(busy=True), None, buttons, **quiet)
            event = gr.on(triggers, function, [message, session, *settings], outputs, **asking)
            event.then(lambda: _buttons(busy=False), None, buttons, **quiet)
            answering.append(event)
        # The bin in the corner of the conversation does the same as New chat. A browser cancels in the order in which
        # events are written, so that comes first; what was said is looked at last, when no more of it can come.
        clearing = [new.click, conversation.clear]
        gr.on([halt.click, *clearing], None, cancels=answering)
        halt.click(halt_answer, None, halt, **quiet).then(stop, [message, session], outputs[:4], **quiet).then(
            lambda: _buttons(busy=False), None, buttons, **quiet
        )
        gr.on(clearing, halt_answer, None, halt, **quiet).then(
            lambda: ([], _session([]), "", "", empty_meter, *_buttons(busy=False)), None, [*outputs, *buttons], **quiet
        )
        preset.input(take_preset, preset, [*outputs, *settings], **quiet)
        gr.api(chat, api_name="chat", **one_at_a_time)
    return page


def serve(page: gr.Blocks, *, port: int | None = None) -> str:
    """Start serving in the background and return the page's address. Raises RuntimeUnavailable: the port is taken."""
    return serving.serve(page, port=port, css=_CSS)


def answer_presets(address: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Send every example to the endpoint of a served page; yields its name and the figures of the answer.

    Raises ModelError where an answer is empty.
    """
    from gradio_client import Client

    client = Client(address, verbose=False)
    for preset in PRESETS:
        arguments = {key: value for key, value in preset.items() if key != "name"}
        answer, figures = client.predict(**arguments, api_name="/chat")
        if not answer.strip():
            raise ModelError("the model gives no answer", where=preset["name"])
        yield preset["name"], figures


def _steps(message: str, history: list[Message], grows: Iterator[Reply]) -> Iterator[tuple[Any, ...]]:
    """What the page shows of an answer that grows, and what the browser holds should it be stopped there."""
    text, seen, turns = "", {}, history
    for reply in grows:
        text, seen = reply.text, reply.figures
        pair = [{"role": "user", "content": message}, {"role": "assistant", "content": text}]
        begun = bool(text.strip())
        turns = [*history, *pair] if begun else history
        yield (
            shown([*history, *pair] if begun else [*history, pair[0]]),
            _session(turns, running=seen, waiting=None if begun else message),
            "",
            remark("Answering"),
            context_meter(seen["context_tokens"], seen["context_length"]),
        )
    if text.strip():
        yield gr.skip(), _session(turns), gr.skip(), figures_remark(seen), gr.skip()
    else:
        line = "the model ended before the first word. Send it again with another seed or a higher temperature."
        yield shown(history), _session(history), message, remark(line, "bad"), gr.skip()


def _as_sent(settings: Sequence[Any]) -> list[Any]:
    """The page's settings as the endpoint takes them: its seed is text, which may be empty."""
    *others, seed = settings
    text = (seed or "").strip()
    return [*others, (int(text) if text.isdecimal() and len(text) < 20 else text) if text else None]


def _session(
    messages: Sequence[Message], running: dict[str, Any] | None = None, waiting: str | None = None
) -> dict[str, Any]:
    """What the browser holds: whole pairs of turns, the figures of an answer that grows, a question without one."""
    return {"messages": list(messages), "running": running, "waiting": waiting}


def _messages(session: Any) -> list[Message]:
    """The turns that a browser sent, whatever they are; `read_history` judges them."""
    messages = session.get("messages") if isinstance(session, Mapping) else None
    return messages if isinstance(messages, list) else []


def _buttons(*, busy: bool) -> list[gr.Button]:
    """Send, Stop and Retry, while the model answers and while not."""
    return [gr.Button(interactive=allowed) for allowed in (not busy, busy, not busy)]


def _introduction(backend: Backend, model: str) -> str:
    lines = ["# Chat", f"Model: `{html.escape(model)}`, run by {backend.name}. It is small: check what it says."]
    if model == BUNDLED:
        lines[-1] = f"Model: SmolLM2-135M-Instruct, run by {backend.name}. It is very small: check what it says."
    return "\n".join(lines)


_CSS = """
#figures .html-container, #context .html-container { padding: 0; }
#figures { min-height: 1.5em; }
#context label { display: flex; gap: 0.6em; align-items: center; flex-wrap: wrap; font-size: var(--text-sm); }
#context meter { flex: 1 1 8em; height: 1.2em; max-width: 16em; }
#conversation .message { overflow-wrap: anywhere; }
"""


def main() -> None:
    """Serve the model that the environment names; without one that in the folder model/, else the bundled one."""
    model, runtime = serving.model_to_serve(HERE)
    page = build(open_backend(model, runtime=runtime), Path(model).name)
    print(f"{model} answers at {serve(page)}")
    page.block_thread()


if __name__ == "__main__":
    main()
