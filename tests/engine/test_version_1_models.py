"""Model files of format version 1: the shipped ones prepare and predict what the program of their time did.

`version_1_predictions.npz` holds every second voxel of the levels that commit a67497a predicted on the images below,
and every third of the prepared voxels. The bits were the same where the file was made; the processor's vector
instructions decide the last bit of a sum, so another processor is granted one level, and 1e-5 of the prepared units.
"""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from condseg_app.data import Geometry, Image, UnitRange, Window, ZScore
from condseg_app.engine.class_rows import trunk_hash
from condseg_app.engine.intensity import IntensityMap
from condseg_app.engine.predict.whole import predict_whole
from condseg_app.engine.preprocess import WorkingGrid, prepare
from condseg_app.io import find_model, read_model

KEPT = Path(__file__).with_name("version_1_predictions.npz")
TRUNKS = {
    "hippocampus": "5caedc29decc1f0881e0e6304e3346c391c11c4cbb889924e1402123bc726756",
    "phantom_ct": "d0067618309bfd3f0b0ec5af299a686b849810e7811dda155e230cc49a0660a9",
    "phantom_scene": "90419e58bb4f73dee5ca8073e8519c547dacca03dbf78dd710fb1c77ecb7475e",
}
STEPS = {"hippocampus": (ZScore(),), "phantom_ct": (Window(-160.0, 240.0),), "phantom_scene": (UnitRange(),) * 3}


def ramps(*shape: int) -> list[NDArray[np.float64]]:
    return list(np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij"))


def image_for(name: str) -> Image:
    """A small image of formulas, in whole numbers."""
    if name == "hippocampus":
        i, j, k = ramps(26, 34, 22)
        blob = 300 * np.exp(-3 * ((i - 0.1) ** 2 + (1.2 * j) ** 2 + (0.9 * k) ** 2))
        voxels = blob + 60 * np.cos(9 * i) * np.sin(7 * j + 2 * k)
        affine = np.array([[0, -1.25, 0, 10], [1.1, 0, 0, -5], [0, 0, 1.4, 3], [0, 0, 0, 1.0]])
        return Image(np.rint(voxels)[None].astype(np.int16), Geometry((26, 34, 22), affine), name)
    if name == "phantom_ct":
        i, j, k = ramps(60, 50, 24)
        tissue = 40 + 60 * np.cos(5 * i + 1) * np.sin(6 * j) + 50 * ((k > 0.2) & (i > 0.1))
        voxels = np.where(i**2 + (1.1 * j) ** 2 < 0.8, tissue, -1000)
        return Image(np.rint(voxels)[None].astype(np.int16), Geometry.with_spacing((60, 50, 24), (5.0, 5.0, 6.0)), name)
    i, j, _ = ramps(70, 60, 1)
    colours = [128 + 100 * np.sin(4 * i + j), 128 + 100 * np.cos(3 * j), 255.0 * (i**2 + j**2 < 0.3)]
    voxels = np.rint(np.stack(colours)).astype(np.uint8)
    return Image(voxels, Geometry.of_picture(70, 60), name, ("red", "green", "blue"))


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_model_of_version_1_prepares_images_as_ever(name: str) -> None:
    model, image = read_model(find_model(name)), image_for(name)
    assert model.preprocessing.intensity == STEPS[name]
    grid = WorkingGrid.of_image(image, model.preprocessing)
    prepared = prepare(image, IntensityMap.of(image, model.preprocessing, grid.source_box), grid).numpy()
    with np.load(KEPT) as kept:
        expected = kept[f"prepared_{name}"]
    assert np.ptp(expected) > 0.5
    np.testing.assert_allclose(prepared[:, ::3, ::3, ::3], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", sorted(STEPS))
def test_class_files_for_a_model_of_version_1_still_fit(name: str) -> None:
    assert trunk_hash(read_model(find_model(name))) == TRUNKS[name]


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_model_of_version_1_predicts_as_ever(name: str) -> None:
    model, image = read_model(find_model(name)), image_for(name)
    found = predict_whole(model, image, model.classes.names)
    levels = np.stack([found.probabilities[n] for n in model.classes.names])[:, ::2, ::2, ::2]
    with np.load(KEPT) as kept:
        expected = kept[name]
    assert expected.max() > 50
    assert np.abs(levels.astype(int) - expected).max() <= 1
