"""An image in micrometres is the same image in millimetres, wherever its sizes meet a model's or a threshold."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from condseg_app.data import ClassTable, Geometry, Image, Model, PostProcessing, Prediction, PredictionOptions, Unit
from condseg_app.data.fingerprint import Fingerprint
from condseg_app.engine.evaluate import score
from condseg_app.engine.intensity import IntensityMap
from condseg_app.engine.plan import plan_preprocessing
from condseg_app.engine.predict.coarse_filter import SMALLEST, smallest_in
from condseg_app.engine.predict.memory_plan import plan_memory
from condseg_app.engine.predict.post_process import final_masks
from condseg_app.engine.predict.predictor import Predictor
from condseg_app.engine.predict.whole import predict_whole
from condseg_app.engine.preprocess import WorkingGrid, prepare
from condseg_app.errors import ModelError, OutOfMemory

UNITS: tuple[Unit, ...] = ("mm", "µm")


def in_unit(image: Image, unit: Unit) -> Image:
    return replace(image, geometry=image.geometry.in_unit(unit))


@pytest.mark.parametrize("roi", [False, True])
def test_predictions_are_the_same(
    make_model: Callable[..., Model], make_image: Callable[..., Image], roi: bool
) -> None:
    model, image = make_model(), make_image()
    found = [
        predict_whole(model, in_unit(image, unit), ("liver",), "cpu", PredictionOptions(roi=roi)) for unit in UNITS
    ]
    assert np.array_equal(found[0].probabilities["liver"], found[1].probabilities["liver"])


def test_a_training_on_mixed_units_is_planned_in_millimetres(make_image: Callable[..., Image]) -> None:
    image = make_image()
    plans = [plan_preprocessing([in_unit(image, unit) for unit in some], "dense-3d") for some in (UNITS, UNITS[:1])]
    assert plans[0] == plans[1]


def test_a_microscope_s_voxel_sizes_are_kept_with_their_digits() -> None:
    grid = Geometry.with_spacing((20, 20, 20), (0.13245, 0.13245, 0.4), "µm")
    image = Image(np.zeros((1, 20, 20, 20), np.uint16), grid)
    spacing = plan_preprocessing([image], "dense-3d").spacing
    assert spacing is not None
    assert spacing.size == pytest.approx((0.0001325, 0.0001325, 0.0004), rel=1e-3)


@pytest.mark.parametrize("unit", UNITS)
def test_thresholds_and_scores_are_in_millilitres_and_millimetres(unit: Unit) -> None:
    grid = Geometry.with_spacing((6, 5, 4), (10.0, 10.0, 10.0)).in_unit(unit)  # a voxel is one ml
    level = np.zeros((6, 5, 4), np.uint8)
    level[:2, :2, :2], level[4:, :2, 0] = 200, 255
    table = ClassTable.from_names(["liver"])
    found = final_masks(Prediction(grid, {"liver": level}), table, PostProcessing(smallest={"liver": 5.0}))["liver"]
    assert found.sum() == 8
    image = Image(np.zeros((1, 6, 5, 4), np.uint8), grid)
    scored = score(image, "liver", found, np.roll(found, 1, axis=0))
    assert scored.volume_ml == pytest.approx(8.0)
    assert scored.unit == "mm"
    assert scored.hd95_mm == pytest.approx(10.0)


def test_the_smallest_thing_looked_for_is_a_body_s() -> None:
    assert smallest_in(Geometry.with_spacing((9, 9, 9), (1, 1, 1))) == SMALLEST
    assert smallest_in(Geometry.with_spacing((9, 9, 9), (800, 800, 800), "µm")) == pytest.approx(1000 * SMALLEST)
    assert smallest_in(Geometry.with_spacing((9, 9, 9), (0.4, 0.4, 2.0), "µm")) == 0.0
    assert smallest_in(Geometry.of_picture(9, 9)) == 0.0


@pytest.mark.parametrize("size", [900.0, 1e-4])
def test_a_unit_that_cannot_be_is_refused_before_anything_is_made(
    make_model: Callable[..., Model], size: float
) -> None:
    image = Image(np.zeros((1, 35, 51, 35), np.uint8), Geometry.with_spacing((35, 51, 35), (size,) * 3))
    for use in (lambda: plan_memory(make_model(), image, 1, 10**12), lambda: Predictor(make_model(), image)):
        with pytest.raises(ModelError, match="check the image's unit of length"):
            use()


def test_more_windows_than_can_be_listed_are_refused(make_model: Callable[..., Model]) -> None:
    shape = (20_000, 20_000, 400)
    image = Image(np.broadcast_to(np.uint8(0), (1, *shape)), Geometry.with_spacing(shape, (2.0, 2.0, 2.5)))
    with pytest.raises(OutOfMemory, match="20,000 x 20,000 x 400 voxels at the model's voxel size"):
        plan_memory(make_model(), image, 1, 10**15)


def test_a_working_grid_beyond_the_memory_is_refused(
    make_model: Callable[..., Model], make_image: Callable[..., Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model()
    image = replace(make_image(), geometry=Geometry.with_spacing((22, 27, 15), (40.0, 40.0, 40.0)))
    grid = WorkingGrid.of(image.geometry, model.preprocessing)
    monkeypatch.setattr("condseg_app.memory.free_memory", lambda: 1 << 20)
    monkeypatch.setattr("condseg_app.memory._WORTH_A_LOOK", 1 << 20)
    with pytest.raises(OutOfMemory, match="GiB"):
        prepare(image, IntensityMap.of(image, model.preprocessing), grid)


def test_a_fingerprint_of_mixed_units_is_in_millimetres(make_image: Callable[..., Image]) -> None:
    image = make_image()
    mixed = Fingerprint.of([in_unit(image, unit) for unit in UNITS], generated=False)
    alone = Fingerprint.of([image], generated=False)
    assert mixed is not None
    assert alone is not None
    assert (mixed.unit, mixed.spacing) == ("mm", alone.spacing)
    assert Fingerprint.of([image, make_image("2D")], generated=False) is None
