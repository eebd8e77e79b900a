"""Labelme exports, read back by the rules of Labelme's own source.

Fields: `LabelFile.load` and `save` in labelme/_label_file.py of https://github.com/wkentaro/labelme: version, flags,
shapes, imagePath, imageData, imageHeight, imageWidth; other keys are kept. Of shapes, `_load_shape_json_obj` there:
label, points, shape_type, flags (name -> bool), description, group_id (int), mask (base64 of a PNG). What pixels a
shape has: `shape_to_mask` and `shapes_to_label` in labelme/_utils/shape.py.
"""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from condseg_app.data import ClassTable, Geometry, Image
from condseg_app.errors import WriteError
from condseg_app.io import Registry, read_registry
from condseg_app.io.exports.labelme import write_labelme

TABLE = ClassTable.from_names(["sky", "tree"])
REGISTRY = Registry(image="photo", thresholds={"sky": 0.5}, classes=TABLE)
SHAPE = (9, 7, 1)


def photo(source: Path | None = None) -> Image:
    return Image(np.zeros((1, *SHAPE), np.uint8), Geometry.of_picture(9, 7), "photo", source=source)


def pixels(shape: dict[str, Any]) -> NDArray[np.bool_]:
    """(rows, columns), as Labelme makes them of a shape."""
    found = np.zeros((7, 9), np.bool_)
    if shape["shape_type"] == "mask":
        (x, y), (right, bottom) = np.array(shape["points"]).astype(int)
        packed = PIL.Image.open(io.BytesIO(base64.b64decode(shape["mask"])))
        found[y : bottom + 1, x : right + 1] = np.array(packed).astype(bool)
        return found
    assert len(shape["points"]) > 2
    drawn = PIL.Image.fromarray(np.zeros((7, 9), np.uint8))
    PIL.ImageDraw.Draw(drawn).polygon([tuple(point) for point in shape["points"]], outline=1, fill=1)
    return np.array(drawn, dtype=bool)


@settings(max_examples=60)
@given(st.tuples(*[arrays.arrays(np.bool_, SHAPE, elements=st.booleans())] * 2))
def test_labelme_makes_the_same_pixels(
    tmp_path_factory: pytest.TempPathFactory, both: tuple[NDArray[np.bool_], ...]
) -> None:
    path = tmp_path_factory.mktemp("labelme") / "photo.json"
    masks = dict(zip(TABLE.names, both, strict=True))
    assert write_labelme(path, masks, photo(), REGISTRY) == (path,)
    content = json.loads(path.read_text(encoding="utf-8"))
    found = {name: np.zeros((7, 9), np.bool_) for name in TABLE.names}
    for shape in content["shapes"]:
        found[shape["label"]] |= pixels(shape)
    for name in TABLE.names:
        np.testing.assert_array_equal(found[name], masks[name][:, :, 0].T)


def test_the_fields_are_those_that_labelme_reads(tmp_path: Path) -> None:
    masks = {name: np.zeros(SHAPE, np.bool_) for name in TABLE.names}
    masks["sky"][1:8, 1:6] = True
    masks["tree"][1:8, 1:6] = True
    masks["tree"][3, 3] = False
    (tmp_path / "images").mkdir()
    image = photo(tmp_path / "images" / "photo.png")
    write_labelme(tmp_path / "photo.json", masks, image, REGISTRY)
    content = json.loads((tmp_path / "photo.json").read_text(encoding="utf-8"))
    assert (content["imagePath"], content["imageData"]) == ("images/photo.png", None)
    assert (content["imageWidth"], content["imageHeight"], content["flags"]) == (9, 7, {})
    sky, tree = content["shapes"]
    assert sky["points"] == [[7, 1], [7, 5], [1, 5], [1, 1]]
    assert (sky["shape_type"], tree["shape_type"]) == ("polygon", "mask")
    for shape in (sky, tree):
        assert (shape["flags"], shape["group_id"], shape["description"]) == ({}, None, "")
    assert read_registry(tmp_path / "photo.json").classes == TABLE


def test_a_volume_is_refused(tmp_path: Path) -> None:
    volume = Image(np.zeros((1, 4, 3, 2), np.uint8), Geometry.with_spacing((4, 3, 2), (1, 1, 1)))
    with pytest.raises(WriteError, match="2D images only"):
        write_labelme(tmp_path / "a.json", {}, volume, REGISTRY)
    assert list(tmp_path.iterdir()) == []
