"""Rows about images: what a row may be, every fault with its place, and which files a row may name."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from smolkit.data.rows import hub_rows
from smolkit.data.vision_rows import VisionRow, check_images, read_vision_rows, shows_images, validate_vision_rows
from smolkit.errors import DataError, RowErrors

FORM = {"image": "a.png", "template": {"name": "", "price": "number"}, "output": {"name": "pot", "price": 3}}
CHAT = {
    "images": ["a.png", "b.png"],
    "messages": [
        {"role": "user", "content": "<image> or <image>?"},
        {"role": "assistant", "content": "The first <image>"},
    ],
}
SHOWN = {"type": "image"}


def text(content: str) -> dict[str, str]:
    return {"type": "text", "text": content}


def turns(*contents: Any) -> list[dict[str, Any]]:
    return [{"role": ("user", "assistant")[at % 2], "content": content} for at, content in enumerate(contents)]


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def png(path: Path, size: tuple[int, int] = (4, 3)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "red").save(path)
    return path


def faults(*rows: Any, **options: Any) -> list[str]:
    with pytest.raises(RowErrors) as caught:
        validate_vision_rows(rows, "f.jsonl", **options)
    return str(caught.value).split("\n")


# ---- what a row may be


def test_a_row_keeps_what_it_carries(tmp_path):
    file = write(
        tmp_path / "rows.jsonl",
        {**FORM, "id": 7, "accepted": {"name": ["Pot"]}, "boxes": [1]},
        {**CHAT, "lang": "en", "kind": "shop", "answers": ["the red one"]},
    )
    form, chat = read_vision_rows(file)
    assert (form.id, form.line, form.output, form.messages) == ("7", 1, FORM["output"], None)
    assert form.template is not None
    assert form.template.source == FORM["template"]
    assert (form.accepted, form.extra) == ({"name": ["Pot"]}, {"boxes": [1]})
    assert [(image.content, image.where) for image in form.images] == [(tmp_path / "a.png", f"{file}:1:image")]
    assert (chat.id, chat.template, chat.output, chat.lang, chat.kind) == ("2", None, None, "en", "shop")
    assert [image.where for image in chat.images] == [f"{file}:2:images[0]", f"{file}:2:images[1]"]
    assert chat.answers == ("The first <image>", "the red one")


def test_contents_become_parts():
    (row,) = validate_vision_rows([CHAT])
    assert row.messages == (
        {"role": "user", "content": [SHOWN, text(" or "), SHOWN, text("?")]},
        {"role": "assistant", "content": [text("The first <image>")]},
    )
    assert row.question == row.messages[:1]


def test_in_a_content_of_parts_text_is_text():
    content = [text("What is <image>"), {"type": "image", "text": None}, {"type": "text", "text": "", "index": 0}]
    rows = [{"image": "a.png", "messages": turns(content, [text("A "), text("pot")])}]
    (row,) = validate_vision_rows(rows)
    assert row.messages is not None
    assert row.messages[0]["content"] == [text("What is <image>"), SHOWN]
    assert row.messages[1]["content"] == [text("A pot")]


def test_images_without_a_mark_are_shown_first_to_the_first_user():
    messages = [{"role": "system", "content": "Be brief"}, *turns("Compare", "No", "Why?", "So")]
    (row,) = validate_vision_rows([{"images": ["a.png", "b.png"], "messages": messages}])
    assert row.messages is not None
    assert row.messages[1]["content"] == [SHOWN, SHOWN, text("Compare")]
    assert [len(message["content"]) for message in row.messages] == [1, 3, 1, 1, 1]


def test_a_turn_may_be_an_image_alone():
    for content in ("<image>", [SHOWN]):
        (row,) = validate_vision_rows([{"image": "a.png", "messages": turns(content, "A pot")}])
        assert row.messages is not None
        assert row.messages[0]["content"] == [SHOWN]


def test_a_conversation_may_say_that_it_has_no_images(tmp_path):
    row = {"images": [], "messages": turns("Hello", "Good morning")}
    (read,) = validate_vision_rows([row])
    assert (read.images, read.question[0]["content"]) == ((), [{"type": "text", "text": "Hello"}])
    assert read.as_dict()["images"] == []
    assert validate_vision_rows([read.as_dict()]) == [read]
    with pytest.raises(DataError, match="1 place for images, and the row has none"):
        validate_vision_rows([{**row, "messages": turns("<image>Hello", "Good morning")}])


def test_image_and_images_of_one_are_the_same():
    (one,) = validate_vision_rows([{**FORM, "image": None, "images": ["a.png"]}])
    assert [image.content for image in one.images] == [Path("a.png")]
    assert one.as_dict() == {"id": "1", **FORM}


def test_a_row_is_written_as_it_was_read(tmp_path):
    file = write(tmp_path / "rows.jsonl", FORM, {**CHAT, "answers": ["a"], "lang": "en"})
    rows = read_vision_rows(file)
    again = validate_vision_rows([row.as_dict() for row in rows])
    assert [(row.messages, row.output, row.further, row.lang) for row in again] == [
        (row.messages, row.output, row.further, row.lang) for row in rows
    ]
    assert [image.content for row in again for image in row.images] == [
        image.content for row in rows for image in row.images
    ]
    with pytest.raises(DataError, match=r"^rows:1:image: this image is no file that a row could name"):
        validate_vision_rows([{**FORM, "image": Image.new("L", (2, 2))}], "rows")[0].as_dict()


def test_without_need_of_an_output_a_row_may_be_a_question():
    rows = [
        {"image": "a.png", "messages": turns("What is it?"), "answers": ["pot", "a pot"]},
        {"image": "a.png", "template": {"name": ""}},
    ]
    chat, form = validate_vision_rows(rows, need_output=False)
    assert chat.question == chat.messages
    assert chat.answers == ("pot", "a pot")
    assert form.output is None
    assert faults(*rows) == [
        "f.jsonl:1:messages[0]: the last turn is not the assistant's, so it teaches none. "
        "Leave that turn out, or the row.",
        "f.jsonl:2:output: no output.",
    ]


def test_rows_with_images_and_no_text_are_told_from_others():
    assert shows_images([FORM, CHAT])
    assert not shows_images([{**FORM, "text": "read by OCR"}])
    assert not shows_images([{"text": "a", "template": {}, "output": {}}, 7])


# ---- faults


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({**FORM, "image": None}, "image: no image. Texts alone are for the tasks extraction and chat."),
        ({**FORM, "image": None, "text": "a"}, "image: no image. Texts alone are for the tasks extraction and chat."),
        ({**CHAT, "images": None, "imges": ["a.png"]}, "images: no images. Rename 'imges' to 'images'."),
        ({**CHAT, "images": None}, "images: no images. images: [] says that a conversation has none."),
        ({**FORM, "image": None, "images": []}, "images: the list is empty."),
        ({**CHAT, "images": "a.png"}, "images: expected a list of images, got str."),
        ({**CHAT, "images": ["a.png", 7]}, "images[1]: expected the path of an image, got int."),
        ({**FORM, "image": ""}, "image: expected the path of an image, got an empty text."),
        ({**FORM, "image": ["a.png"]}, "image: expected the path of an image, got list."),
        ({**FORM, "image": {"bytes": None, "path": None}}, "image: expected the path of an image, got dict."),
        (
            {**FORM, "image": "https://x.org/a.png"},
            "image: is an address, and images are read from files. Save it as a file, and name that.",
        ),
        (
            {**FORM, "images": ["a.png"]},
            "image: stands beside images; a row has one of them. Leave one of them out.",
        ),
        (
            {**FORM, "image": None, "images": ["a", "b"]},
            "images: a template is filled from one image, got 2.",
        ),
        (
            {**FORM, "messages": turns("a", "b")},
            "template: stands beside messages; a row has one of them. Leave one of them out, or make two rows.",
        ),
        ({"image": "a.png"}, "1: neither messages nor a template."),
        (
            {"image": "a.png", "mesages": []},
            "1: neither messages nor a template. Rename 'mesages' to 'messages'.",
        ),
        ({**FORM, "answers": ["a"]}, "answers: stands beside a template, where it means nothing. Leave it out."),
        ({**CHAT, "output": {}}, "output: stands beside messages, where it means nothing. Leave it out."),
        ({**CHAT, "answers": "a"}, "answers: expected a list of strings, got str."),
        ({**CHAT, "answers": ["a", 3]}, "answers[1]: expected a string, got int."),
        ({**CHAT, "messages": []}, "messages: the list is empty."),
        ({**CHAT, "messages": "hi"}, "messages: expected a list of messages, got str."),
        ({**CHAT, "messages": turns("<image>", "b")}, "messages: 1 place for images, and the row has 2. Mark each"),
        ({**CHAT, "messages": turns("a", " ")}, "messages[1].content: the text is empty."),
        ({**CHAT, "messages": turns([], "b")}, "messages[0].content: the text is empty."),
        ({**CHAT, "messages": turns("a", [SHOWN])}, "messages[1].content: shows an image, and an assistant answers"),
        (
            {**CHAT, "messages": turns([{"type": "img"}], "b")},
            "messages[0].content[0]: a part has a type. Did you mean 'image'? Known: image, text.",
        ),
        ({**CHAT, "messages": turns([{"type": "text"}], "b")}, "messages[0].content[0].text: expected a string, got"),
        (
            {**CHAT, "messages": turns([{"type": "image", "url": "a.png"}], "b")},
            "messages[0].content[0]: brings an image of its own. Name it among the row's images; a part marks",
        ),
        (
            {**CHAT, "messages": [{"role": "usr", "content": "a"}]},
            "messages[0].role: unknown role 'usr'. Did you mean 'user'?",
        ),
        (
            {**CHAT, "messages": [*turns("a", "b"), {"role": "assistant", "content": "c"}]},
            "messages[2].role: assistant after assistant, where user is expected.",
        ),
        ({**FORM, "output": {"nam": "pot"}}, "output.nam: not a key of the template (did you mean 'name'?)."),
        ({**FORM, "accepted": {"price": ["x"]}}, "accepted.price[0]: "),
        ({**FORM, "id": 1.5}, "id: expected a string or a whole number, got float."),
        ([1], "1: a row is an object, got list."),
    ],
)
def test_a_fault_is_named_with_its_place(row, fault):
    (found,) = faults(row)
    assert found.startswith(f"f.jsonl:{fault}" if fault.startswith("1:") else f"f.jsonl:1:{fault}")


def test_all_faults_of_all_rows_are_told_at_once(tmp_path):
    file = write(tmp_path / "rows.jsonl", {**FORM, "image": 7, "output": {"nam": 1}}, "{", CHAT, {"images": "a.png"})
    with pytest.raises(RowErrors) as caught:
        read_vision_rows(file)
    assert [str(problem.where) for problem in caught.value.problems] == [
        f"{file}:{place}" for place in ("1:image", "1:output.nam", "2", "4:images", "4")
    ]


def test_no_rows_are_an_error():
    with pytest.raises(DataError, match=r"^rows: holds no rows"):
        validate_vision_rows([])


# ---- which files


def test_paths_are_relative_to_the_folder_given_or_to_the_file(tmp_path):
    file = write(tmp_path / "rows.jsonl", {**FORM, "image": "x/./a.png"})
    assert read_vision_rows(file)[0].images[0].content == tmp_path / "x" / "a.png"
    (tmp_path / "images").mkdir()
    (row,) = read_vision_rows(file, root=tmp_path / "images")
    assert row.images[0].content == tmp_path / "images" / "x" / "a.png"
    with pytest.raises(DataError, match=r"nowhere: no such folder of images"):
        read_vision_rows(file, root=tmp_path / "nowhere")


def test_a_file_of_ones_own_may_name_any_path_and_a_folder_is_not_left(tmp_path):
    rows = [{**FORM, "image": path} for path in ("/etc/a.png", "../a.png", "x/../../a.png", "..a.png", "x/../a.png")]
    assert len(validate_vision_rows(rows, "f.jsonl")) == 5
    assert faults(*rows, root=tmp_path) == [
        f"f.jsonl:{row}:image: {what}, and images are looked for in {tmp_path}. Write the path as it is in that folder."
        for row, what in ((1, "is absolute"), (2, "leads elsewhere"), (3, "leads elsewhere"))
    ]


def test_a_hub_data_set_brings_its_images_and_reads_no_other_files(tmp_path):
    from datasets import Dataset, Features, List, Value
    from datasets import Image as Feature

    red = Image.new("RGB", (5, 4), "red")
    features = Features(
        {"images": List(Feature()), "messages": [{"role": Value("string"), "content": Value("string")}]}
    )
    found = Dataset.from_list([{"images": [red, red], "messages": CHAT["messages"]}], features=features)
    rows = hub_rows({"train": found}, "owner/name", None, None)
    assert isinstance(rows[0]["images"][0]["bytes"], bytes)
    (row,) = validate_vision_rows(rows, "owner/name")
    assert [image.size for image in row.images] == [(5, 4), (5, 4)]
    assert row.images[0].load().getpixel((0, 0)) == (255, 0, 0)

    with pytest.raises(RowErrors) as caught:
        validate_vision_rows(
            [{**FORM, "image": "/etc/passwd"}, {**FORM, "image": {"bytes": None, "path": "a.png"}}], "owner/name"
        )
    assert [str(problem) for problem in caught.value.problems] == [
        f"owner/name:{row}:image: names a file, and a Hub data set should bring its images. "
        "Give the folder that the images are in."
        for row in (1, 2)
    ]
    (row,) = validate_vision_rows([FORM], "owner/name", root=tmp_path)
    assert row.images[0].content == tmp_path / "a.png"


def test_a_hub_data_set_may_name_the_files_that_came_with_it(tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_CACHE_HOME", str(tmp_path))
    inside, outside = tmp_path / "hub" / "a.png", tmp_path / ".." / "a.png"
    (row,) = validate_vision_rows([{**FORM, "image": {"bytes": None, "path": str(inside)}}], "owner/name")
    assert row.images[0].content == inside
    with pytest.raises(RowErrors, match="names a file"):
        validate_vision_rows([{**FORM, "image": {"bytes": None, "path": str(outside)}}], "owner/name")


def test_an_image_of_a_program_is_taken_as_it_is():
    red = Image.new("RGB", (5, 4), "red")
    (row,) = validate_vision_rows([{**FORM, "image": red}])
    assert row.images[0].size == (5, 4)


# ---- images


def _png(size: tuple[int, int]) -> bytes:
    held = io.BytesIO()
    Image.effect_noise(size, 50).save(held, "PNG")
    return held.getvalue()


def _rows(tmp_path: Path, *names: str) -> list[VisionRow]:
    return read_vision_rows(write(tmp_path / "rows.jsonl", *({**FORM, "image": name} for name in names)))


def test_every_broken_image_is_named(tmp_path):
    whole = _png((64, 64))
    png(tmp_path / "good.png")
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder").mkdir()
    rows = _rows(tmp_path, "good.png", "gone.png", "cut.png", "text.png", "empty.png", "folder", "good.png")
    with pytest.raises(RowErrors) as caught:
        check_images(rows, workers=3)
    lines = [str(problem).removeprefix(f"{tmp_path}/rows.jsonl:") for problem in caught.value.problems]
    assert lines[0] == f"2:image: no such image: {tmp_path / 'gone.png'}."
    assert lines[1].startswith("3:image: this image is broken (")
    assert [line.split(" (")[0] for line in lines[2:]] == [
        f"{row}:image: is no image that can be read" for row in (4, 5, 6)
    ]


def test_a_header_alone_does_not_tell_that_an_image_is_cut_off(tmp_path):
    whole = _png((64, 64))
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    rows = _rows(tmp_path, "cut.png")
    check_images(rows, decode=False)
    assert rows[0].images[0].size == (64, 64)
    with pytest.raises(RowErrors, match="this image is broken"):
        check_images(rows)


def test_the_real_receipts_have_no_faults(data_dir):
    rows = read_vision_rows(data_dir / "images" / "sroie_images.jsonl", root=data_dir)
    assert len(rows) == 487
    check_images(rows, decode=False)
    assert max(max(image.size) for row in rows for image in row.images) == 1100
