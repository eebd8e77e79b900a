"""COCO exports, read back by pycocotools.

The fields are those of https://cocodataset.org/#format-data (object detection).
"""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from pycocotools.coco import COCO

from condseg_app.data import ClassTable, Geometry, Image
from condseg_app.errors import WriteError
from condseg_app.io import Registry, read_registry
from condseg_app.io.exports.coco import write_coco

TABLE = ClassTable.from_names(["liver", "spleen"]).replacing("spleen", value=7)
REGISTRY = Registry(image="scan", model="abdomen", thresholds={"liver": 0.5}, classes=TABLE)
Masks = dict[str, NDArray[np.bool_]]


def image_of(shape: tuple[int, int, int]) -> Image:
    return Image(np.zeros((1, *shape), np.uint8), Geometry.with_spacing(shape, (1, 2, 3)), "scan")


def read_back(path: Path, shape: tuple[int, int, int]) -> Masks:
    """All annotations of each category together, as pycocotools decodes them."""
    coco = COCO(str(path))
    masks = {category["name"]: np.zeros(shape, np.bool_) for category in coco.dataset["categories"]}
    for annotation in coco.dataset["annotations"]:
        mask = coco.annToMask(annotation).astype(bool)
        assert annotation["area"] == mask.sum()
        rows, columns = np.nonzero(mask)
        box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        assert annotation["bbox"] == box
        name = coco.cats[annotation["category_id"]]["name"]
        masks[name][:, :, annotation["image_id"] - 1] |= mask.T
    return masks


@settings(max_examples=60)
@given(st.tuples(*[arrays.arrays(np.bool_, (9, 7, 2), elements=st.booleans())] * 2))
def test_every_voxel_comes_back(tmp_path_factory: pytest.TempPathFactory, both: tuple[NDArray[np.bool_], ...]) -> None:
    path = tmp_path_factory.mktemp("coco") / "scan_coco.json"
    masks = dict(zip(TABLE.names, both, strict=True))
    assert write_coco(path, masks, image_of((9, 7, 2)), REGISTRY) == (path,)
    found = read_back(path, (9, 7, 2))
    for name in TABLE.names:
        np.testing.assert_array_equal(found[name], masks[name])


def test_polygons_where_there_is_no_hole_and_run_lengths_where_there_is(tmp_path: Path) -> None:
    masks = {name: np.zeros((12, 10, 1), np.bool_) for name in TABLE.names}
    masks["liver"][1:5, 2:4] = True
    masks["liver"][7:9, 2:4] = True
    masks["spleen"][2:8, 2:8] = True
    masks["spleen"][4, 4] = False
    write_coco(tmp_path / "a.json", masks, image_of((12, 10, 1)), REGISTRY)
    content = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    one, two, ring = content["annotations"]
    assert one["segmentation"] == [[1, 2, 5, 2, 5, 4, 1, 4]]
    assert two["segmentation"] == [[7, 2, 9, 2, 9, 4, 7, 4]]
    assert ring["segmentation"]["size"] == [10, 12]
    assert [a["iscrowd"] for a in content["annotations"]] == [0, 0, 0]
    assert [a["id"] for a in content["annotations"]] == [1, 2, 3]
    assert read_back(tmp_path / "a.json", (12, 10, 1))["spleen"].sum() == 35


def test_categories_are_class_values_and_images_are_slices(tmp_path: Path) -> None:
    masks = {name: np.ones((4, 3, 2), np.bool_) for name in TABLE.names}
    path = tmp_path / "a.json"
    write_coco(path, masks, image_of((4, 3, 2)), REGISTRY)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert [(c["id"], c["name"]) for c in content["categories"]] == [(1, "liver"), (7, "spleen")]
    assert [(i["id"], i["file_name"], i["width"], i["height"]) for i in content["images"]] == [
        (1, "scan_0000.png", 4, 3),
        (2, "scan_0001.png", 4, 3),
    ]
    assert read_registry(path).classes == TABLE


def test_a_picture_keeps_its_files_name(tmp_path: Path) -> None:
    image = Image(np.zeros((1, 4, 3, 1), np.uint8), Geometry.of_picture(4, 3), "cat", source=tmp_path / "cat.jpeg")
    masks = {name: np.zeros((4, 3, 1), np.bool_) for name in TABLE.names}
    write_coco(tmp_path / "a.json", masks, image, REGISTRY)
    content = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert content["images"] == [{"id": 1, "file_name": "cat.jpeg", "width": 4, "height": 3}]
    assert content["annotations"] == []


def test_nothing_is_written_where_it_cannot_be(tmp_path: Path) -> None:
    masks = {name: np.zeros((4, 3, 1), np.bool_) for name in TABLE.names}
    with pytest.raises(WriteError, match="does not exist"):
        write_coco(tmp_path / "no" / "a.json", masks, image_of((4, 3, 1)), REGISTRY)
    assert list(tmp_path.iterdir()) == []
