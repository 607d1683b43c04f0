from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from smolkit.data.messages import CALL, check_conversations, check_preferences
from smolkit.errors import DataError

USER = {"role": "user", "content": "Hi"}
ASSISTANT = {"role": "assistant", "content": "Hello"}


def _fault(row: object, layout: str = "messages") -> str:
    checked = check_conversations([{"messages": [USER, ASSISTANT]}, row], "chats.jsonl", layout)
    assert checked.bad_rows == ["chats.jsonl:2"] or layout == "sharegpt"
    return str(checked.problems[-1])


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ([], "chats.jsonl:2: a row is an object, got list."),
        ({"mesages": []}, "chats.jsonl:2:messages: no messages. Rename 'mesages' to 'messages'."),
        ({"conversations": [{"from": "human", "value": "Hi"}]},
         "chats.jsonl:2:messages: no messages. Set data.format=sharegpt to read 'conversations'."),
        ({"messages": "Hi"}, "chats.jsonl:2:messages: expected a list of messages, got str."),
        ({"messages": []}, "chats.jsonl:2:messages: the list is empty."),
        ({"messages": [7]}, "chats.jsonl:2:messages[0]: a message is an object, got int."),
        ({"messages": [{"from": "human", "value": "Hi"}]},
         "chats.jsonl:2:messages[0]: is written {from, value}. "
         "Set data.format=sharegpt, or rename them to role and content."),
        ({"messages": [USER, {"role": "asistant", "content": "Hello"}]},
         "chats.jsonl:2:messages[1].role: unknown role 'asistant'. Did you mean 'assistant'? "
         "Known: assistant, system, tool, tool_call, user."),
        ({"messages": [{"content": "Hi"}]},
         "chats.jsonl:2:messages[0].role: expected a role, got NoneType. "
         "Known: assistant, system, tool, tool_call, user."),
        ({"messages": [ASSISTANT]},
         "chats.jsonl:2:messages[0].role: assistant after the beginning, where system or user is expected."),
        ({"messages": [USER, USER, ASSISTANT]},
         "chats.jsonl:2:messages[1].role: user after user, where assistant or tool_call is expected."),
        ({"messages": [USER, ASSISTANT, USER]},
         "chats.jsonl:2:messages[2]: the last turn is not the assistant's, so it teaches none. "
         "Leave that turn out, or the row."),
        ({"messages": [USER, {"role": "assistant", "content": " \n"}]},
         "chats.jsonl:2:messages[1].content: the text is empty."),
        ({"messages": [USER, {"role": "assistant", "content": None}]},
         "chats.jsonl:2:messages[1].content: expected a string, got NoneType."),
        ({"messages": [USER, {"role": "assistant", "content": "\ud800"}]},
         "chats.jsonl:2:messages[1].content: half of a surrogate pair, which is no text."),
        ({"messages": [USER, ASSISTANT], "tools": "[{"},
         "chats.jsonl:2:tools: is text, but not JSON: Expecting property name enclosed in double quotes: "
         "line 1 column 3 (char 2)."),
        ({"messages": [USER, ASSISTANT], "tools": ["f"]}, "chats.jsonl:2:tools: expected a list of objects, got list."),
        ({"messages": [USER, {"role": "assistant", "tool_calls": [{"name": 3}]}]},
         "chats.jsonl:2:messages[1].tool_calls[0]: expected {function: {name, arguments}}."),
    ],
)  # fmt: skip
def test_a_fault_names_its_row_and_field(row: object, line: str) -> None:
    assert _fault(row) == line


def test_every_fault_of_every_row_is_found_and_the_good_rows_are_kept() -> None:
    bad = {"messages": [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}]}
    good = {"messages": [USER, ASSISTANT], "source": "kept out of the way"}
    checked = check_conversations([bad, good, DataError("not JSON", where="chats.jsonl:3")], "chats.jsonl")
    assert [str(problem).partition(": ")[0] for problem in checked.problems] == [
        "chats.jsonl:1:messages[0].content", "chats.jsonl:1:messages[1].content", "chats.jsonl:3",
    ]  # fmt: skip
    assert checked.bad_rows == ["chats.jsonl:1", "chats.jsonl:3"]
    assert [row.where for row in checked.rows] == ["chats.jsonl:2"]


def test_sharegpt_is_read_where_it_is_asked_for() -> None:
    turns = [
        {"from": "system", "value": "Be kind"},
        {"from": "human", "value": "Hi"},
        {"from": "gpt", "value": "Hello"},
    ]
    (row,) = check_conversations([{"conversations": turns}], "s.jsonl", "sharegpt").rows
    assert list(row.messages) == [{"role": "system", "content": "Be kind"}, USER, ASSISTANT]
    assert "Set data.format=messages to read 'messages'" in _fault({"messages": [USER, ASSISTANT]}, "sharegpt")


def test_calls_to_tools_become_text_of_the_assistant() -> None:
    call = {"name": "weather", "arguments": {"city": "Ulm"}}
    rest = [{"role": "tool", "content": "rain"}, {"role": "assistant", "content": "It rains."}]
    as_role = [USER, {"role": "tool_call", "content": json.dumps(call)}, *rest]
    as_field = [USER, {"role": "assistant", "content": None, "tool_calls": [
        {"type": "function", "function": {**call, "arguments": json.dumps(call["arguments"])}}]}, *rest]  # fmt: skip
    rows = check_conversations([{"messages": as_role, "tools": "[]"}, {"messages": as_field}], "c.jsonl").rows
    assert rows[0].messages == rows[1].messages
    assert rows[0].messages[1] == {"role": "assistant", "content": CALL.format(json.dumps(call))}


CALLS = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ({"messages": None, "mesages": 1}, "messages: is null."),
        ({"messages": [{**CALLS, "role": "user"}]}, "messages[0].tool_calls: a turn of the user calls no tools."),
        ({"messages": [USER, {**CALLS, "tool_calls": [{"name": "\ud800"}]}]},
         "messages[1].tool_calls: half of a surrogate pair, which is no text."),
        ({"messages": [USER, ASSISTANT], "tools": [{"name": "\ud800"}]},
         "tools: half of a surrogate pair, which is no text."),
        ({"messages": [USER, {**CALLS, "tool_calls": [{"name": "f", "arguments": {"day": date(2025, 1, 2)}}]}]},
         "messages[1].tool_calls[0].function.arguments: cannot be written as JSON: Object of type date is not JSON "
         "serializable."),
    ],
)  # fmt: skip
def test_calls_and_null_fields_are_checked_as_well(row: object, line: str) -> None:
    assert str(check_conversations([row], "c.jsonl").problems[0]) == f"c.jsonl:1:{line}"


def test_a_call_with_a_number_that_json_has_not_is_a_fault() -> None:
    fault = _fault({"messages": [USER, {**CALLS, "tool_calls": [{"name": "f", "arguments": "[NaN]"}]}]})
    assert "messages[1].tool_calls[0].function.arguments: cannot be written as JSON: Out of range" in fault


# ---- preferences

FULL = {"chosen": [USER, ASSISTANT], "rejected": [USER, {"role": "assistant", "content": "No"}]}


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Hi", "chosen": "Hello", "rejected": "No"},
        {"prompt": [USER], "chosen": "Hello", "rejected": "No"},
        {"prompt": [USER], "chosen": [ASSISTANT], "rejected": [{"role": "assistant", "content": "No"}]},
        {"prompt": "Hi", **FULL},  # UltraFeedback
        FULL,
    ],
    ids=["texts", "messages and texts", "messages", "prompt repeated", "prompt in the answers alone"],
)
def test_a_preference_may_be_written_in_several_ways(row: dict[str, Any]) -> None:
    checked = check_preferences([row], "p.jsonl")
    assert not checked.problems
    assert (checked.rows[0].prompt, checked.rows[0].chosen, checked.rows[0].rejected) == ((USER,), "Hello", "No")


def test_the_system_turn_of_a_repeated_prompt_is_kept() -> None:
    system = {"role": "system", "content": "Be brief"}
    row = {"prompt": "Hi", **{name: [system, *turns] for name, turns in FULL.items()}}
    assert check_preferences([row], "p.jsonl").rows[0].prompt == (system, USER)


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ({"prompt": "Hi", "chosen": "a", "rejectd": "b"},
         "p.jsonl:1:rejected: no rejected. Rename 'rejectd' to 'rejected'."),
        ({"chosen": "a", "rejected": "b"}, "p.jsonl:1:prompt: no prompt, and the answers repeat none."),
        ({"prompt": "Hi", "chosen": "a", "rejected": "a"},
         "p.jsonl:1:rejected: is what was chosen, so nothing is preferred."),
        ({"prompt": "Hi", "chosen": "", "rejected": "a"}, "p.jsonl:1:chosen: the text is empty."),
        ({"prompt": "Hi", "chosen": 3, "rejected": "a"}, "p.jsonl:1:chosen: expected a string or messages, got int."),
        ({"prompt": "Hi", "chosen": [], "rejected": "a"},
         "p.jsonl:1:chosen: expected a string or messages, got an empty list."),
        ({"prompt": "Hi", "chosen": [USER], "rejected": "a"},
         "p.jsonl:1:chosen[0]: the last turn is not the assistant's."),
        ({"prompt": "Ho", **FULL}, "p.jsonl:1:chosen[0]: the turns before the answer are not those of the prompt."),
        ({"prompt": [USER, ASSISTANT], "chosen": "a", "rejected": "b"},
         "p.jsonl:1:prompt[1]: the prompt ends with an assistant's turn, to which nobody answers."),
    ],
)  # fmt: skip
def test_a_fault_of_a_preference_names_its_row_and_field(row: dict[str, Any], line: str) -> None:
    assert str(check_preferences([row], "p.jsonl").problems[0]) == line


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ({"prompt": "Hi", "chosen": None, "chosn": "a", "rejected": "b"}, "chosen: is null."),
        ({"prompt": "Hi", **{name: [{"role": "system", "content": "\ud800"}, *turns] for name, turns in FULL.items()}},
         "chosen[0].content: half of a surrogate pair, which is no text."),
    ],
)  # fmt: skip
def test_null_answers_and_halves_in_the_system_turn_are_faults(row: dict[str, Any], line: str) -> None:
    assert str(check_preferences([row], "p.jsonl").problems[0]) == f"p.jsonl:1:{line}"


def test_preferences_may_call_tools_before_the_answer_and_in_it() -> None:
    turns = [USER, CALLS, {"role": "tool", "content": "1"}]
    row = {"chosen": [*turns, ASSISTANT], "rejected": [*turns, CALLS]}
    for given in (row, {"prompt": turns, **row}):
        checked = check_preferences([given], "p.jsonl")
        assert not checked.problems
        assert checked.rows[0].rejected == CALL.format('{"name": "f", "arguments": {"a": 1}}')
    other = [USER, {**CALLS, "tool_calls": [{"name": "g"}]}, turns[2], ASSISTANT]
    (problem,) = check_preferences([{**row, "rejected": other}], "p.jsonl").problems
    assert str(problem) == "p.jsonl:1:rejected[1]: the turns before the answer are not those of the prompt."
