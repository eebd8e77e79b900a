"""What a TIFF's pixels are, whatever their photometric tag, depth, orientation, extra samples, planes and packing."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile
from numpy.typing import NDArray

from condseg_app.io import read_image, read_label_map
from condseg_app.io.labels.reader import read_binary_mask
from condseg_app.io.pictures.camera import upright

RNG = np.random.default_rng(0)
ROWS, COLUMNS, PAGES = 6, 10, 3
DEPTHS = ("u1", "u2", "i2", "u4", "f4", "?")
PACKINGS = (None, "zlib", "lzw", "packbits", "zstd")
ORIENTATIONS = range(1, 9)
GREYS = ("minisblack", "miniswhite")


def numbers(dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    return RNG.integers(0, 2 if dtype == "?" else 120, shape).astype(dtype)


def save(path: Path, pixels: NDArray[Any], orientation: int = 1, **how: Any) -> Path:
    extra: dict[str, Any] = {"extratags": [(274, "H", 1, orientation, True)]} if orientation != 1 else {}
    tifffile.imwrite(path, pixels, metadata=None, **extra, **how)
    return path


def as_voxels(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """(pages, rows, columns) as they are stored, upright as (I, J, K)."""
    return np.moveaxis(upright(pixels, orientation), 0, -1).swapaxes(0, 1)


@pytest.mark.parametrize(("photometric", "dtype"), product(GREYS, DEPTHS))
@pytest.mark.parametrize("pages", [1, PAGES])
def test_grey_numbers_are_those_that_are_stored(tmp_path: Path, photometric: str, dtype: str, pages: int) -> None:
    for packing, orientation in zip((*PACKINGS, None, "zlib", None), ORIENTATIONS, strict=True):
        if dtype == "?" and packing not in (None, "zlib"):
            packing = "packbits"
        pixels = numbers(dtype, (pages, ROWS, COLUMNS))
        how: dict[str, Any] = {"photometric": photometric, "compression": packing}
        path = save(tmp_path / f"{orientation}.tif", pixels if pages > 1 else pixels[0], orientation, **how)
        wanted = as_voxels(pixels, orientation)
        image = read_image(path)
        assert np.array_equal(image.voxels()[0], wanted)
        assert np.array_equal(image.array[0, 1:4, ::2, -1], wanted[1:4, ::2, -1])
        assert any("0 is white" in warning for warning in image.warnings) == (photometric == "miniswhite")
        assert any("camera" in warning for warning in image.warnings) == (orientation != 1)
        labels = read_label_map(path, image)
        assert np.array_equal(labels.values, wanted)
        assert np.array_equal(read_binary_mask(path, image), wanted != 0)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("extra", [(), ("unassalpha",), ("assocalpha",), ("unspecified",)])
@pytest.mark.parametrize("pages", [1, PAGES])
def test_colours_and_their_transparency(
    tmp_path: Path, planar: str, dtype: str, extra: tuple[str, ...], pages: int
) -> None:
    for packing, orientation in product((None, "lzw"), (1, 6)):
        pixels = numbers(dtype, (pages, ROWS, COLUMNS, 3 + len(extra)))
        stored = pixels if planar == "contig" else np.moveaxis(pixels, -1, 1)
        how: dict[str, Any] = {"photometric": "rgb", "planarconfig": planar, "compression": packing}
        if extra:
            how["extrasamples"] = extra
        image = read_image(save(tmp_path / "a.tif", stored if pages > 1 else stored[0], orientation, **how))
        assert image.is_rgb
        for channel in range(3):
            assert np.array_equal(image.voxels()[channel], as_voxels(pixels[..., channel], orientation))


@pytest.mark.parametrize("pages", [1, PAGES])
@pytest.mark.parametrize("photometric", GREYS)
def test_the_transparency_of_greys_is_dropped(tmp_path: Path, pages: int, photometric: str) -> None:
    pixels = numbers("u1", (pages, ROWS, COLUMNS, 2))
    how: dict[str, Any] = {"photometric": photometric, "planarconfig": "contig", "extrasamples": ("unassalpha",)}
    path = save(tmp_path / "a.tif", pixels if pages > 1 else pixels[0], **how)
    assert np.array_equal(read_image(path).voxels(), as_voxels(pixels[..., 0], 1)[np.newaxis])
    assert np.array_equal(read_label_map(path).values, as_voxels(pixels[..., 0], 1))


@pytest.mark.parametrize("packing", ["group3", "group4", "tiff_lzw", "packbits", "raw"])
@pytest.mark.parametrize("zero_is_white", [False, True])
def test_single_bits_in_the_packings_of_faxes(tmp_path: Path, packing: str, zero_is_white: bool) -> None:
    shown = RNG.random((ROWS, 16)) < 0.5
    tags = {262: 0 if zero_is_white else 1}
    PIL.Image.fromarray(shown).save(tmp_path / "a.tif", compression=packing, tiffinfo=tags)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        white = file.pages.first.photometric == tifffile.PHOTOMETRIC.MINISWHITE
        stored = file.pages.first.asarray()
    assert np.array_equal(stored, ~shown if white else shown)
    assert np.array_equal(read_image(tmp_path / "a.tif").voxels()[0, :, :, 0].T, stored)
    assert np.array_equal(read_label_map(tmp_path / "a.tif").values[..., 0].T, stored)


@pytest.mark.parametrize("bits", [2, 4])
def test_a_few_bits_a_pixel(tmp_path: Path, bits: int) -> None:
    pixels = RNG.integers(0, 1 << bits, (ROWS, COLUMNS)).astype(np.uint8)
    path = save(tmp_path / "a.tif", pixels, photometric="minisblack", bitspersample=bits)
    assert np.array_equal(read_image(path).voxels()[0, :, :, 0].T, pixels)
    assert np.array_equal(read_label_map(path).values[..., 0].T, pixels)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("packing", [None, "zlib"])
def test_a_palette_s_image_is_its_colours_and_its_labels_are_indices(
    tmp_path: Path, orientation: int, packing: str | None
) -> None:
    indices = RNG.integers(0, 5, (ROWS, COLUMNS)).astype(np.uint8)
    colours = RNG.integers(0, 256, (3, 256)).astype(np.uint16) * 257
    how: dict[str, Any] = {"photometric": "palette", "colormap": colours, "compression": packing}
    path = save(tmp_path / "a.tif", indices, orientation, **how)
    image = read_image(path)
    shown = upright(indices, orientation)
    assert image.is_rgb
    assert np.array_equal(image.voxels()[..., 0].transpose(2, 1, 0), (colours // 257)[:, shown].transpose(1, 2, 0))
    assert np.array_equal(read_label_map(path, image).values[..., 0].T, shown)
