from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest

from smolkit.cli import run

TEMPLATE = '{"name": "verbatim-string", "count": "integer"}'


@pytest.fixture
def extract(tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]):
    def call(*args: str) -> tuple[int, list[str], str]:
        code = run(["extract", "--model", str(tiny_model_dir), "--max-new-tokens", "24", *args])
        captured = capsys.readouterr()
        return code, captured.out.splitlines(), captured.err

    return call


def test_a_text_file_becomes_one_line_of_json(extract, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Anna has 3 cats")
    code, lines, _ = extract("--template", TEMPLATE, str(tmp_path / "letter.txt"))
    assert code == 0
    assert list(json.loads(lines[0])) == ["name", "count"]


def test_stdin_and_a_template_file(extract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "template.json").write_text(TEMPLATE)
    monkeypatch.setattr("sys.stdin", io.StringIO("Anna has 3 cats"))
    code, lines, _ = extract("--template", str(tmp_path / "template.json"), "--spans")
    assert code == 0
    assert set(json.loads(lines[0])) >= {"output", "spans"}


def test_scores_come_by_path_and_only_when_asked_for(extract, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Anna has 3 cats")
    _, lines, _ = extract("--template", TEMPLATE, "--scores", str(tmp_path / "letter.txt"))
    line = json.loads(lines[0])
    assert list(line)[:2] == ["output", "scores"]
    assert set(line["scores"]) == {"name", "count"}
    assert all(0 <= score <= 1 for score in line["scores"].values())


def test_rows_keep_their_ids_and_bring_their_templates(extract, tmp_path: Path) -> None:
    rows = [{"id": "a", "text": "x 1", "template": {"q": ""}}, {"id": "b", "text": "y 2"}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, lines, _ = extract("--template", TEMPLATE, str(tmp_path / "rows.jsonl"))
    assert code == 0
    found = [json.loads(line) for line in lines]
    assert [row["id"] for row in found] == ["a", "b"]
    assert [list(row["output"]) for row in found] == [["q"], ["name", "count"]]


def test_a_streamed_answer_is_the_whole_answer(extract, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Anna has 3 cats")
    streamed = extract("--template", TEMPLATE, "--stream", str(tmp_path / "letter.txt"))[1]
    plain = extract("--template", TEMPLATE, str(tmp_path / "letter.txt"))[1]
    assert json.loads("".join(streamed)) == json.loads(plain[0])


def test_the_type_of_the_weights_can_be_chosen(extract, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "letter.txt").write_text("Anna has 3 cats")
    answers = [
        extract("--template", TEMPLATE, "--dtype", dtype, str(tmp_path / "letter.txt"))
        for dtype in ("float32", "int8", "int7")
    ]
    assert [code for code, _, _ in answers] == [0, 0, 2]
    assert "unknown dtype 'int7'" in answers[2][2]


# ---- images

LINES = [("Riverside Stationers", ""), ("Total", "13.50")]


@pytest.fixture
def receipt(draw_receipt, tmp_path: Path) -> str:
    draw_receipt(LINES).save(tmp_path / "receipt.png")
    return str(tmp_path / "receipt.png")


@pytest.fixture
def see(tiny_vlm: Path, capsys: pytest.CaptureFixture[str]):
    def call(*args: str) -> tuple[int, list[str], str]:
        code = run(["extract", "--model", str(tiny_vlm), "--max-new-tokens", "12", *args])
        captured = capsys.readouterr()
        return code, captured.out.splitlines(), captured.err

    return call


def test_images_become_a_line_each_by_a_model_that_sees(see, receipt: str) -> None:
    code, lines, err = see("--template", TEMPLATE, "--image", receipt, "--image", receipt)
    assert code == 0, err
    assert [list(json.loads(line)) for line in lines] == [["name", "count"]] * 2
    streamed = see("--template", TEMPLATE, "--image", receipt, "--stream")[1]
    assert json.loads("".join(streamed)) == json.loads(lines[0])


def test_a_question_about_images_is_answered(tiny_vlm: Path, capsys, receipt: str, tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    shutil.copytree(tiny_vlm, tmp_path / "model", ignore=shutil.ignore_patterns("smolkit.json"))
    weights = safetensors.load_file(tmp_path / "model" / "model.safetensors")
    # A random model repeats the line break that opens its turn; without this one's embedding it says something else.
    line_break = 198
    next(values for name, values in weights.items() if name.endswith("embed_tokens.weight"))[line_break] = 0
    safetensors.save_file(weights, tmp_path / "model" / "model.safetensors", {"format": "pt"})
    question = ["--question", "What is the total?", "--image", receipt, "--image", receipt, "--max-new-tokens", "5"]

    def answer(*more: str) -> str:
        assert run(["extract", "--model", str(tmp_path / "model"), *question, *more]) == 0
        return capsys.readouterr().out

    assert len(answer().strip()) > 2
    assert answer("--stream") == answer()


def test_rows_name_images_in_a_folder(see, receipt: str, tmp_path: Path) -> None:
    rows = [{"id": "a", "image": "receipt.png"}, {"id": "b", "image": "receipt.png", "template": {"q": ""}}]
    (tmp_path / "rows").mkdir()
    file = tmp_path / "rows" / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, lines, err = see("--template", TEMPLATE, "--images", str(tmp_path), str(file))
    assert code == 0, err
    found = [json.loads(line) for line in lines]
    assert [(row["id"], list(row["output"])) for row in found] == [("a", ["name", "count"]), ("b", ["q"])]


def test_ocr_reads_an_image_for_a_model_of_texts(extract, receipt: str) -> None:
    pytest.importorskip("rapidocr_onnxruntime", reason="pip install 'smolkit[vision]'")
    code, lines, err = extract("--template", TEMPLATE, "--image", receipt, "--ocr", "--spans")
    assert code == 0, err
    line = json.loads(lines[0])
    assert line["text"] == "Riverside Stationers\nTotal  13.50"
    for start, end in line["spans"].values():
        assert line["text"][start:end].strip()


def test_a_model_of_texts_names_ocr(extract, receipt: str) -> None:
    code, lines, err = extract("--template", TEMPLATE, "--image", receipt)
    assert (code, lines) == (2, [])
    assert "reads text and no images" in err
    assert "--ocr" in err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--image", "IMAGE"], "a text or an image needs a template"),
        (["--image", "IMAGE", "--template", TEMPLATE, "--spans"], "--spans refers to a text, and an image has none"),
        (["--image", "IMAGE", "--template", TEMPLATE, "--verbatim"], "--verbatim refers to a text"),
        (["--image", "IMAGE", "--question", "?", "--ocr"], "--ocr does nothing for a --question"),
        (["--question", "?"], "--question is about images, and there is none. Add --image FILE"),
        (["--image", "IMAGE", "--question", " "], "--question is empty. Write what to ask about the images"),
        (
            ["IMAGE", "--template", TEMPLATE],
            "receipt.png: is an image, and files are texts or rows. Give it as --image",
        ),
        (["BROKEN", "--template", TEMPLATE], "broken.jsonl:2: not JSON"),
        (["TEXT", "--template", TEMPLATE, "--ocr"], "--ocr is for images, and there is none"),
        (["--image", "none.png", "--template", TEMPLATE], "none.png: no such image"),
        (["--image", "TEXT", "--template", TEMPLATE, "--ocr"], "is no image that can be read"),
        (["ROWS"], "rows.jsonl:1:messages: a conversation, and templates are filled here"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(
    extract, receipt: str, tmp_path: Path, arguments: list[str], line: str
) -> None:
    (tmp_path / "letter.txt").write_text("Anna has 3 cats")
    row = {"image": "receipt.png", "messages": [{"role": "user", "content": "What is it?"}]}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "broken.jsonl").write_text(json.dumps({"image": "receipt.png"}) + "\nnone\n")
    places = {
        "BROKEN": str(tmp_path / "broken.jsonl"),
        "IMAGE": receipt,
        "TEXT": str(tmp_path / "letter.txt"),
        "ROWS": str(tmp_path / "rows.jsonl"),
    }
    code, lines, err = extract(*(places.get(argument, argument) for argument in arguments))
    assert (code, lines) == (2, [])
    assert line in err
    assert err.count("\n") == 1
