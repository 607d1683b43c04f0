"""Samples while a model trains: they are what its weights of that step say, and change nothing of the training."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from smolkit.errors import RecipeErrors, SmolkitError
from smolkit.manifest import read, sha256_file
from smolkit.models import load_model, load_tokenizer
from smolkit.recipe import load_recipe
from smolkit.train import engine, finetune
from smolkit.train.ledger import read_metrics
from smolkit.train.parallel import World
from smolkit.train.pretrain import open_run, train
from smolkit.train.pretrain_recipe import PretrainRecipe
from smolkit.train.recipe import TextSamples
from smolkit.train.run_files import METRICS, SAMPLES, run_directory
from smolkit.train.samples import Prompt, Sampler, check_prompts, unchanged

TEXTS = {"every": 4, "prompts": ["The function", "import os\n"], "max_new_tokens": 8}
DOCUMENTS = {
    "every": 2,
    "prompts": [{"text": "Paris, 3 EUR.", "template": {"city": "verbatim-string", "price": "number"}}],
    "max_new_tokens": 8,
}


def pretrain(recipe: Any, out: Path, **options: bool) -> Path:
    world = World()
    run = open_run(recipe, world, resume=options.get("resume", False))
    train(run, out, world, console=Console(file=StringIO()), **options)
    return out


def tune(recipe: Any, out: Path, **options: bool) -> Path:
    finetune.train(finetune.open_run(recipe), out, console=Console(quiet=True), **options)
    return out


def losses(directory: Path) -> list[tuple[float, float]]:
    return [(line["loss"], line["gradient_norm"]) for line in read_metrics(directory / METRICS) if "loss" in line]


def again(out: Path, prompts: list[Prompt], new_tokens: int = 8) -> list[str]:
    """What the finished model says, read from its directory: by itself, token by token, without a cache."""
    model: Any = load_model(out, dtype=torch.float32)
    tokenizer = load_tokenizer(out)
    ends = {model.generation_config.eos_token_id, tokenizer.eos_token_id}
    texts = []
    for prompt in prompts:
        ids = list(prompt.ids)
        for _ in range(new_tokens):
            with torch.no_grad():
                token = int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax())
            if token in ends:
                break
            ids.append(token)
        texts.append(tokenizer.decode(ids[len(prompt.ids) :], clean_up_tokenization_spaces=False))
    return texts


# ---- pretraining


def test_samples_of_pretraining_change_no_bit_and_are_what_the_model_says(make_pretrain_recipe, tmp_path: Path) -> None:
    fields = {"validation": {"every": 4, "tokens": 200}, "optimizer": {"lr": 1e-3}}
    plain = pretrain(make_pretrain_recipe(**fields), tmp_path / "plain")
    recipe = make_pretrain_recipe(samples={**TEXTS, "every": 3}, **fields)
    out = pretrain(recipe, tmp_path / "sampled")
    assert sha256_file(out / "model.safetensors") == sha256_file(plain / "model.safetensors")
    assert losses(out) == losses(plain)
    lines = read_metrics(run_directory(out) / SAMPLES)
    assert [(line["step"], line["prompt"]) for line in lines] == [
        (step, prompt) for step in (3, 6, 8) for prompt in TEXTS["prompts"]
    ]
    prompts = open_run(recipe, World()).prompts
    assert [line["text"] for line in lines[-2:]] == again(out, prompts)
    assert all(line["text"] for line in lines)
    assert read_metrics(out / SAMPLES) == lines
    assert SAMPLES in read(out).files
    assert not (run_directory(plain) / SAMPLES).exists()


def test_samples_of_a_run_that_was_cut_off_are_those_of_one_that_was_not(
    make_pretrain_recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_pretrain_recipe(checkpoint={"every": 4, "keep": 8}, samples={**TEXTS, "every": 2})
    whole = pretrain(recipe, tmp_path / "whole")
    trained = engine.Engine._train_step

    def until(self: Any, step: int, ledger: Any) -> None:
        if step == 7:
            self.checkpoints.finish()
            raise KeyboardInterrupt
        trained(self, step, ledger)

    with monkeypatch.context() as patch:
        patch.setattr(engine.Engine, "_train_step", until)
        with pytest.raises(KeyboardInterrupt):
            pretrain(recipe, tmp_path / "cut")
    file = tmp_path / "cut.run" / SAMPLES
    assert [line["step"] for line in read_metrics(file)] == [2, 2, 4, 4, 6, 6]
    with file.open("a") as stream:
        stream.write('{"step": 6, "prompt": "Th')  # a kill in the middle of a line
    pretrain(recipe, tmp_path / "cut", resume=True)
    assert file.read_bytes() == (run_directory(whole) / SAMPLES).read_bytes()


def test_a_run_goes_on_with_other_samples(make_pretrain_recipe, tmp_path: Path) -> None:
    out = tmp_path / "model"
    pretrain(make_pretrain_recipe(samples=TEXTS, checkpoint={"every": 4}), out)
    pretrain(make_pretrain_recipe(checkpoint={"every": 4}), out, resume=True, overwrite=True)
    assert [line["step"] for line in read_metrics(out / SAMPLES)] == [4, 4, 8, 8]


# ---- fine-tuning


@pytest.mark.parametrize(
    "fields",
    [{}, {"dtype": "bfloat16", "method": "lora", "lora": {"dropout": 0.1}}],
    ids=["all weights", "adapters with dropout"],
)
def test_samples_of_a_fine_tuning_run_change_no_bit(make_recipe, tmp_path: Path, fields: dict[str, Any]) -> None:
    plain = tune(make_recipe(**fields), tmp_path / "plain")
    out = tune(make_recipe(samples=DOCUMENTS, **fields), tmp_path / "sampled")
    assert sha256_file(out / "model.safetensors") == sha256_file(plain / "model.safetensors")
    assert losses(out) == losses(plain)
    lines = read_metrics(out / SAMPLES)
    assert [line["step"] for line in lines] == [2, 3]
    assert lines[0]["prompt"] == '{"city": "verbatim-string", "price": "number"}\nParis, 3 EUR.'


@pytest.mark.parametrize("task", ["chat", "dpo"])
def test_a_model_that_converses_answers_the_prompts(make_chat_recipe, tmp_path: Path, task: str) -> None:
    recipe = make_chat_recipe(task, samples={**TEXTS, "every": 2})
    prompts = finetune.open_run(recipe).prompts
    out = tune(recipe, tmp_path / "model")
    lines = read_metrics(out / SAMPLES)
    assert [line["step"] for line in lines] == [2, 2, 3, 3]
    tokenizer = load_tokenizer(out)
    assert tokenizer.decode(prompts[0].ids).endswith(
        "<|im_start|>user\nThe function<|im_end|>\n<|im_start|>assistant\n"
    )
    assert [line["text"] for line in lines[-2:]] == again(out, prompts)


def test_samples_of_a_fine_tuning_run_that_was_cut_off_are_there_once(
    make_recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from smolkit.train.ledger import Ledger

    recipe = make_recipe(batch={"rows": 2}, checkpoint={"every": 2}, samples={**DOCUMENTS, "every": 1})
    whole = tune(recipe, tmp_path / "whole")

    def stop(ledger: Ledger, args: object, state: Any, control: object, **_: object) -> None:
        if state.global_step == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "on_step_begin", stop)
        with pytest.raises(KeyboardInterrupt):
            tune(recipe, tmp_path / "cut")
    assert [line["step"] for line in read_metrics(tmp_path / "cut.run" / SAMPLES)] == [1, 2, 3, 4, 5]
    cut = tune(recipe, tmp_path / "cut", resume=True)
    assert (cut / SAMPLES).read_bytes() == (whole / SAMPLES).read_bytes()


# ---- its parts


def test_every_module_is_left_in_the_mode_in_which_it_was() -> None:
    model = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Sequential(torch.nn.Dropout(0.5)))
    model.train()
    model[1].eval()
    with unchanged(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == [True, True, False, False]


def test_no_random_number_is_drawn(tiny_model_dir: Path, tmp_path: Path) -> None:
    model, tokenizer = load_model(tiny_model_dir, dtype=torch.float32), load_tokenizer(tiny_model_dir)
    sampler = Sampler(TextSamples(every=1, prompts=("a",)), [Prompt("a", [5, 6])], model, tokenizer, tmp_path)
    before = torch.get_rng_state()
    sampler.write(1)
    sampler.write(2)
    assert torch.equal(torch.get_rng_state(), before)
    first, second = read_metrics(tmp_path / SAMPLES)
    assert first["text"] == second["text"]


def test_samples_that_cannot_be_written_are_one_line(tiny_model_dir: Path, tmp_path: Path) -> None:
    model, tokenizer = load_model(tiny_model_dir, dtype=torch.float32), load_tokenizer(tiny_model_dir)
    sampler = Sampler(TextSamples(every=1, prompts=("a",)), [Prompt("a", [5])], model, tokenizer, tmp_path / "gone")
    with pytest.raises(SmolkitError, match=r"samples\.jsonl: cannot be written \(No such file"):
        sampler.write(1)


# ---- what is refused


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([], r"samples\.prompts\[1\]: has no tokens, so there is nothing to continue\."),
        ([1] * 30, r"samples\.prompts\[1\]: 30 tokens and max_new_tokens 8 are more than the model's context, 32\."),
    ],
)
def test_a_prompt_that_cannot_be_continued_is_named(ids: list[int], message: str) -> None:
    section = TextSamples(every=1, prompts=("a",), max_new_tokens=8)
    check_prompts([Prompt("a", [1] * 24)], section, 32)
    with pytest.raises(SmolkitError, match=message):
        check_prompts([Prompt("a", [1]), Prompt("b", ids)], section, 32)


def test_what_does_not_fit_is_refused_before_anything_is_written(
    make_pretrain_recipe, make_recipe, tmp_path: Path
) -> None:
    long = {"every": 1, "prompts": ["word " * 4000]}
    with pytest.raises(SmolkitError, match=r"more than the model's context, 64\. Shorten it"):
        pretrain(make_pretrain_recipe(samples=long), tmp_path / "base")
    document = {"text": "word " * 4000, "template": {"a": "string"}}
    with pytest.raises(SmolkitError, match="more than the model's context, 2048"):
        tune(make_recipe(samples={"every": 1, "prompts": [document]}), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("samples.every=5", r"samples: every is 5, and there are no prompts to continue"),
        ('samples={every: 5, prompts: [""]}', r"prompts\[0\]: .*at least 1 character"),
        ("samples={every: 0, prompts: [a]}", "greater than or equal to 1"),
        ("samples={evry: 5}", r"no such field\. Did you mean 'every'"),
    ],
)
def test_a_section_that_makes_no_sense_is_refused(
    make_pretrain_recipe, tmp_path: Path, override: str, message: str
) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(json.dumps(make_pretrain_recipe().model_dump(mode="json", exclude={"samples"})))
    with pytest.raises(RecipeErrors, match=message):
        load_recipe(PretrainRecipe, file, [override])


def test_a_template_that_cannot_be_read_is_refused(make_recipe) -> None:
    prompts = [{"text": "Paris", "template": {"city": "strin"}}]
    with pytest.raises(ValueError, match="strin"):
        make_recipe(samples={"every": 1, "prompts": prompts})
