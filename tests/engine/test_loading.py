"""Which samples a step sees."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from condseg_app.engine.train.loading import Loader, Share, odds
from condseg_app.engine.train.recipes import Recipe
from condseg_app.engine.train.samples import TrainingSample

RECIPE = Recipe(steps=50, batch=2, accumulate=2)


@dataclass
class Numbers:
    """Random numbers instead of images."""

    name: str
    size: int = 1
    drawn: list[float] = field(default_factory=list)

    def draw(self, rng: np.random.Generator) -> TrainingSample:
        value = torch.full((1, 2, 2), float(rng.random()))
        self.drawn.append(float(value[0, 0, 0]))
        return TrainingSample(value, value, value, (self.name,))


def values(passes: list[list[TrainingSample]]) -> list[list[float]]:
    return [[float(sample.image[0, 0, 0]) for sample in samples] for samples in passes]


def test_a_step_shows_the_same_whenever_it_is_asked_for() -> None:
    one, other = Loader([Numbers("a"), Numbers("b")], RECIPE), Loader([Numbers("a"), Numbers("b")], RECIPE)
    in_order = [values(one.take(step)) for step in range(4)]
    assert [values(other.take(step)) for step in (3, 1, 2, 0)] == [in_order[step] for step in (3, 1, 2, 0)]
    assert [len(samples) for samples in in_order[0]] == [2, 2]
    assert len({value for step in in_order for samples in step for value in samples}) == 16


def test_two_processes_see_together_what_one_with_the_doubled_batch_sees() -> None:
    recipe = replace(RECIPE, accumulate=1)
    parts = [values(Loader([Numbers("a")], recipe, Share(rank, 2)).take(7))[0] for rank in range(2)]
    whole = values(Loader([Numbers("a")], replace(recipe, batch=4)).take(7))[0]
    assert parts[0] + parts[1] == whole


def test_the_next_step_is_made_ready_while_this_one_computes() -> None:
    source = Numbers("a")
    loader = Loader([source], replace(RECIPE, steps=2))
    loader.take(0)
    ahead = loader._ahead
    assert ahead is not None
    ahead[1].result(timeout=10)
    assert len(source.drawn) == 8
    loader.take(1)
    assert loader._ahead is None  # there is no step behind the last


def test_a_mistake_in_a_source_is_told_by_the_step_that_needs_it() -> None:
    class Broken(Numbers):
        def draw(self, rng: np.random.Generator) -> TrainingSample:
            raise ValueError("no such file")

    with pytest.raises(ValueError, match="no such file"):
        Loader([Broken("a")], RECIPE).take(0)


@pytest.mark.parametrize(
    ("sampling", "expected"), [("equal", [0.5, 0.5]), ("sqrt", [0.25, 0.75]), ("per_image", [0.1, 0.9])]
)
def test_how_often_a_data_set_is_drawn(sampling: str, expected: list[float]) -> None:
    recipe = replace(RECIPE, sampling=sampling, batch=10)  # type: ignore[arg-type]
    few, many = Numbers("few", 4), Numbers("many", 36)
    loader = Loader([few, many], recipe)
    for step in range(50):
        loader.draw(step)
    share = len(few.drawn) / (len(few.drawn) + len(many.drawn))
    assert odds([4, 36], sampling) == pytest.approx(expected)  # type: ignore[arg-type]
    assert share == pytest.approx(expected[0], abs=0.05)
