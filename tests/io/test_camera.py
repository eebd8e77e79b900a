"""Pictures of a camera that was turned: upright when they are read, and so is all that belongs to them."""

import json
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
from numpy.typing import NDArray

from condseg_app.data import ClassTable, Image, LabelMap
from condseg_app.errors import GeometryError
from condseg_app.io import Export, Registry, export_format, read_image, read_label_map, write_export
from condseg_app.io.labels.reader import read_binary_mask
from condseg_app.io.pictures.camera import as_stored, orientation_of, upright

ORIENTATIONS = range(1, 9)
TAG = 0x0112
PHOTO = np.kron(np.arange(24, dtype=np.uint8).reshape(4, 6) * 10, np.ones((16, 16), np.uint8))  # (64, 96)


def photo(path: Path, orientation: object, pixels: NDArray[np.uint8] = PHOTO) -> Path:
    exif = PIL.Image.Exif()
    exif[TAG] = orientation
    PIL.Image.fromarray(np.dstack([pixels] * 3)).save(path, exif=exif, quality=95)
    return path


def shown(path: Path) -> NDArray[np.uint8]:
    """As other programs show it."""
    return np.array(PIL.ImageOps.exif_transpose(PIL.Image.open(path)).convert("RGB"))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_pixels_are_as_other_programs_show_them(tmp_path: Path, orientation: int, suffix: str) -> None:
    path = photo(tmp_path / f"a{suffix}", orientation)
    image = read_image(path)
    assert np.array_equal(image.voxels()[..., 0].transpose(2, 1, 0), shown(path))
    assert any("camera" in warning for warning in image.warnings) == (orientation != 1)
    assert orientation_of(path) == orientation


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_there_is_a_way_back_to_the_stored_pixels(orientation: int) -> None:
    picture = PIL.Image.fromarray(PHOTO)
    picture.getexif()[TAG] = orientation
    turned = np.array(PIL.ImageOps.exif_transpose(picture))
    assert np.array_equal(upright(PHOTO, orientation), turned)
    assert np.array_equal(as_stored(turned, orientation), PHOTO)


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_what_is_no_orientation_is_none(tmp_path: Path, orientation: int) -> None:
    path = photo(tmp_path / "a.png", orientation)
    assert read_image(path).warnings == ()
    assert np.array_equal(read_image(path).voxels()[0, :, :, 0].T, PHOTO)


def test_damaged_exif_refuses_no_picture(tmp_path: Path) -> None:
    PIL.Image.fromarray(PHOTO).save(tmp_path / "a.png", exif=b"garbage")
    image = read_image(tmp_path / "a.png")
    assert np.array_equal(image.voxels()[0, :, :, 0].T, PHOTO)
    assert orientation_of(tmp_path / "a.png") == 1


def test_what_is_no_picture_is_upright(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"none")
    assert orientation_of(tmp_path / "a.nii") == orientation_of(tmp_path / "missing.jpg") == orientation_of(None) == 1


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_masks_fit_that_were_painted_on_the_upright_picture_or_on_the_stored_one(
    tmp_path: Path, orientation: int
) -> None:
    image = read_image(photo(tmp_path / "a.jpg", orientation))
    labels = (PHOTO > 100).astype(np.uint8)
    PIL.Image.fromarray(upright(labels, orientation)).save(tmp_path / "upright.png")
    wanted = upright(labels, orientation)
    assert np.array_equal(read_label_map(tmp_path / "upright.png", image).values[..., 0].T, wanted)
    PIL.Image.fromarray(labels).save(tmp_path / "stored.png")
    if orientation < 5:  # of the same size, so it is taken for the upright picture's
        warnings = read_label_map(tmp_path / "stored.png", image).warnings
        assert any("see that it lies right" in warning for warning in warnings) == (orientation != 1)
        return
    stored = read_label_map(tmp_path / "stored.png", image)
    assert np.array_equal(stored.values[..., 0].T, wanted)
    assert "as the camera stored it" in stored.warnings[0]
    assert np.array_equal(read_binary_mask(tmp_path / "stored.png", image)[..., 0].T, wanted > 0)


def test_a_turned_mask_of_an_upright_picture_is_refused(tmp_path: Path) -> None:
    image = read_image(photo(tmp_path / "a.jpg", 1))
    PIL.Image.fromarray(np.ones(PHOTO.shape[::-1], np.uint8)).save(tmp_path / "m.png")
    with pytest.raises(GeometryError, match=r"\(64, 96, 1\).*\(96, 64, 1\)"):
        read_label_map(tmp_path / "m.png", image)


def export(image: Image, key: str, target: Path) -> Path:
    classes = ClassTable.from_names(["thing"])
    values = (image.voxels()[0] > 100).astype(np.uint8)
    registry = Registry(image=image.name, classes=classes)
    what = Export(image, registry, {"thing": values > 0}, LabelMap(values, image.geometry, classes))
    return write_export(export_format(key), target, what)[0]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_exports_match_what_other_programs_show(tmp_path: Path, orientation: int) -> None:
    path = photo(tmp_path / "a.jpg", orientation)
    image = read_image(path)
    height, width = shown(path).shape[:2]
    marked = shown(path)[..., 0] > 100
    labelme = json.loads(export(image, "labelme", tmp_path / "a_labelme.json").read_text())
    assert (labelme["imageWidth"], labelme["imageHeight"]) == (width, height)
    coco = json.loads(export(image, "coco", tmp_path / "a_coco.json").read_text())
    assert (coco["images"][0]["width"], coco["images"][0]["height"]) == (width, height)
    assert sum(annotation["area"] for annotation in coco["annotations"]) == marked.sum()
    png = export(image, "png", tmp_path / "a_labels.png")
    assert np.array_equal(np.array(PIL.Image.open(png)) > 0, marked)
    with zipfile.ZipFile(export(image, "cvat", tmp_path / "a.zip")) as packed:
        picture = np.array(PIL.Image.open(BytesIO(packed.read("SegmentationClass/a.png"))))
    assert np.array_equal(picture.any(axis=-1), marked)
    again = read_label_map(png, image)
    assert np.array_equal(again.values[..., 0].T > 0, marked)
    assert again.warnings == ()
