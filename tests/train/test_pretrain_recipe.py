from __future__ import annotations

from pathlib import Path

import pytest

from smolkit.errors import RecipeError
from smolkit.recipe import load_recipe
from smolkit.train.pretrain_recipe import PretrainRecipe

SHIPPED = ["pretrain/smollm2-135m", "pretrain/smollm2-360m", "pretrain/smollm2-1.7b", "pretrain/smollm1-135m",
           "smoke/pretrain-10m", "smoke/pretrain-135m"]  # fmt: skip

WRITTEN = """\
model: {hidden: 32, ffn: 64, layers: 2, heads: 4, kv_heads: 2}
sources:
  prose: {corpus: a}
  code: {corpus: b}
stages:
  - {name: one, until: 0.5, mixture: {prose: 0.5, code: 0.5}}
  - {name: two, mixture: {prose: 1.0}}
steps: 10
sequence: 32
batch: {tokens: 256, micro_tokens: 64}
schedule: {warmup_steps: 2, decay_steps: 2}
"""


def read(tmp_path: Path, *overrides: str) -> PretrainRecipe:
    file = tmp_path / "recipe.yaml"
    file.write_text(WRITTEN)
    return load_recipe(PretrainRecipe, file, overrides)


@pytest.mark.parametrize(
    ("name", "steps", "tokens", "parameters"),
    [
        ("pretrain/smollm2-135m", 2_000_000, 2.1e12, 134_515_008),
        ("pretrain/smollm2-360m", 2_600_000, 4.1e12, 361_821_120),
        ("pretrain/smollm2-1.7b", 5_240_000, 11e12, 1_711_376_384),
        ("pretrain/smollm1-135m", 600_000, 0.63e12, 134_515_008),
    ],
)
def test_published_recipes_have_the_published_figures(name: str, steps: int, tokens: float, parameters: int) -> None:
    recipe = load_recipe(PretrainRecipe, name)
    mixture = recipe.mixture()
    assert recipe.steps == mixture.steps == steps
    assert sum(stage.tokens for stage in mixture.stages) == pytest.approx(tokens, rel=0.01)
    assert recipe.spec().ledger().total == parameters
    assert recipe.optimizer.betas == (0.9, 0.95)
    assert recipe.optimizer.weight_decay == 0.01
    assert recipe.schedule.warmup_steps == 2000
    assert recipe.initialization.std == pytest.approx(
        0.02 if "1.7b" in name else recipe.spec().hidden ** -0.5, rel=2e-3
    )


@pytest.mark.parametrize(("name", "theta"), [("135m", 100_000), ("360m", 100_000), ("1.7b", 130_000)])
def test_the_context_is_extended_to_that_of_the_released_models(name: str, theta: float) -> None:
    recipe = load_recipe(PretrainRecipe, f"pretrain/smollm2-{name}")
    assert recipe.thetas()[0] == 10_000
    assert (recipe.spec().context, recipe.spec().rope_theta) == (8192, theta)


def test_the_rate_rises_stays_and_falls_as_published() -> None:
    recipe = load_recipe(PretrainRecipe, "pretrain/smollm2-135m")
    schedule = recipe.schedule.build(recipe.steps)
    assert schedule(999) == 0.5
    assert schedule(2000) == schedule(1_600_000) == 1.0
    assert schedule(1_800_000) == 0.5
    assert schedule(1_999_999) == pytest.approx(1 / 400_000)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_rank_of_the_cluster_that_a_recipe_names_gets_sequences(name: str) -> None:
    recipe = load_recipe(PretrainRecipe, name)
    for stage in recipe.mixture().stages:
        assert stage.sequences_per_step % (recipe.hardware.devices or 1) == 0


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model=smollm2-135", "no model 'smollm2-135' in the zoo, and not a shape. Did you mean 'smollm2-135m'?"),
        ("model=smolvlm-256m-instruct", "'smolvlm-256m-instruct' reads images, and pretraining makes models of text."),
        ("model.heads=5", "hidden 32 must be a multiple of heads 5"),
        ("stages[0].mixture.code=0.6", "the weights of stage one add to 1.1, not 1; or set normalize: true"),
        ("stages[0].mixture={prose: 0.5, cod: 0.5}", "stage one mixes 'cod', which is no source. Did you mean 'code'?"),
        ("stages[0].mixture={prose: 1.0}", "no stage mixes the source 'code'; leave it out"),
        ("stages[1].until=0.9", "stages end at [0.5, 0.9] of the steps; they must rise and the last must be 1"),
        ("stages[1].name=one", "two stages have one name: one, one"),
        ("batch.tokens=250", "batch.tokens 250 is no multiple of the sequence, 32"),
        ("batch.micro_tokens=16", "batch.micro_tokens 16 has no room for a sequence, 32"),
        ("schedule.decay_steps=9", "warmup_steps 2 and decay_steps 9 are more than the 10 steps of the run"),
        ("schedule.kind=cosine", "schedule.decay_steps is for wsd; cosine falls from the warmup to the end"),
        ("steps=1", "warmup_steps 2 and decay_steps 2 are more than the 1 steps"),
    ],
)
def test_what_does_not_hold_together_is_one_line(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(RecipeError) as raised:
        read(tmp_path, override)
    assert message in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_weights_are_scaled_where_the_recipe_says_so(tmp_path: Path) -> None:
    recipe = read(tmp_path, "stages[0].mixture={prose: 3.0, code: 1.0}", "stages[0].normalize=true")
    assert recipe.mixture().stages[0].weights == {"prose": 0.75, "code": 0.25}


def test_a_source_lies_where_the_recipe_says_or_in_the_usual_place(tmp_path: Path) -> None:
    recipe = read(tmp_path, "sources.code={}")
    assert recipe.corpus_of("prose") == Path("a")
    assert recipe.corpus_of("code") == Path("out/corpora/code")
