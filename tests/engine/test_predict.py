"""Sliding windows: everything is covered, in any order, in the image's own grid."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from condseg_app.data import Geometry, Image, Model, Preprocessing
from condseg_app.engine.predict import Predictor, predict
from condseg_app.engine.windows import WindowGrid, cut, gaussian
from condseg_app.errors import ClassTableError, ModelError

DIMENSIONS = ("2D", "2.5D", "3D")


def assemble(predictor: Predictor, order: list[int], name: str) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    levels, covered = np.zeros(predictor.shape, np.uint8), np.zeros(predictor.shape, bool)
    for window in order:
        block = predictor.segment(window, [name])
        levels[block.region] = block.probabilities[name]
        covered[block.region] = True
    return levels, covered


@pytest.mark.parametrize("dimensions", DIMENSIONS)
def test_any_order_of_windows_gives_the_same_prediction(
    dimensions: str, make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, image = make_model(dimensions), make_image(dimensions)
    one, other = Predictor(model, image), Predictor(model, image)
    forwards, covered = assemble(one, one.order(), "liver")
    assert covered.all()
    assert one.windows > 1
    shuffled = [int(n) for n in np.random.default_rng(1).permutation(other.windows)]
    backwards, _ = assemble(other, shuffled, "liver")
    assert np.abs(forwards.astype(int) - backwards).max() <= 1  # float sums differ in their last bit
    assert forwards.std() > 0


@pytest.mark.parametrize("dimensions", DIMENSIONS)
def test_classes_asked_together_or_alone_answer_the_same(
    dimensions: str, make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, image = make_model(dimensions), make_image(dimensions)
    *_, (_, together) = predict(model, image, ["liver", "spleen"])
    *_, (_, alone) = predict(model, image, ["spleen"])
    assert np.array_equal(together.probabilities["spleen"], alone.probabilities["spleen"])
    assert not np.array_equal(together.probabilities["spleen"], together.probabilities["liver"])
    assert together.complete == {"liver", "spleen"}


def test_turning_the_file_does_not_turn_the_answer(
    make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    # The same voxels, stored with other axes, must be segmented alike in space.
    from condseg_app.data import AxisMap

    model, image = make_model("3D"), make_image("3D")
    axes = AxisMap.between(image.geometry, "LIP")
    turned = Image(axes.apply(image.voxels()), axes.geometry(image.geometry))
    *_, (_, a) = predict(model, image, ["liver"])
    *_, (_, b) = predict(model, turned, ["liver"])
    assert np.array_equal(axes.apply(a.probabilities["liver"]), b.probabilities["liver"])


def test_the_window_in_view_comes_first(make_model: Callable[..., Model], make_image: Callable[..., Image]) -> None:
    predictor = Predictor(make_model("3D"), make_image("3D", (60, 62, 41)))
    for voxel in ((0, 0, 0), (59, 61, 40), (30, 5, 33)):
        order = predictor.order(voxel)
        assert sorted(order) == list(range(predictor.windows))
        region = predictor.segment(order[0], ["liver"]).region
        assert all(part.start <= v < part.stop for part, v in zip(region, voxel, strict=True))


def test_what_does_not_fit_is_said_in_a_sentence(
    make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    with pytest.raises(ModelError, match="'picture' is a 2D image"):
        Predictor(make_model("3D"), make_image("2D"))
    with pytest.raises(ModelError, match="'volume' is a volume"):
        Predictor(make_model("2D"), make_image("3D"))
    colour = Image(np.zeros((3, 9, 9, 1), np.uint8), Geometry.of_picture(9, 9), channels=("red", "green", "blue"))
    with pytest.raises(ModelError, match=r"takes 1 channel\(s\)"):
        Predictor(make_model("2D"), colour)
    predictor = Predictor(make_model("3D"), make_image("3D"))
    with pytest.raises(ClassTableError, match="no class 'kidney'"):
        predictor.segment(0, ["kidney"])


@given(
    shape=st.tuples(*[st.integers(1, 50)] * 3),
    window=st.tuples(*[st.integers(1, 24)] * 3),
    overlap=st.sampled_from([0.0, 0.25, 0.5]),
)
def test_windows_cover_every_voxel_and_overlap_enough(
    shape: tuple[int, int, int], window: tuple[int, int, int], overlap: float
) -> None:
    grid = WindowGrid.over(shape, Preprocessing("3D", window), stride=4, overlap=overlap)
    covered = np.zeros(shape, bool)
    for start in grid.starts:
        covered[grid.inside(start)] = True
    assert covered.all()
    assert all(n % 4 == 0 for n in grid.window)
    for axis in range(3):
        starts = sorted({start[axis] for start in grid.starts})
        step = max(1, int(grid.window[axis] * (1 - overlap)))
        assert all(b - a <= step for a, b in pairwise(starts))


def test_a_window_beyond_the_image_repeats_its_edge() -> None:
    import torch

    x = torch.arange(5.0).reshape(1, 5, 1, 1)
    assert cut(x, (-2, 0, 0), (9, 1, 1)).flatten().tolist() == [0, 0, 0, 1, 2, 3, 4, 4, 4]


def test_gaussian_weights_peak_at_the_centre_and_never_vanish() -> None:
    weights = gaussian((16, 8, 1))
    assert weights.shape == (16, 8, 1)
    assert weights.max() == 1
    assert weights.min() >= 1e-3
    assert weights[7, 3, 0] > weights[0, 0, 0]
