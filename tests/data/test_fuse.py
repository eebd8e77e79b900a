import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from condseg_app.data import ClassEntry, ClassTable, Geometry, Prediction, as_level, fuse

SHAPE = (2, 3, 2)
GRID = Geometry.with_spacing(SHAPE, (1, 1, 1))
TABLE = ClassTable((ClassEntry(3, "liver"), ClassEntry(1, "spleen"), ClassEntry(300, "cyst")))

levels = hnp.arrays(np.uint8, SHAPE, elements=st.integers(0, 255))
probabilities = st.fixed_dictionaries({}, optional=dict.fromkeys(TABLE.names, levels))
thresholds = st.fixed_dictionaries({}, optional={name: st.floats(0, 1) for name in TABLE.names})


@settings(deadline=None)
@given(probabilities, thresholds)
def test_each_voxel_gets_the_most_probable_class_that_reaches_its_threshold(
    found: dict[str, NDArray[np.uint8]], limits: dict[str, float]
) -> None:
    labels = fuse(Prediction(GRID, found), TABLE, limits).array
    for voxel in np.ndindex(*SHAPE):
        reached = [
            (-int(found[n][voxel]), row, TABLE[n].value)
            for row, n in enumerate(TABLE.names)
            if n in found and found[n][voxel] >= as_level(limits.get(n, 0.5))
        ]
        assert labels[voxel] == (min(reached)[2] if reached else 0)


@settings(deadline=None)
@given(probabilities, thresholds, st.sets(st.sampled_from(TABLE.names)))
def test_classes_that_are_not_shown_take_no_part(
    found: dict[str, NDArray[np.uint8]], limits: dict[str, float], shown: set[str]
) -> None:
    some = {name: level for name, level in found.items() if name in shown}
    fused = fuse(Prediction(GRID, found), TABLE, limits, shown)
    assert np.array_equal(fused.values, fuse(Prediction(GRID, some), TABLE, limits).values)


@settings(deadline=None)
@given(probabilities, st.randoms())
def test_the_order_in_which_classes_were_asked_for_does_not_matter(
    found: dict[str, NDArray[np.uint8]], random: object
) -> None:
    names = list(found)
    random.shuffle(names)  # type: ignore[attr-defined]
    shuffled = Prediction(GRID, {name: found[name] for name in names})
    assert np.array_equal(fuse(shuffled, TABLE, {}).values, fuse(Prediction(GRID, found), TABLE, {}).values)


@settings(deadline=None)
@given(levels, st.floats(0, 1))
def test_one_class_alone_is_its_mask(level: NDArray[np.uint8], threshold: float) -> None:
    prediction = Prediction(GRID, {"liver": level})
    fused = fuse(prediction, TABLE, {"liver": threshold})
    assert np.array_equal(fused.mask("liver"), prediction.mask("liver", threshold))


def test_the_narrowest_type_holds_the_values() -> None:
    nothing = Prediction(GRID)
    assert fuse(nothing, TABLE, {}).array.dtype == np.uint16
    assert fuse(nothing, TABLE.keeping(["liver", "spleen"]), {}).array.dtype == np.uint8


@settings(deadline=None)
@given(st.floats(0, 1))
def test_what_was_not_computed_reaches_no_threshold(threshold: float) -> None:
    assert 1 <= as_level(threshold) <= 255
    assert not Prediction(GRID, {"liver": np.zeros(SHAPE, np.uint8)}).mask("liver", threshold).any()


@pytest.mark.parametrize(("probability", "level"), [(0.0, 1), (0.5, 128), (1.0, 255)])
def test_levels_are_255ths(probability: float, level: int) -> None:
    assert as_level(probability) == level
