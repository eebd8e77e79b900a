"""A lesson in the session says why little was learnt."""

from typing import Any

import numpy as np
import pytest

from condseg_app.data import ChunkedAnnotation, ClassChange
from tests.classes import id_of


@pytest.mark.parametrize("mode", ["exact", "full"])
@pytest.mark.parametrize(("dice", "is_told"), [(0.0, True), (0.3, True), (0.9, False)])
def test_the_lessons_result_carries_them(desk: Any, mode: Any, dice: float, is_told: bool) -> None:
    session = desk.session
    session.classes.add("cyst")
    shape = session.state.image.geometry.shape
    mask = np.zeros(shape, bool)
    mask[1:3, 1:3, 1] = True
    session.annotations.put(id_of(session, "cyst"), ChunkedAnnotation.of(mask, np.ones(shape, bool)))
    changes = (ClassChange("liver", 1.0, 1.0, "prediction"), ClassChange("cyst", None, dice, "annotation"))
    desk.tools.changes = changes
    session.lessons.start(id_of(session, "cyst"), steps=20, mode=mode)
    desk.finish()
    result = session.state.lesson_result
    assert result.dice == dice
    assert bool(result.reasons) == is_told
    if is_told:
        assert "It took 20 steps" in " ".join(result.reasons)
