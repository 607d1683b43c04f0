"""`smolkit data`: rows made (`synth`), checked (`check`) and split (`split`); text tokenised and looked at."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from smolkit.cli._common import AsJson, Overwrite, print_json, progress_console, remark, result_console
from smolkit.cli._corpus import print_corpus, print_educational, text_of
from smolkit.cli._mix import mix
from smolkit.cli._pictures import pictures
from smolkit.cli._rows import status
from smolkit.errors import DataError, SmolkitError

app = typer.Typer()
_synth = typer.Typer()
app.add_typer(_synth, name="synth", help="Make annotated rows from rules; none of them is real.")

Images = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where the images of rows are; by default beside the file.")
]


@_synth.callback()
def _synth_group() -> None: ...


@_synth.command()
def extraction(
    rows: Annotated[int, typer.Option(min=1, help="How many.")],
    seed: Annotated[int, typer.Option(help="The same seed makes the same rows.")] = 0,
    split: Annotated[str, typer.Option(help="train, dev or test; they share no text.")] = "train",
    level: Annotated[str, typer.Option(help="full, or plain: short labelled forms with strings to copy.")] = "full",
    unseen: Annotated[
        bool | None,
        typer.Option("--unseen-only/--seen-only", help="Test rows of the kinds that training never sees, or sees."),
    ] = None,
    out: Annotated[str, typer.Option(metavar="FILE", help="A .jsonl file; - for stdout.")] = "-",
    as_json: AsJson = False,
) -> None:
    """Make documents, with templates and answers.

    They are of many kinds, in six languages, with absent values, distractors and noise.
    """
    if unseen is not None and split != "test":
        raise SmolkitError(f"the {split} split has seen kinds only", fix="Take --split test, or leave the option out")
    from smolkit.data.synth import generate

    _hand_out(generate(rows, seed, split, level, unseen), rows, out, as_json)


@_synth.command()
def issues(
    rows: Annotated[int, typer.Option(min=1, help="How many.")],
    seed: Annotated[int, typer.Option(help="The same seed makes the same rows.")] = 0,
    split: Annotated[str, typer.Option(help="train, dev or test; they share no text.")] = "train",
    unseen: Annotated[
        bool | None,
        typer.Option("--unseen-only/--seen-only", help="Test rows of the words that training never sees, or sees."),
    ] = None,
    out: Annotated[str, typer.Option(metavar="FILE", help="A .jsonl file; - for stdout.")] = "-",
    as_json: AsJson = False,
) -> None:
    """Make messages about software, with the issues that they should become.

    Chats, mails, transcripts and reviews in English: title, labels, priority, description and steps, or what another
    template asks for.
    """
    if unseen is not None and split != "test":
        raise SmolkitError(f"the {split} split has seen words only", fix="Take --split test, or leave the option out")
    from smolkit.data.synth.issues import generate_issues

    _hand_out(generate_issues(rows, seed, split, unseen), rows, out, as_json)


_synth.command()(pictures)


@app.command()
def check(
    rows: Annotated[str, typer.Argument(help="Annotated rows: a JSONL file or a Hub data set.")],
    against: Annotated[
        list[str] | None, typer.Option(metavar="ROWS", help="Another split, to look for leakage; may be repeated.")
    ] = None,
    model: Annotated[str, typer.Option(help="Whose tokens are counted.")] = "bundled",
    prompt_format: Annotated[str, typer.Option(help="How rows are rendered.")] = "smolkit-1",
    example: Annotated[int, typer.Option(min=1, metavar="ROW", help="The row that is shown as training sees it.")] = 1,
    images: Images = None,
    as_json: AsJson = False,
) -> None:
    """Check rows, and show what is in them.

    Every bad row is named, and nothing is shown before all are right; images are decoded. With --against: texts that
    are equal or nearly so in another split, or equal images, and key names that both have.
    """
    from smolkit.cli._rows import check_texts
    from smolkit.cli._vision_rows import check_pictures
    from smolkit.data.rows import load_values
    from smolkit.data.vision_rows import shows_images

    values = load_values(rows)
    if shows_images(values):
        check_pictures(values, rows, against or (), model, prompt_format, example, images, as_json)
    elif images is not None:
        raise DataError("the rows show no images", where=rows, fix="Leave the folder of images out")
    else:
        check_texts(values, rows, against or (), model, prompt_format, example, as_json)


@app.command("split")
def split_command(
    rows: Annotated[str, typer.Argument(help="Annotated rows: a JSONL file or a Hub data set.")],
    holdout: Annotated[float, typer.Option(help="The share of rows to hold out, such as 0.2.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where train.jsonl and test.jsonl go.")],
    by: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD",
            help="Rows with one value there stay together, as output.company; by default text, or image.",
        ),
    ] = None,
    images: Images = None,
    seed: Annotated[int, typer.Option(help="Another seed holds out other groups.")] = 0,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Hold out rows without tearing groups apart.

    A group is the rows with one value in a field; case, white space and punctuation make no difference. Writes
    train.jsonl and test.jsonl; they name images relative to DIR, so that they are read without --images.
    """
    from smolkit.data.split import TEST, TRAIN, split_file

    split = split_file(rows, out, holdout=holdout, by=by, seed=seed, overwrite=overwrite, images=images)
    if as_json:
        print_json(split.figures())
        return
    for name, side in ((TRAIN, split.train), (TEST, split.test)):
        remark(f"wrote {out / name}: {len(side.rows):,} rows in {side.groups:,} groups by {split.by}")
    if split.without_value:
        remark(f"{split.without_value:,} rows have no {split.by}; each was taken by its {split.document}")
    remark(f"held out: {split.share:.1%} of the rows")


@app.command("tokenize")
def tokenize_command(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Files, directories, patterns (.jsonl, .jsonl.gz, .parquet, plain text), hub:OWNER/NAME or "
            "python:library, :tests, :topics, :docstrings.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the corpus goes.")],
    model: Annotated[str, typer.Option(help="Whose tokenizer.")] = "bundled",
    text_field: Annotated[str, typer.Option(metavar="FIELD", help="Where rows have their text.")] = "text",
    id_field: Annotated[str, typer.Option(metavar="FIELD", help="Where rows have their name.")] = "id",
    config: Annotated[str | None, typer.Option(help="Of a Hub data set, such as sample-10BT.")] = None,
    split: Annotated[str | None, typer.Option(help="Of a Hub data set; by default train.")] = None,
    revision: Annotated[str | None, typer.Option(help="Of a Hub data set: a commit or a tag.")] = None,
    documents: Annotated[int | None, typer.Option(min=1, help="Read so many: the first, or any with --seed.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Which documents, where not all are read.")] = None,
    min_chars: Annotated[int | None, typer.Option(min=1, help="Drop shorter texts.")] = None,
    max_chars: Annotated[int | None, typer.Option(min=1, help="Drop longer texts.")] = None,
    min_words: Annotated[int | None, typer.Option(min=1, help="Drop texts of fewer words.")] = None,
    repetition: Annotated[
        bool, typer.Option("--repetition", help="Drop texts that repeat themselves (Gopher).")
    ] = False,
    dedup: Annotated[bool, typer.Option("--dedup", help="Drop texts equal to an earlier one.")] = False,
    minhash: Annotated[bool, typer.Option("--minhash", help="Drop texts nearly equal to an earlier one.")] = False,
    educational_field: Annotated[
        str | None, typer.Option(metavar="FIELD", help="Where rows have their educational value.")
    ] = None,
    educational_model: Annotated[
        str | None, typer.Option(metavar="DIR", help="What scores them: a directory of `smolkit data educational`.")
    ] = None,
    educational_threshold: Annotated[float | None, typer.Option(help="Drop texts of less value; by default 3.")] = None,
    end_of_document: Annotated[
        str,
        typer.Option(metavar="TOKEN", help="What ends every document: a token, none, or auto, the tokenizer's own."),
    ] = "auto",
    shard_tokens: Annotated[int, typer.Option(min=1, help="Tokens of a shard at most.")] = 100_000_000,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; by default one per core.")] = None,
    on_bad_row: Annotated[str, typer.Option(help="stop, with every bad row named, or skip.")] = "stop",
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Tokenise text for pretraining, and drop what is not worth it.

    Documents keep their order. A run that was cut off goes on from its finished parts when it is started again.
    """
    from smolkit.data.tokenize import tokenize

    text, filters = text_of(
        inputs,
        {"text_field": text_field, "id_field": id_field, "documents": documents, "seed": seed},
        {"config": config, "split": split, "revision": revision},
        {
            "min_chars": min_chars,
            "max_chars": max_chars,
            "min_words": min_words,
            "repetition": repetition,
            "exact_dedup": dedup,
            "minhash": minhash,
        },
        (educational_field, educational_model, educational_threshold),
    )
    corpus = tokenize(
        text,
        filters,
        out,
        model=model,
        end_of_document=end_of_document,
        shard_tokens=shard_tokens,
        workers=workers,
        on_bad_row=on_bad_row,
        overwrite=overwrite,
        console=progress_console(),
    )
    if as_json:
        print_json(corpus.figures())
    else:
        print_corpus(result_console(), corpus, ())


app.command()(mix)


@app.command()
def inspect(
    corpus: Annotated[Path, typer.Argument(help="A directory of `smolkit data tokenize`.")],
    documents: Annotated[int, typer.Option(min=0, help="How many are shown.")] = 3,
    seed: Annotated[int, typer.Option(help="Which.")] = 0,
    model: Annotated[str | None, typer.Option(help="Where the tokenizer lies now, if not where it did.")] = None,
    as_json: AsJson = False,
) -> None:
    """Look into a tokenised corpus: counts, lengths, what was dropped, and documents as the model sees them."""
    from smolkit.data.corpus import open_corpus
    from smolkit.data.samples import sample

    with status("proving every shard"):
        opened = open_corpus(corpus)
    shown = sample(opened, documents, seed=seed, model=model)
    if as_json:
        print_json({**opened.figures(), "samples": [one.figures() for one in shown]})
    else:
        print_corpus(result_console(), opened, shown)


@app.command()
def educational(
    rows: Annotated[Path, typer.Argument(help="Annotated rows of {text, score}: a JSONL file.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the model goes.")],
    model: Annotated[str, typer.Option(help="Whose tokens it reads; that of the corpus.")] = "bundled",
    threshold: Annotated[float, typer.Option(help="The score from which texts are worth keeping.")] = 3.0,
    holdout: Annotated[float, typer.Option(help="The share of rows that it is measured on.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Another seed holds out other rows.")] = 0,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Learn from annotated rows which texts are educational, for `smolkit data tokenize --educational-model`."""
    from smolkit.data.educational import train_educational

    figures = train_educational(
        rows, out, model=model, threshold=threshold, holdout=holdout, seed=seed, overwrite=overwrite
    )
    if as_json:
        print_json(figures.figures())
    else:
        print_educational(result_console(), figures)


# ---- making


def _hand_out(made: Iterator[dict[str, Any]], rows: int, out: str, as_json: bool) -> None:
    """Rows to stdout, or to a file with their figures."""
    if out == "-":
        if as_json:
            raise SmolkitError("--json and the rows would both go to stdout", fix="Name a file with --out")
        for row in made:
            print(json.dumps(row, ensure_ascii=False))
        return
    figures = _write_counted(_file_to_write(out), made, rows)
    if as_json:
        print_json(figures)
    else:
        kinds, languages = len(figures["kinds"]), len(figures["languages"])
        of_languages = f"{languages} language{'s' if languages > 1 else ''}"
        remark(f"wrote {out}: {figures['rows']:,} rows, {kinds} kinds, {of_languages}")


def _file_to_write(out: str) -> Path:
    path = Path(out)
    if path.is_dir():
        raise DataError("is a directory", where=out, fix=f"Name a file in it: {path / 'train.jsonl'}")
    if path.suffix in (".json", ".gz"):
        raise DataError("rows are written as plain JSON Lines", where=out, fix="Name a .jsonl file")
    return path


def _write_counted(path: Path, rows: Iterator[dict[str, Any]], total: int) -> dict[str, Any]:
    from rich.progress import track

    from smolkit.data.jsonl import write_jsonl

    kinds: Counter[str] = Counter()
    languages: Counter[str] = Counter()

    def counted() -> Iterator[dict[str, Any]]:
        console = progress_console()
        for row in track(rows, "rows", total, console=console, transient=True, disable=not console.is_terminal):
            kinds[row["kind"]] += 1
            languages[row["lang"]] += 1
            yield row

    written = write_jsonl(path, counted())
    return {"rows": written, "kinds": dict(kinds.most_common()), "languages": dict(languages.most_common())}
