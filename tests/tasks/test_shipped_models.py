"""The models in the zoo: each opens, has a card, and finds on new images what its card says it finds."""

from pathlib import Path

import numpy as np
import pytest

from condseg_app.data import Annotation, Image, LabelMap, Model
from condseg_app.engine.evaluate import evaluate_case, summarise
from condseg_app.io import find_model, models_available, read_case, read_data_set, read_model
from condseg_app.phantoms.ct import make_ct
from condseg_app.phantoms.scene import make_scene

ZOO = Path(__file__).parents[2] / "models" / "zoo"
HIPPOCAMPUS = Path(__file__).parents[2].parent / "shared" / "data" / "hippocampus"
UNSEEN_SEED = 20_261_121


def annotations_of(labels: LabelMap) -> list[Annotation]:
    everywhere = np.broadcast_to(np.True_, labels.geometry.shape)
    return [Annotation(name, labels.mask(name), everywhere) for name in labels.classes.names]


def mean_dice(model: Model, cases: list[tuple[Image, list[Annotation]]]) -> float:
    scores = [score for image, annotations in cases for score in evaluate_case(model, image, annotations)]
    return float(summarise(scores)["mean"]["overall_dice"])


@pytest.mark.parametrize("name", ["hippocampus", "phantom_ct", "phantom_scene"])
def test_every_shipped_model_is_listed_and_has_a_card(name: str) -> None:
    listed = {model.name: model for model in models_available()}
    assert listed[name].path == find_model(name) == ZOO / f"{name}.safetensors"
    card = listed[name].card
    assert card is not None
    text = card.read_text(encoding="utf-8")
    for heading in ("## Data and licence", "## How it was made", "## Figures", "## Limits"):
        assert heading in text
    assert listed[name].description.licence in text
    assert listed[name].description.licence


@pytest.mark.slow
def test_the_ct_phantom_model_finds_organs_in_new_phantoms() -> None:
    model = read_model(find_model("phantom_ct"))
    made = [make_ct(np.random.default_rng([UNSEEN_SEED, n])) for n in range(2)]
    assert mean_dice(model, [(image, annotations_of(labels)) for image, labels in made]) > 0.6


@pytest.mark.slow
def test_the_scene_phantom_model_finds_things_in_new_scenes() -> None:
    model = read_model(find_model("phantom_scene"))
    made = [make_scene(np.random.default_rng([UNSEEN_SEED, n])) for n in range(6)]
    assert mean_dice(model, [(image, annotations_of(labels)) for image, labels in made]) > 0.5


@pytest.mark.slow
@pytest.mark.skipif(not HIPPOCAMPUS.exists(), reason="the hippocampus data set is not on this machine")
def test_the_hippocampus_model_finds_both_halves_in_held_out_cases() -> None:
    # A few cases only, for time; the card has the figure of the whole split.
    model = read_model(find_model("hippocampus"))
    data = read_data_set(HIPPOCAMPUS)
    cases = [read_case(case, data.classes) for case in data.part("val").cases[:5]]
    assert mean_dice(model, [(image, list(annotations)) for image, annotations in cases]) > 0.85
