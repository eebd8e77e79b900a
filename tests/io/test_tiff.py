from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile

from condseg_app.data import Geometry, Image, Pick
from condseg_app.errors import ReadError, WriteError
from condseg_app.io import read_image, read_label_map
from condseg_app.io.choices import ChoiceNeeded
from condseg_app.io.image_files import write_image

RNG = np.random.default_rng(0)
STACK = RNG.integers(0, 60000, (7, 5, 6), np.uint16)  # (z, y, x)


def save(path: Path, array: Any = STACK, **how: Any) -> Path:
    tifffile.imwrite(path, array, **{"photometric": "minisblack", **how})
    return path


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">i2", "f4", "?"])
def test_pages_are_slices(tmp_path: Path, compression: str | None, bigtiff: bool, dtype: str) -> None:
    order = ">" if dtype.startswith(">") else "<"
    array = STACK.astype(dtype)
    image = read_image(save(tmp_path / "a.tif", array, compression=compression, bigtiff=bigtiff, byteorder=order))
    assert np.array_equal(image.voxels()[0], array.T)
    assert image.array.dtype.isnative
    assert image.geometry.unit == "pixel"
    assert "size of its voxels is not stated" in image.warnings[0]
    assert np.array_equal(image.array[0, 1:3, ::2, 4], array.T[1:3, ::2, 4])


def test_pillow_helps_with_what_tifffile_lacks(tmp_path: Path) -> None:
    pages = [PIL.Image.fromarray(page) for page in STACK]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:], compression="tiff_lzw")
    assert np.array_equal(read_image(tmp_path / "a.tif").voxels()[0], STACK.T)


def test_imagej_s_voxel_sizes(tmp_path: Path) -> None:
    how = {"imagej": True, "resolution": (2.0, 4.0), "metadata": {"spacing": 1.5, "unit": "um", "axes": "ZYX"}}
    image = read_image(save(tmp_path / "a.tif", **how))
    assert image.geometry.unit == "µm"
    assert image.geometry.spacing == pytest.approx((0.5, 0.25, 1.5))
    assert np.array_equal(image.voxels()[0], STACK.T)
    assert image.warnings == ()
    image = read_image(save(tmp_path / "b.tif", imagej=True, resolution=(2.0, 4.0), metadata={"unit": "mm"}))
    assert image.geometry.unit == "mm"


def test_imagej_s_hyperstacks(tmp_path: Path) -> None:
    array = RNG.integers(0, 255, (2, 7, 3, 5, 6), np.uint8)
    path = save(tmp_path / "a.tif", array, imagej=True, metadata={"axes": "TZCYX"})
    with pytest.raises(ChoiceNeeded, match="2 frames"):
        read_image(path)
    image = read_image(path, Pick(frame=1))
    assert image.channels == ("channel 1", "channel 2", "channel 3")
    assert np.array_equal(image.voxels(), array[1].transpose(1, 3, 2, 0))
    assert np.array_equal(read_image(path, Pick(frame=0, channel="channel 3")).voxels()[0], array[0, :, 2].T)


@pytest.mark.parametrize("unit", ["µm", "nm", "mm"])
def test_ome_s_voxel_sizes_and_channels(tmp_path: Path, unit: str) -> None:
    array = RNG.integers(0, 255, (2, 7, 5, 6), np.uint8)
    sizes = {f"PhysicalSize{axis}": size for axis, size in zip("XYZ", (0.5, 0.25, 2.0), strict=True)}
    units = {f"PhysicalSize{axis}Unit": unit for axis in "XYZ"}
    names = {"Channel": {"Name": ["DAPI", "GFP"]}}
    image = read_image(
        save(tmp_path / "a.ome.tif", array, metadata={"axes": "CZYX", **sizes, **units, **names}, compression="zlib")
    )
    factor = {"µm": 1, "nm": 1e-3, "mm": 1}[unit]
    assert image.geometry.unit == ("mm" if unit == "mm" else "µm")
    assert image.geometry.spacing == pytest.approx((0.5 * factor, 0.25 * factor, 2.0 * factor))
    assert image.channels == ("DAPI", "GFP")
    assert np.array_equal(image.voxels(), array.transpose(0, 3, 2, 1))
    assert image.name == "a"


@pytest.mark.parametrize("axes", ["TZCYX", "TCZYX", "ZCTYX"])
def test_ome_s_axes_in_any_order(tmp_path: Path, axes: str) -> None:
    lengths = {"T": 2, "Z": 4, "C": 3, "Y": 5, "X": 6}
    array = RNG.integers(0, 255, [lengths[axis] for axis in axes], np.uint8)
    image = read_image(save(tmp_path / "a.ome.tif", array, metadata={"axes": axes}), Pick(frame=1))
    wanted = np.moveaxis(array, [axes.index(axis) for axis in "TCXYZ"], range(5))[1]
    assert np.array_equal(image.voxels(), wanted)


def test_a_picture_with_sizes_has_them(tmp_path: Path) -> None:
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25, "PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    image = read_image(save(tmp_path / "a.ome.tif", STACK[0], metadata={"axes": "YX", **sizes}))
    assert image.geometry.spacing[:2] == (0.5, 0.25)
    assert image.geometry.unit == "µm"
    assert image.geometry.shape == (6, 5, 1)


def test_several_images_are_chosen_from(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(STACK, photometric="minisblack")
        file.write(STACK[:3, :2], photometric="minisblack")
    with pytest.raises(ChoiceNeeded, match="2 series") as caught:
        read_image(tmp_path / "a.tif")
    key, _ = caught.value.options[1]
    assert np.array_equal(read_image(tmp_path / "a.tif", Pick(series=str(key))).voxels()[0], STACK[:3, :2].T)
    with pytest.raises(ReadError, match="no series '7'"):
        read_image(tmp_path / "a.tif", Pick(series="7"))


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_a_stack_in_colours(tmp_path: Path, planar: str) -> None:
    array = RNG.integers(0, 255, (7, 5, 6, 3), np.uint8)
    stored = array if planar == "contig" else np.moveaxis(array, -1, 1)
    image = read_image(save(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar, compression="zlib"))
    assert image.is_rgb
    assert np.array_equal(image.voxels(), array.transpose(3, 2, 1, 0))


def test_channels_within_a_page(tmp_path: Path) -> None:
    array = RNG.random((5, 7, 5)).astype(np.float32)
    image = read_image(save(tmp_path / "a.tif", array, planarconfig="contig"))
    assert image.channels == tuple(f"channel {n}" for n in range(1, 6))
    assert np.array_equal(image.voxels()[..., 0], array.transpose(2, 1, 0))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'FileName="a.ome.tif"', b'FileName="../.tif"'),
        (b'PlaneCount="7"', b'PlaneCount="9"'),
        (b'SizeZ="7"', b'SizeZ="x"'),
        (b"<OME ", b"<!ENTITY x '1'><OME "),
    ],
)
def test_an_ome_description_that_cannot_be_followed_is_told(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = save(tmp_path / "a.ome.tif", metadata={"axes": "ZYX"})
    with tifffile.TiffFile(path) as file:
        xml = (file.ome_metadata or "").encode()
    if old.startswith(b"FileName"):
        old, new = b"<TiffData ", b'<TiffData FirstZ="0"><UUID FileName="../b.tif">urn:x</UUID></TiffData><TiffData '
        new += b'IFD="0" PlaneCount="1"><UUID FileName="../c.tif">urn:y</UUID></TiffData><TiffData '
    changed = xml.replace(old, new)
    if old == b'PlaneCount="7"' and old not in xml:
        changed = xml.replace(b"<TiffData ", b'<TiffData Foo="1" ').replace(b'NumPlanes="7"', b'PlaneCount="900000000"')
    tifffile.tiffcomment(path, changed.decode())
    image = read_image(path)
    assert np.array_equal(image.voxels()[0], STACK.T)
    assert any("not followed" in note or "not opened" in note for note in image.warnings)


def test_labels_in_a_stack(tmp_path: Path) -> None:
    labels = read_label_map(save(tmp_path / "a.tif", STACK % 5))
    assert np.array_equal(labels.values, (STACK % 5).T)


def test_pages_that_are_palettes_are_numbers(tmp_path: Path) -> None:
    first, *others = (PIL.Image.fromarray(page.astype(np.uint8)).convert("P") for page in STACK)
    first.save(tmp_path / "a.tif", save_all=True, append_images=others)
    assert np.array_equal(
        read_image(tmp_path / "a.tif").voxels()[0], np.stack([np.asarray(page) for page in (first, *others)]).T
    )


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_stack_that_claims_more_than_it_can_hold_is_refused(tmp_path: Path, compression: str | None) -> None:
    path = save(tmp_path / "a.tif", compression=compression)
    with tifffile.TiffFile(path, mode="r+") as file:
        for page in file.pages:
            page.tags["ImageWidth"].overwrite(15000)  # type: ignore[union-attr]
            page.tags["ImageLength"].overwrite(15000)  # type: ignore[union-attr]
    with pytest.raises(ReadError):
        read_image(path).voxels()


def test_channels_and_colours_are_written(tmp_path: Path) -> None:
    geometry = Geometry.with_spacing((6, 5, 7), (0.5, 0.25, 2.0), "µm")
    array = RNG.integers(0, 60000, (2, 6, 5, 7), np.uint16)
    write_image(tmp_path / "a.ome.tif", Image(array, geometry, channels=("DAPI", "GFP")))
    image = read_image(tmp_path / "a.ome.tif")
    assert image.channels == ("DAPI", "GFP")
    assert np.array_equal(image.voxels(), array)
    assert image.geometry == geometry
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        assert np.array_equal(file.asarray(), array.transpose(0, 3, 2, 1))
        assert file.series[0].axes == "CZYX"
    bright = Image(array[[0, 1, 0]].astype(np.uint8), geometry, channels=("red", "green", "blue"))
    write_image(tmp_path / "b.ome.tif", bright)
    assert read_image(tmp_path / "b.ome.tif").is_rgb
    assert np.array_equal(read_image(tmp_path / "b.ome.tif").voxels(), bright.voxels())


def test_numbers_that_ome_does_not_know_are_refused(tmp_path: Path) -> None:
    image = Image(np.zeros((1, 6, 5, 7), np.int64), Geometry.with_spacing((6, 5, 7), (1, 1, 1)))
    with pytest.raises(WriteError, match="int64"):
        write_image(tmp_path / "a.ome.tif", image)
    assert not list(tmp_path.iterdir())
