"""Scores in mm, with absent classes said to be absent."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from condseg_app.data import Annotation, Geometry, Image, Model
from condseg_app.engine.evaluate import evaluate_case, score, summarise, surface_distances

SHAPE = (20, 20, 20)


def image(spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Image:
    return Image(np.zeros((1, *SHAPE), np.float32), Geometry.with_spacing(SHAPE, spacing), "case")


def box(low: int, high: int) -> NDArray[np.bool_]:
    mask = np.zeros(SHAPE, bool)
    mask[low:high, 5:15, 5:15] = True
    return mask


def test_the_same_mask_scores_one_and_no_distance() -> None:
    result = score(image(), "liver", box(5, 15), box(5, 15))
    assert (result.outcome, result.dice, result.hd95_mm, result.assd_mm) == ("found", 1.0, 0.0, 0.0)


def test_distances_are_in_mm_not_voxels() -> None:
    one = surface_distances(box(5, 15), box(7, 15), (1.0, 1.0, 1.0))
    three = surface_distances(box(5, 15), box(7, 15), (3.0, 3.0, 3.0))
    assert one[0] == pytest.approx(2.0)
    assert three == pytest.approx([3 * d for d in one])


def test_dice_and_volumes() -> None:
    result = score(image((2.0, 2.0, 2.5)), "liver", box(5, 15), box(5, 10))
    assert result.dice == pytest.approx(2 * 500 / 1500)
    assert result.volume_ml == pytest.approx(1000 * 10 / 1000)
    assert result.predicted_ml == pytest.approx(500 * 10 / 1000)


def test_absent_classes_have_no_dice_but_are_counted() -> None:
    nothing = np.zeros(SHAPE, bool)
    scores = [
        score(image(), "liver", nothing, nothing),
        score(image(), "liver", nothing, box(5, 15)),
        score(image(), "liver", box(5, 15), nothing),
        score(image(), "liver", box(5, 15), box(5, 15)),
    ]
    assert [s.outcome for s in scores] == ["absent, none predicted", "absent, but predicted", "missed", "found"]
    assert [s.dice for s in scores] == [None, None, 0.0, 1.0]
    figures = summarise(scores)
    assert figures["mean"]["dice"]["liver"] == 0.5
    assert figures["outcomes"]["liver"] == {s.outcome: 1 for s in scores}


def test_pictures_are_scored_in_two_dimensions() -> None:
    mask = np.zeros((30, 20, 1), bool)
    mask[5:15, 5:15] = True
    shifted = np.roll(mask, 2, axis=0)
    hd95, _ = surface_distances(mask, shifted, (1.0, 1.0, 1.0))
    assert hd95 == pytest.approx(2.0)


def test_only_what_a_person_supervised_is_compared(
    make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, volume = make_model("3D"), make_image("3D")
    mask = np.zeros(volume.geometry.shape, bool)
    mask[3:9] = True
    unlabelled = Annotation("spleen", mask, np.zeros_like(mask))
    foreign = Annotation("heart", mask, np.ones_like(mask))
    labelled = Annotation("liver", mask, np.ones_like(mask))
    scores = evaluate_case(model, volume, [labelled, unlabelled, foreign])
    assert [s.class_name for s in scores] == ["liver"]
    assert evaluate_case(model, volume, [unlabelled]) == []
