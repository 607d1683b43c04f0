"""Conversations and preferences: rows checked turn by turn, every fault of every row named as file:row:field.

A conversation is `{messages: [{role, content}], tools?}`, a preference `{prompt, chosen, rejected}`, whatever else the
rows carry. Nothing is repaired and no row is dropped: `Checked` holds the good rows and the faults of the others, and
the caller decides. This module knows no template and no tokens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from smolkit.errors import DataError, SmolkitError, locate, nearest

Message = dict[str, str]
"""{role, content}; the role is system, user, assistant or tool."""

FORMATS = ("messages", "sharegpt")
CALL = "<tool_call>\n{}\n</tool_call>"
"""How a call to a tool is written into an assistant's turn, as Hermes and SmolLM2 do."""

_SHAREGPT_ROLES = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "function_call": "tool_call",
    "observation": "tool",
    "tool": "tool",
}
_FOLLOWS = {
    "the beginning": ("system", "user"),
    "system": ("user",),
    "user": ("assistant", "tool_call"),
    "assistant": ("user",),
    "tool_call": ("tool",),
    "tool": ("assistant", "tool_call", "tool"),
}
"""Which roles may come after which. `tool_call` is an assistant's turn that calls a tool."""

ROLES = tuple(role for role in _FOLLOWS if role != "the beginning")
_HALF_PAIR = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Conversation:
    """A checked conversation that ends with an assistant's turn."""

    messages: tuple[Message, ...]
    tools: tuple[dict[str, Any], ...]
    where: str
    """file:row"""


@dataclass(frozen=True)
class Preference:
    """Two answers to one prompt, which ends with a user's or a tool's turn."""

    prompt: tuple[Message, ...]
    chosen: str
    rejected: str
    where: str
    tools: tuple[dict[str, Any], ...] = ()


RowT = TypeVar("RowT")


@dataclass
class Checked(Generic[RowT]):
    """The rows of one source that are as they should be, and the faults of those that are not."""

    rows: list[RowT] = field(default_factory=list)
    problems: list[SmolkitError] = field(default_factory=list)
    bad_rows: list[str] = field(default_factory=list)
    """file:row of each row that has faults."""


def check_conversations(values: Iterable[object], file: str | Path, layout: str = "messages") -> Checked[Conversation]:
    """Conversations in `messages`, or with the layout "sharegpt" in `conversations` of {from, value}."""
    return _check(values, file, lambda checker, row: _conversation(checker, row, layout))


def check_preferences(values: Iterable[object], file: str | Path) -> Checked[Preference]:
    """Preferences whose prompt is text or messages, and whose answers are text or messages that repeat the prompt."""
    return _check(values, file, _preference)


def check_messages(faults: RowFaults, value: object, *, answered: bool = True) -> list[Message]:
    """The turns of one row's `messages`, their faults noted; where it has to be `answered`, the assistant is last."""
    messages = _messages(faults, "messages", value)
    if answered:
        _check_last(faults, "messages", messages)
    return messages


def _check(values: Iterable[object], file: str | Path, read: Any) -> Checked[Any]:
    checked: Checked[Any] = Checked()
    for number, value in enumerate(values, start=1):
        checker = RowFaults(file, number)
        row = None
        if isinstance(value, SmolkitError):
            checker.problems.append(value)
        elif not isinstance(value, Mapping):
            checker.fault("", f"a row is an object, got {type(value).__name__}")
        else:
            row = read(checker, value)
        if checker.problems:
            checked.problems += checker.problems
            checked.bad_rows.append(locate(file, number))
        else:
            checked.rows.append(row)
    return checked


class RowFaults:
    """Collects the faults of one row."""

    def __init__(self, file: str | Path | None, number: int):
        self.file, self.number = file, number
        self.problems: list[SmolkitError] = []

    @property
    def where(self) -> str:
        return locate(self.file, self.number)

    def fault(self, name: str, what: str, **more: Any) -> None:
        self.problems.append(DataError(what, where=locate(self.file, self.number, name), **more))

    def text(self, name: str, value: object) -> str:
        if not isinstance(value, str):
            self.fault(name, f"expected a string, got {type(value).__name__}")
        elif not value.strip():
            self.fault(name, "the text is empty")
        elif not value.isascii() and _HALF_PAIR.search(value):
            self.fault(name, "half of a surrogate pair, which is no text")
        else:
            return value
        return ""


# ---- conversations


def _conversation(checker: RowFaults, row: Mapping[str, Any], layout: str) -> Conversation:
    tools = _tools(checker, row.get("tools"))
    name = "conversations" if layout == "sharegpt" else "messages"
    if row.get(name) is None:
        other = "conversations" if name == "messages" else "messages"
        fix = None
        if row.get(other) is not None:
            fix = f"Set data.format={'sharegpt' if other == 'conversations' else 'messages'} to read {other!r}"
        elif name not in row and (near := nearest(name, row)):
            fix = f"Rename {near!r} to {name!r}"
        checker.fault(name, "is null" if name in row else f"no {name}", fix=fix)
        return Conversation((), (), checker.where)
    keys = ("from", "value") if layout == "sharegpt" else ("role", "content")
    messages = _messages(checker, name, row[name], keys)
    _check_last(checker, name, messages)
    return Conversation(tuple(messages), tools, checker.where)


def _check_last(checker: RowFaults, name: str, messages: Sequence[Message]) -> None:
    if messages and not checker.problems and messages[-1]["role"] != "assistant":
        fix = "Leave that turn out, or the row"
        checker.fault(
            f"{name}[{len(messages) - 1}]", "the last turn is not the assistant's, so it teaches none", fix=fix
        )


def _messages(
    checker: RowFaults, name: str, value: object, keys: tuple[str, str] = ("role", "content")
) -> list[Message]:
    """The turns of a list, roles and order checked; calls to tools become text of the assistant's turn."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        what = "the list is empty" if isinstance(value, Sequence) and not value else "expected a list of messages"
        checker.fault(name, what if isinstance(value, list) else f"{what}, got {type(value).__name__}")
        return []
    messages: list[Message] = []
    before = "the beginning"
    for index, turn in enumerate(value):
        role, content = _turn(checker, f"{name}[{index}]", turn, keys)
        if role is None:
            return messages  # what comes after it cannot be judged
        if role not in _FOLLOWS[before]:
            allowed = " or ".join(_FOLLOWS[before])
            checker.fault(f"{name}[{index}].{keys[0]}", f"{role} after {before}, where {allowed} is expected")
        before = role
        messages.append({"role": "assistant" if role == "tool_call" else role, "content": content})
    return messages


def _turn(checker: RowFaults, name: str, turn: object, keys: tuple[str, str]) -> tuple[str | None, str]:
    if not isinstance(turn, Mapping):
        checker.fault(name, f"a message is an object, got {type(turn).__name__}")
        return None, ""
    given, content = (turn.get(key) for key in keys)
    if keys[0] == "role" and given is None and "from" in turn:
        checker.fault(
            name, "is written {from, value}", fix="Set data.format=sharegpt, or rename them to role and content"
        )
        return None, ""
    roles = _SHAREGPT_ROLES if keys[0] == "from" else {role: role for role in ROLES}
    if not isinstance(given, str) or given not in roles:
        what = f"unknown role {given!r}" if isinstance(given, str) else f"expected a role, got {type(given).__name__}"
        checker.fault(f"{name}.{keys[0]}", what, given=str(given), known=roles)
        return None, ""
    role = roles[given]
    if calls := turn.get("tool_calls"):
        if role not in ("assistant", "tool_call"):
            checker.fault(f"{name}.tool_calls", f"a turn of the {role} calls no tools")
            return role, ""
        return "tool_call", _calls(checker, f"{name}.tool_calls", calls, content)
    text = checker.text(f"{name}.{keys[1]}", content)
    return role, CALL.format(text) if role == "tool_call" else text


def _calls(checker: RowFaults, name: str, calls: object, content: object) -> str:
    """The text of an assistant's turn that calls tools, as in OpenAI's `tool_calls`."""
    parts = [content] if isinstance(content, str) and content.strip() else []
    for index, call in enumerate(calls if isinstance(calls, Sequence) else [calls]):
        function = call.get("function", call) if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            checker.fault(f"{name}[{index}]", "expected {function: {name, arguments}}")
            continue
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            try:
                arguments = json.loads(arguments)
            except ValueError as exc:
                checker.fault(f"{name}[{index}].function.arguments", f"is text, but not JSON: {exc}")
        called = {"name": function["name"], "arguments": arguments}
        try:
            parts.append(CALL.format(json.dumps(called, ensure_ascii=False, allow_nan=False)))
        except (TypeError, ValueError) as exc:  # values that Parquet has, and JSON has not
            checker.fault(f"{name}[{index}].function.arguments", f"cannot be written as JSON: {exc}")
    return checker.text(name, "\n".join(parts)) if parts else ""


def _tools(checker: RowFaults, value: object) -> tuple[dict[str, Any], ...]:
    if value is None or value in ("", []):
        return ()
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as exc:
            checker.fault("tools", f"is text, but not JSON: {exc}")
            return ()
    if not isinstance(value, list) or not all(isinstance(tool, dict) for tool in value):
        checker.fault("tools", f"expected a list of objects, got {type(value).__name__}")
        return ()
    checker.text("tools", json.dumps(value, ensure_ascii=False, default=str))
    return tuple(value)


# ---- preferences


def _preference(checker: RowFaults, row: Mapping[str, Any]) -> Preference:
    for name in ("chosen", "rejected"):
        if row.get(name) is None:
            others = [key for key in row if key not in ("prompt", "chosen", "rejected")]
            near = nearest(name, others) if name not in row else None
            what = "is null" if name in row else f"no {name}"
            checker.fault(name, what, fix=f"Rename {near!r} to {name!r}" if near else None)
    tools = _tools(checker, row.get("tools"))
    prompt = _prompt(checker, row)
    if checker.problems:
        return Preference((), "", "", checker.where)
    chosen, rejected = (_answer(checker, row, name, prompt) for name in ("chosen", "rejected"))
    if chosen == rejected and not checker.problems:
        checker.fault("rejected", "is what was chosen, so nothing is preferred")
    return Preference(tuple(prompt), chosen, rejected, checker.where, tools)


def _prompt(checker: RowFaults, row: Mapping[str, Any]) -> list[Message]:
    """The prompt's turns; where a row has none, those that both answers begin with."""
    given = row.get("prompt")
    if isinstance(given, str):
        before = _system_before(row.get("chosen"), given)
        for turn in before:
            checker.text("chosen[0].content", turn["content"])
        return [*before, {"role": "user", "content": checker.text("prompt", given)}]
    name = "prompt"
    if given is None and isinstance(row.get("chosen"), list):
        name, given = "chosen", row["chosen"][:-1]
    elif given is None:
        checker.fault("prompt", "no prompt, and the answers repeat none")
        return []
    messages = _messages(checker, name, given)
    if messages and not checker.problems and messages[-1]["role"] not in ("user", "tool"):
        checker.fault(
            f"{name}[{len(messages) - 1}]", "the prompt ends with an assistant's turn, to which nobody answers"
        )
    return messages


def _system_before(chosen: object, prompt: str) -> list[Message]:
    """The system turn of a full conversation whose prompt is given as text alone."""
    if not isinstance(chosen, list) or len(chosen) != 3 or not isinstance(chosen[0], Mapping):
        return []
    system = chosen[0].get("role") == "system" and isinstance(chosen[0].get("content"), str)
    return [{"role": "system", "content": chosen[0]["content"]}] if system else []


def _answer(checker: RowFaults, row: Mapping[str, Any], name: str, prompt: Sequence[Message]) -> str:
    """The text of an answer: given as text, as one message, or as the conversation that the prompt begins."""
    given = row[name]
    if isinstance(given, str):
        return checker.text(name, given)
    if not isinstance(given, list) or not given:
        checker.fault(
            name, f"expected a string or messages, got {'an empty list' if given == [] else type(given).__name__}"
        )
        return ""
    last, place = given[-1], f"{name}[{len(given) - 1}]"
    if not isinstance(last, Mapping) or last.get("role") not in ("assistant", "tool_call"):
        checker.fault(place, "the last turn is not the assistant's")
        return ""
    differs = _first_other(checker, name, given[:-1], prompt)
    if differs is not None:
        checker.fault(f"{name}[{differs}]", "the turns before the answer are not those of the prompt")
        return ""
    return _turn(checker, place, last, ("role", "content"))[1]


def _first_other(checker: RowFaults, name: str, repeated: Sequence[object], prompt: Sequence[Message]) -> int | None:
    """Which of the turns that an answer repeats is not the prompt's, once both are written alike; 0 for another count.

    The prompt was checked already, so faults of equal turns would be its own: they need not be told again.
    """
    if not repeated:
        return None
    if len(repeated) != len(prompt):
        return 0
    turns = _messages(RowFaults(checker.file, checker.number), name, repeated)
    return next((index for index, turn in enumerate(prompt) if turns[index : index + 1] != [turn]), None)
