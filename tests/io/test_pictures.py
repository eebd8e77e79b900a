import struct
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
import PIL.Image
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from condseg_app.data import Geometry
from condseg_app.errors import CondsegError, ReadError
from condseg_app.io import read_image
from condseg_app.io.pictures import reader as pictures

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 7), np.uint8)
COLOUR = RNG.integers(0, 256, (5, 7, 3), np.uint8)
DEEP = RNG.integers(0, 65536, (5, 7), np.uint16)


def rows(path: Path) -> NDArray[np.generic]:
    """What was read, back in rows and columns."""
    voxels = read_image(path).voxels()[..., 0].transpose(2, 1, 0)
    return voxels[..., 0] if voxels.shape[2] == 1 else voxels


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".tif", ".tiff", ".bmp"])
@pytest.mark.parametrize("pixels", [GREY, COLOUR])
def test_grey_and_colour(tmp_path: Path, suffix: str, pixels: NDArray[np.uint8]) -> None:
    path = tmp_path / f"улица (1){suffix}"
    PIL.Image.fromarray(pixels).save(path)
    image = read_image(path)
    assert np.array_equal(rows(path), pixels)
    assert image.geometry == Geometry.of_picture(7, 5)
    assert image.channels == (("intensity",) if pixels.ndim == 2 else ("red", "green", "blue"))
    assert (image.name, image.source, image.warnings) == ("улица (1)", path, ())


def test_i_runs_right_and_j_down(tmp_path: Path) -> None:
    pixels = np.zeros((5, 7), np.uint8)
    pixels[1, 6] = 9  # second row, last column
    PIL.Image.fromarray(pixels).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").array[0, 6, 1, 0] == 9


@pytest.mark.parametrize("pixels", [GREY, COLOUR])
def test_jpeg(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    path = tmp_path / "a.jpg"
    smooth = np.array(PIL.Image.fromarray(pixels).resize((64, 64)))
    PIL.Image.fromarray(smooth).save(path, quality=95)
    assert np.abs(rows(path).astype(int) - smooth).mean() < 12


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_grey_is_not_clipped(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    PIL.Image.fromarray(DEEP).save(path)
    assert rows(path).dtype == np.uint16
    assert np.array_equal(rows(path), DEEP)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.uint32, np.bool_])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_tiff_of_any_number(tmp_path: Path, dtype: type[np.generic], byteorder: Literal["<", ">"]) -> None:
    pixels = (DEEP % 2 if dtype is np.bool_ else DEEP // 3).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels, byteorder=byteorder, photometric="minisblack")
    assert rows(tmp_path / "a.tif").dtype.isnative
    assert np.array_equal(rows(tmp_path / "a.tif"), pixels)


@pytest.mark.parametrize("planarconfig", ["contig", "separate"])
@pytest.mark.parametrize("alpha", [False, True])
def test_colour_tiff_of_16_bits_in_planes_or_pixels(tmp_path: Path, planarconfig: str, alpha: bool) -> None:
    pixels = RNG.integers(0, 65536, (5, 7, 4 if alpha else 3), np.uint16)
    stored = pixels.transpose(2, 0, 1) if planarconfig == "separate" else pixels
    tifffile.imwrite(
        tmp_path / "a.tif",
        stored,
        photometric="rgb",
        planarconfig=planarconfig,
        extrasamples=["unassalpha"] if alpha else None,
    )
    assert np.array_equal(rows(tmp_path / "a.tif"), pixels[..., :3])


@pytest.mark.parametrize("packing", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
def test_packed_tiff(tmp_path: Path, packing: str) -> None:
    path = tmp_path / "a.tif"
    PIL.Image.fromarray(COLOUR).save(path, compression=packing)
    expected = np.array(PIL.Image.open(path).convert("RGB"))
    assert np.array_equal(rows(path), expected)


def test_transparency_is_dropped(tmp_path: Path) -> None:
    PIL.Image.fromarray(np.dstack([COLOUR, GREY])).save(tmp_path / "a.png")
    PIL.Image.fromarray(np.dstack([GREY, GREY]), "LA").save(tmp_path / "b.png")
    assert np.array_equal(rows(tmp_path / "a.png"), COLOUR)
    assert np.array_equal(rows(tmp_path / "b.png"), GREY)
    assert "transparency" in read_image(tmp_path / "a.png").warnings[0]


def test_palette_and_cmyk_become_colours(tmp_path: Path) -> None:
    picture = PIL.Image.fromarray(COLOUR)
    for converted, name in ((picture.convert("P"), "a.png"), (picture.convert("CMYK"), "b.tif")):
        converted.save(tmp_path / name)
        assert np.array_equal(rows(tmp_path / name), np.array(converted.convert("RGB")))
        assert read_image(tmp_path / name).is_rgb
        assert "converted" in read_image(tmp_path / name).warnings[0]


def test_black_and_white(tmp_path: Path) -> None:
    PIL.Image.fromarray(GREY > 127).save(tmp_path / "a.png")
    assert np.array_equal(rows(tmp_path / "a.png"), np.where(GREY > 127, 255, 0))


def test_16_bit_colours_are_reduced_and_that_is_told(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.dstack([DEEP] * 3), photometric="rgb")
    assert read_image(tmp_path / "a.tif").warnings == ()
    raw = b"".join(b"\0" + np.dstack([row] * 3).astype(">u2").tobytes() for row in DEEP)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 7, 5, 16, 2, 0, 0, 0)), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    packed = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
    assert "16-bit colours are reduced" in read_image(tmp_path / "a.png").warnings[0]


def test_the_content_counts_not_the_name(tmp_path: Path) -> None:
    PIL.Image.fromarray(COLOUR).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    assert np.array_equal(rows(tmp_path / "a.jpg"), COLOUR)


def test_how_the_camera_was_held_is_told(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.fromarray(COLOUR).save(tmp_path / "a.jpg", exif=exif)
    assert "camera was held" in read_image(tmp_path / "a.jpg").warnings[0]


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 7), np.complex64), photometric="minisblack")
    with pytest.raises(ReadError, match="complex64"):
        read_image(tmp_path / "a.tif")


def test_too_many_pixels_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_MOST_PIXELS", 34)
    for name in ("a.png", "a.tif"):
        PIL.Image.fromarray(GREY).save(tmp_path / name)
        with pytest.raises(ReadError, match="claims 7 x 5 pixels"):
            read_image(tmp_path / name)


def test_a_tiff_that_claims_more_than_it_can_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((19000, 1), np.uint8), photometric="minisblack", compression="zlib")
    content = path.read_bytes()
    width = struct.pack("<HHII", 256, 4, 1, 1)
    assert width in content
    path.write_bytes(content.replace(width, struct.pack("<HHII", 256, 4, 1, 19000)))
    with pytest.raises(ReadError, match="than the file can hold"):
        read_image(path)


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 10)
    PIL.Image.fromarray(GREY).save(tmp_path / "a.png")
    with pytest.raises(ReadError, match="far more pixels"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.tif", "lzw.tif"])
@pytest.mark.parametrize("part", [0.0, 0.2, 0.5, 0.9])
def test_a_picture_that_is_cut_off_is_refused(tmp_path: Path, name: str, part: float) -> None:
    path = tmp_path / name
    PIL.Image.fromarray(RNG.integers(0, 256, (64, 64, 3), np.uint8)).save(
        path, **({"compression": "tiff_lzw"} if name.startswith("lzw") else {})
    )
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(ReadError) as caught:
        read_image(path)
    assert caught.value.path == path


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("a.png", "a.jpg", "a.bmp", "a.tif"):
        PIL.Image.fromarray(COLOUR).save(folder / name)
    return {name: folder / name for name in ("a.png", "a.jpg", "a.bmp", "a.tif")}


@settings(deadline=None)
@given(
    name=st.sampled_from(["a.png", "a.jpg", "a.bmp", "a.tif"]),
    place=st.floats(0, 1, exclude_max=True),
    value=st.integers(0, 255),
)
def test_no_byte_leads_to_anything_but_an_image_or_a_sentence(
    samples: dict[str, Path], name: str, place: float, value: int
) -> None:
    content = bytearray(samples[name].read_bytes())
    content[int(place * len(content))] = value
    path = samples[name].with_name(f"mutant{samples[name].suffix}")
    path.write_bytes(bytes(content))
    sentence = _sentence(path)
    assert sentence is None or (str(path) in sentence and "\n" not in sentence)


def _sentence(path: Path) -> str | None:
    try:
        read_image(path).voxels()
    except CondsegError as error:
        return str(error)
    return None
