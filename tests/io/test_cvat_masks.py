"""CVAT's segmentation masks, read back with zipfile and Pillow.

Layout and labelmap.txt: https://docs.cvat.ai/docs/dataset_management/formats/format-smask (export).
"""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from condseg_app.data import ClassEntry, ClassTable, Geometry, Image, LabelMap
from condseg_app.io import Registry
from condseg_app.io.exports.cvat import write_cvat_masks

TABLE = ClassTable(
    (
        ClassEntry(1, "liver", (10, 20, 30)),
        ClassEntry(300, "spleen: left", (10, 20, 30)),
        ClassEntry(4, "night", (0, 0, 0)),
    )
)
REGISTRY = Registry(image="scan", classes=TABLE)
GRID = Geometry.with_spacing((6, 5, 2), (1, 2, 3))
IMAGE = Image(np.zeros((1, 6, 5, 2), np.uint8), GRID, "scan")


def pictures(path: Path, folder: str) -> list[NDArray[np.uint8]]:
    with zipfile.ZipFile(path) as packed:
        names = packed.read("ImageSets/Segmentation/default.txt").decode().split()
        return [np.array(PIL.Image.open(io.BytesIO(packed.read(f"{folder}/{name}.png")))) for name in names]


def label_map(path: Path) -> dict[str, tuple[int, ...]]:
    with zipfile.ZipFile(path) as packed:
        lines = [line for line in packed.read("labelmap.txt").decode().splitlines() if not line.startswith("#")]
    rows = [line.split(":") for line in lines]
    assert all(len(row) == 4 for row in rows)
    return {name: tuple(int(part) for part in color.split(",")) for name, color, _, _ in rows}


@settings(max_examples=25)
@given(arrays.arrays(np.uint16, GRID.shape, elements=st.sampled_from([0, 1, 300, 4])))
def test_each_class_is_found_by_its_colour(
    tmp_path_factory: pytest.TempPathFactory, values: NDArray[np.uint16]
) -> None:
    path = tmp_path_factory.mktemp("cvat") / "scan_cvat.zip"
    assert write_cvat_masks(path, LabelMap(values, GRID, TABLE), IMAGE, REGISTRY) == (path,)
    colors = label_map(path)
    assert list(colors) == ["background", "liver", "spleen_ left", "night"]
    assert len(set(colors.values())) == 4
    assert (colors["background"], colors["liver"]) == ((0, 0, 0), (10, 20, 30))
    by_value = dict(zip((0, 1, 300, 4), colors.values(), strict=True))
    for k, (classes, objects) in enumerate(
        zip(pictures(path, "SegmentationClass"), pictures(path, "SegmentationObject"), strict=True)
    ):
        for value, color in by_value.items():
            np.testing.assert_array_equal((classes == color).all(axis=2), value == values[:, :, k].T)
        for color in np.unique(objects.reshape(-1, 3), axis=0):
            inside = (objects == color).all(axis=2)
            assert len(np.unique(values[:, :, k].T[inside])) == 1, "an object is of one class"


def test_pieces_have_colours_of_their_own_and_the_bytes_are_always_the_same(tmp_path: Path) -> None:
    values = np.zeros(GRID.shape, np.uint8)
    values[0, 0], values[3:, 3:] = 1, 1
    labels = LabelMap(values, GRID, TABLE)
    write_cvat_masks(tmp_path / "a.zip", labels, IMAGE, REGISTRY)
    first, second = pictures(tmp_path / "a.zip", "SegmentationObject")
    assert {tuple(int(c) for c in color) for color in first.reshape(-1, 3)} == {(0, 0, 0), (128, 0, 0), (0, 128, 0)}
    assert np.array_equal(first, second)
    write_cvat_masks(tmp_path / "b.zip", labels, IMAGE, REGISTRY)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_the_registry_and_a_pictures_name_are_in_it(tmp_path: Path) -> None:
    flat = Geometry.of_picture(6, 5)
    image = replace(IMAGE, array=IMAGE.array[..., :1], geometry=flat, source=tmp_path / "cat.v2.jpg")
    labels = LabelMap(np.zeros(flat.shape, np.uint8), flat, TABLE)
    write_cvat_masks(tmp_path / "a.zip", labels, image, REGISTRY)
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        assert "SegmentationClass/cat.v2.png" in packed.namelist()
        assert Registry.model_validate_json(packed.read("condseg.json")).classes == TABLE
