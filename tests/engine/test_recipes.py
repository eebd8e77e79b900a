"""Changing settings of a training by name."""

import pytest

from condseg_app.engine.train.recipes import RECIPES, changed
from condseg_app.errors import CondsegError

DEFAULT = RECIPES["default"]


def test_settings_are_changed_by_name() -> None:
    recipe = changed(DEFAULT, {"steps": 7, "loss.kind": "target_adaptive", "augmentation.flip": [0, 1]})
    assert (recipe.steps, recipe.loss.kind, recipe.augmentation.flip) == (7, "target_adaptive", (0, 1))
    assert changed(DEFAULT, {}) == DEFAULT


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stepps": 7}, "no training setting 'stepps'; there are: steps, batch"),
        ({"loss.gamma": 7}, "no training setting 'loss.gamma'"),
        ({"loss": 7}, "no training setting 'loss'"),
        ({"sampling": "often"}, "'sampling' cannot be 'often'"),
        ({"steps": "many"}, "'steps' cannot be 'many'"),
    ],
)
def test_what_cannot_be_set_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(CondsegError, match=message):
        changed(DEFAULT, changes)
