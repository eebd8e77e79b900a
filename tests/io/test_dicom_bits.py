"""Headers and packed streams that contradict each other about bits and signs."""

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from condseg_app.errors import ReadError
from condseg_app.io import read_image
from condseg_app.io.dicom.bits import PixelBits, settled
from condseg_app.io.dicom.series import read_dicom

SaveSeries = Callable[..., list[Path]]
AFFINE = np.array([[-0.5, 0, 0, 30.0], [0, -0.75, 0, -12.5], [0, 0, 2.5, 7.0], [0, 0, 0, 1]])
HOUNSFIELD = np.random.default_rng(0).integers(-1024, 1200, (16, 12, 1)).astype(np.int16)


def jpeg_ls(pixels: NDArray[Any]) -> bytes:
    return bytes(imagecodecs.jpegls_encode(pixels))


def lossless_jpeg(pixels: NDArray[Any], bits: int = 16) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(pixels, lossless=True, bitspersample=bits))


def jpeg_2000(pixels: NDArray[Any], bits: int = 16) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="j2k", bitspersample=bits, reversible=True))


def packed(path: Path, stream: bytes, syntax: UID, **elements: object) -> Path:
    """The same image with its pixels as such a stream."""
    data = pydicom.dcmread(path)
    data.file_meta.TransferSyntaxUID = syntax
    data.PixelData = encapsulate([stream])
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    for keyword, value in elements.items():
        setattr(data, keyword, value)
    data.save_as(path)
    return path


@pytest.fixture
def image(save_series: SaveSeries, tmp_path: Path) -> Path:
    """A CT slice of signed numbers, 12 bits of 16."""
    (path,) = save_series(tmp_path / "ct", HOUNSFIELD, AFFINE, BitsStored=12, HighBit=11)
    return path


def rows(values: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(values[:, :, 0].T)


TWELVE_BITS = rows(HOUNSFIELD).view(np.uint16) & 0xFFF


@pytest.mark.parametrize(
    ("syntax", "stream"),
    [
        pytest.param(JPEGLSLossless, jpeg_ls(TWELVE_BITS), id="JPEG-LS of 16 bits, two's complement of 12"),
        pytest.param(JPEGLSLossless, jpeg_ls(rows(HOUNSFIELD).view(np.uint16)), id="JPEG-LS of 16 bits, sign repeated"),
        pytest.param(JPEGLosslessSV1, lossless_jpeg(TWELVE_BITS), id="lossless JPEG of 16 bits"),
        pytest.param(JPEG2000Lossless, jpeg_2000(TWELVE_BITS), id="JPEG 2000 of 16 bits without a sign"),
        pytest.param(JPEG2000Lossless, jpeg_2000(TWELVE_BITS, 12), id="JPEG 2000 of 12 bits without a sign"),
    ],
)
def test_signs_are_found_where_the_stream_knows_none(image: Path, syntax: UID, stream: bytes) -> None:
    packed(image, stream, syntax)
    found = read_dicom(image)
    assert np.array_equal(found.voxels()[0], HOUNSFIELD)
    assert any("sign" in warning for warning in found.warnings)


def test_bits_beyond_those_that_the_header_says_are_kept(save_series: SaveSeries, tmp_path: Path) -> None:
    wide = np.random.default_rng(1).integers(0, 60_000, (16, 12, 1)).astype(np.uint16)
    for name, stream, syntax in (
        ("ls", jpeg_ls(rows(wide)), JPEGLSLossless),
        ("2k", jpeg_2000(rows(wide)), JPEG2000Lossless),
        ("jpeg", lossless_jpeg(rows(wide)), JPEGLosslessSV1),
    ):
        (path,) = save_series(tmp_path / name, wide, AFFINE, BitsStored=12, HighBit=11, RescaleIntercept=-1024)
        packed(path, stream, syntax)
        found = read_dicom(path)
        assert np.array_equal(found.voxels()[0], wide.astype(np.float32) - 1024)


def test_a_stream_with_a_sign_keeps_it_whatever_the_header_says(image: Path) -> None:
    stream = jpeg_2000(rows(HOUNSFIELD))
    packed(image, stream, JPEG2000Lossless)
    assert np.array_equal(read_dicom(image).voxels()[0], HOUNSFIELD)
    packed(image, stream, JPEG2000Lossless, PixelRepresentation=0, BitsStored=16, HighBit=15)
    found = read_dicom(image)
    assert np.array_equal(found.voxels()[0], HOUNSFIELD)
    assert "without a sign, its packed pixels are with" in found.warnings[0]


def test_a_stream_of_more_bits_than_the_header_has_room_for(image: Path) -> None:
    wide = (np.arange(16 * 12).reshape(12, 16) * 300).astype(np.uint16)
    packed(image, jpeg_ls(wide), JPEGLSLossless, BitsAllocated=8, BitsStored=8, HighBit=7, PixelRepresentation=0)
    found = read_dicom(image)
    assert np.array_equal(found.voxels()[0, :, :, 0], wide.T)
    assert "8 bits a pixel, its packed pixels 16" in found.warnings[0]


def test_unused_high_bits_are_no_values(save_series: SaveSeries, tmp_path: Path) -> None:
    overlay = (HOUNSFIELD.view(np.uint16) & 0xFFF) | (HOUNSFIELD.view(np.uint16) << 12 & 0x7000)
    save_series(tmp_path / "a", overlay.astype(np.uint16), AFFINE, BitsStored=12, HighBit=11, PixelRepresentation=1)
    assert np.array_equal(read_dicom(tmp_path / "a").voxels()[0], HOUNSFIELD)
    save_series(tmp_path / "b", overlay.astype(np.uint16), AFFINE, BitsStored=12, HighBit=11)
    assert np.array_equal(read_dicom(tmp_path / "b").voxels()[0], HOUNSFIELD.view(np.uint16) & 0xFFF)
    raised = (HOUNSFIELD << 4).view(np.uint16) | 5
    save_series(tmp_path / "c", raised, AFFINE, BitsStored=12, HighBit=15, PixelRepresentation=1)
    assert np.array_equal(read_dicom(tmp_path / "c").voxels()[0], HOUNSFIELD)


def test_run_lengths_with_unused_bits(image: Path) -> None:
    data = pydicom.dcmread(image)
    data.compress(RLELossless)
    data.save_as(image)
    found = read_dicom(image)
    assert np.array_equal(found.voxels()[0], HOUNSFIELD)
    assert found.warnings == ()


@given(
    values=st.lists(st.integers(-2048, 2047), min_size=1, max_size=20),
    junk=st.integers(0, 15),
    shift=st.integers(0, 4),
)
def test_settled_numbers_are_those_that_were_meant(values: list[int], junk: int, shift: int) -> None:
    meant = np.array(values, np.int16)
    above = np.uint16(junk << 12) if not shift else np.uint16(0)
    stored = ((meant.view(np.uint16) & 0xFFF) | above) << shift
    assert np.array_equal(settled(stored, PixelBits(16, 12, shift, signed=True)), meant)
    assert np.array_equal(settled(stored, PixelBits(16, 12, shift)), meant.view(np.uint16) & 0xFFF)


def without_syntax(path: Path) -> None:
    data = pydicom.dcmread(path)
    del data.file_meta.TransferSyntaxUID
    pydicom.dcmwrite(path, data, enforce_file_format=False, implicit_vr=False, little_endian=True)


def test_a_missing_transfer_syntax_is_found_out(image: Path) -> None:
    without_syntax(image)
    found = read_dicom(image)
    assert np.array_equal(found.voxels()[0], HOUNSFIELD)
    assert "Transfer Syntax UID is missing; Explicit VR Little Endian is taken" in found.warnings[0]


@pytest.mark.parametrize(
    ("named", "stream"),
    [
        (JPEGBaseline8Bit, jpeg_ls(TWELVE_BITS)),
        (ExplicitVRLittleEndian, lossless_jpeg(TWELVE_BITS)),
        (RLELossless, jpeg_2000(TWELVE_BITS)),
    ],
)
def test_a_wrong_transfer_syntax_is_told(image: Path, named: UID, stream: bytes) -> None:
    packed(image, stream, JPEGLSLossless)
    content = image.read_bytes()
    old, new = (uid.encode().ljust(len(JPEGLSLossless), b"\0") for uid in (JPEGLSLossless, named))
    image.write_bytes(content.replace(old, new, 1))
    found = read_dicom(image)
    assert np.array_equal(found.voxels()[0], HOUNSFIELD)
    assert "Transfer Syntax UID says" in found.warnings[0]


def test_pixels_that_are_not_packed_though_the_header_says_so(image: Path) -> None:
    data = pydicom.dcmread(image)
    content = image.read_bytes()
    short = content.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0", 1)
    image.write_bytes(short)
    found = read_dicom(image)
    assert np.array_equal(found.voxels()[0, :, :, 0], data.pixel_array.T)
    assert "not packed" in found.warnings[0]


def test_an_unknown_transfer_syntax_is_named(image: Path) -> None:
    image.write_bytes(image.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.113619.5.2\0\0", 1))
    with pytest.raises(ReadError, match=r"transfer syntax 1\.2\.840\.113619\.5\.2, which is not known; save it"):
        read_dicom(image)


COLOURS = np.broadcast_to(np.array([250, 20, 60], np.uint8), (16, 12, 1, 3)).copy()
GREY = np.arange(16 * 12, dtype=np.uint8).reshape(16, 12, 1)


@pytest.fixture
def picture(save_series: SaveSeries, tmp_path: Path) -> Path:
    """A colour picture."""
    (path,) = save_series(tmp_path / "colours", COLOURS, AFFINE)
    return path


def jpeg(pixels: NDArray[Any], bits: int = 8) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(pixels, level=98, bitspersample=bits))


def test_colours_and_greys_are_what_the_stream_has(save_series: SaveSeries, tmp_path: Path, picture: Path) -> None:
    found = read_dicom(packed(picture, jpeg(rows(GREY)), JPEGBaseline8Bit, PhotometricInterpretation="RGB"))
    assert np.abs(found.voxels()[0].astype(int) - GREY).max() <= 3
    assert "3 numbers a pixel, its packed pixels have 1" in found.warnings[0]
    (grey,) = save_series(tmp_path / "grey", GREY, AFFINE)
    found = read_dicom(packed(grey, jpeg(np.ascontiguousarray(COLOURS[:, :, 0].swapaxes(0, 1))), JPEGBaseline8Bit))
    assert np.abs(found.voxels()[:, 3, 3, 0].astype(int) - (250, 20, 60)).max() <= 3
    assert "1 numbers a pixel, its packed pixels have 3" in found.warnings[0]


@pytest.mark.parametrize(("named", "words"), [("YBR_RCT", ""), ("RGB", ""), ("YBR_FULL", "colours are YBR_FULL")])
def test_colours_that_jpeg_2000_mixes_are_told_by_its_stream(picture: Path, named: str, words: str) -> None:
    stream = jpeg_2000(np.ascontiguousarray(COLOURS[:, :, 0].swapaxes(0, 1)), 8)
    found = read_dicom(packed(picture, stream, JPEG2000Lossless, PhotometricInterpretation=named))
    assert np.array_equal(found.voxels(), np.moveaxis(COLOURS, 3, 0))
    assert words in " ".join(found.warnings)
    assert bool(words) == bool(found.warnings)


def test_jpeg_with_loss_has_the_bits_of_its_stream(save_series: SaveSeries, tmp_path: Path) -> None:
    (path,) = save_series(tmp_path / "8", GREY.astype(np.uint16), AFFINE, BitsStored=8, HighBit=7)
    found = read_dicom(packed(path, jpeg(rows(GREY)), JPEGBaseline8Bit))
    assert np.abs(found.voxels()[0].astype(int) - GREY).max() <= 3
    wide = (GREY * np.uint16(20)).astype(np.uint16)
    (path,) = save_series(tmp_path / "12", wide, AFFINE, BitsStored=12, HighBit=11)
    found = read_dicom(packed(path, jpeg(rows(wide), 12), JPEGExtended12Bit))
    assert np.abs(found.voxels()[0].astype(int) - wide).max() <= 20


@pytest.mark.parametrize("is_implicit", [True, False])
def test_another_encoding_than_the_header_names(image: Path, is_implicit: bool) -> None:
    data = pydicom.dcmread(image)
    named = ExplicitVRLittleEndian if is_implicit else ImplicitVRLittleEndian
    content, body = image.read_bytes(), io.BytesIO()
    plain = pydicom.Dataset({element.tag: element for element in data})
    pydicom.dcmwrite(body, plain, implicit_vr=is_implicit, little_endian=True, enforce_file_format=False)
    meta = content[: 144 + int.from_bytes(content[140:144], "little")]
    uid = ExplicitVRLittleEndian.encode().ljust(20, b"\0")
    image.write_bytes(meta.replace(uid, named.encode().ljust(20, b"\0")) + body.getvalue())
    found = read_dicom(image)
    assert np.array_equal(found.voxels()[0], HOUNSFIELD)
    assert f"says {named.name}, but it is encoded as" in found.warnings[0]


@pytest.mark.parametrize("with_preamble", [True, False])
def test_the_high_byte_first(image: Path, with_preamble: bool) -> None:
    data = pydicom.dcmread(image)
    data.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    data.PixelData = rows(HOUNSFIELD).astype(">i2").tobytes()
    data.BitsStored, data.HighBit = 16, 15
    plain = pydicom.Dataset({element.tag: element for element in data})
    if with_preamble:
        plain.file_meta = data.file_meta
    pydicom.dcmwrite(image, plain, implicit_vr=False, little_endian=False, enforce_file_format=with_preamble)
    assert image.read_bytes()[:4] == (bytes(4) if with_preamble else b"\0\10\0\5")
    found = read_image(image)
    assert np.array_equal(found.voxels()[0], HOUNSFIELD)
    assert found.warnings == ()


@pytest.mark.parametrize("stream", [jpeg_ls(TWELVE_BITS), jpeg_2000(TWELVE_BITS)])
def test_packed_pixels_behind_elements_without_representations(image: Path, stream: bytes) -> None:
    syntax = JPEGLSLossless if stream == jpeg_ls(TWELVE_BITS) else JPEG2000Lossless
    data = pydicom.dcmread(packed(image, stream, syntax))
    content, body = image.read_bytes(), io.BytesIO()
    pixels = data.PixelData
    plain = pydicom.Dataset({element.tag: element for element in data if element.keyword != "PixelData"})
    pydicom.dcmwrite(body, plain, implicit_vr=True, little_endian=True, enforce_file_format=False)
    meta = content[: 144 + int.from_bytes(content[140:144], "little")]
    element = struct.pack("<HHI", 0x7FE0, 0x10, 0xFFFFFFFF) + pixels + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    image.write_bytes(meta + body.getvalue() + element)
    found = read_dicom(image)
    assert np.array_equal(found.voxels()[0], HOUNSFIELD)
    assert "lack value representations" in found.warnings[0]


RED = np.arange(256, dtype=np.uint16)


def with_palette(path: Path, bits: int, scale: int, first: int = 0) -> None:
    """Three colours by number: a rising red, a falling green, and no blue."""
    data = pydicom.dcmread(path)
    data.PhotometricInterpretation = "PALETTE COLOR"
    for color, part in {"Red": RED, "Green": RED[::-1], "Blue": 0 * RED}.items():
        data.add_new(f"{color}PaletteColorLookupTableDescriptor", "US", [256, first, bits])
        entries = (part * scale).astype(f"<u{bits // 8}")
        data.add_new(f"{color}PaletteColorLookupTableData", "OW", entries.tobytes())
    data.save_as(path)


@pytest.mark.parametrize(("bits", "scale"), [(8, 1), (16, 1), (16, 256), (16, 257)])
@pytest.mark.parametrize("first", [0, 20])
def test_a_palette_gives_colours(save_series: SaveSeries, tmp_path: Path, bits: int, scale: int, first: int) -> None:
    (path,) = save_series(tmp_path / "us", GREY.astype(np.uint16), AFFINE, BitsStored=8, HighBit=7)
    with_palette(path, bits, scale, first)
    found = read_image(path)
    numbers = np.clip(GREY.astype(int) - first, 0, 255)
    assert found.is_rgb
    assert found.array.dtype == np.uint8
    assert np.array_equal(found.voxels(), np.stack([numbers, 255 - numbers, 0 * numbers]))
    assert found.warnings == ()


def test_a_palette_that_is_missing(save_series: SaveSeries, tmp_path: Path) -> None:
    (path,) = save_series(tmp_path / "us", GREY.astype(np.uint16), AFFINE, BitsStored=8, HighBit=7)
    data = pydicom.dcmread(path)
    data.PhotometricInterpretation = "PALETTE COLOR"
    data.save_as(path)
    found = read_image(path)
    assert np.array_equal(found.voxels()[0], GREY)
    assert "palette is missing or damaged" in found.warnings[0]
