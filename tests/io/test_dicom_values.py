"""Faulty values of elements: taken as they are meant, or named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from condseg_app.errors import ReadError
from condseg_app.io.dicom.series import read_dicom
from condseg_app.io.dicom.values import Oddities, numbers

SaveSeries = Callable[..., list[Path]]
AFFINE = np.array([[-0.5, 0, 0, 30.0], [0, -0.75, 0, -12.5], [0, 0, 2.5, 7.0], [0, 0, 0, 1]])
VOXELS = np.random.default_rng(0).integers(0, 4000, (6, 5, 4)).astype(np.int16)


def raw(keyword: str, value: bytes, vr: str = "DS") -> Dataset:
    """A data set with an element as it lies in a file."""
    tag = Tag(keyword)
    data = Dataset()
    data[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)
    return data


def with_value(paths: list[Path], keyword: str, value: bytes, vr: str | None = None) -> None:
    """Put bytes into an element of files, as faulty writers do."""
    for path in paths:
        data = pydicom.dcmread(path)
        tag = Tag(keyword)
        value = value.ljust((len(value) + 1) // 2 * 2)
        data._dict[tag] = RawDataElement(tag, vr or data[tag].VR, len(value), value, 0, False, True)
        data.save_as(path)


@pytest.mark.parametrize(
    "text",
    [
        b"0,75\\0,5",
        b"0.75mm\\0.5mm",
        b"0.75 mm\\0.5 mm",
        b"0.75 0.5",
        b"0.75,0.5",
        b"0.75/0.5",
        b"0.75\\0.5\\",
        b"+7,5e-1\\.5",
    ],
)
def test_pixel_spacing_is_taken_as_it_is_meant(save_series: SaveSeries, tmp_path: Path, text: bytes) -> None:
    with_value(save_series(tmp_path, VOXELS, AFFINE), "PixelSpacing", text)
    image = read_dicom(tmp_path)
    assert image.geometry.spacing == pytest.approx((0.5, 0.75, 2.5))
    assert sum("Pixel Spacing" in warning for warning in image.warnings) == 1


@pytest.mark.parametrize("text", [b"", b"unknown", b"0\\0", b"-1\\1", b"nan\\nan"])
def test_another_element_stands_in_for_pixel_spacing(save_series: SaveSeries, tmp_path: Path, text: bytes) -> None:
    paths = save_series(tmp_path, VOXELS, AFFINE, ImagerPixelSpacing=[0.6, 0.4])
    with_value(paths, "PixelSpacing", text)
    image = read_dicom(tmp_path)
    assert image.geometry.spacing == pytest.approx((0.4, 0.6, 2.5))
    assert any("on the detector" in warning for warning in image.warnings)
    assert not text or any("Pixel Spacing is" in warning for warning in image.warnings)


@pytest.mark.parametrize(
    ("keyword", "text", "words"),
    [
        ("ImagePositionPatient", b"-30\\12.5\\high", "Image Position (Patient) is '-30\\12.5\\high'"),
        ("SliceThickness", b"thin", "Slice Thickness is 'thin', which is no number"),
        ("RescaleSlope", b"1,0", "Rescale Slope is written '1,0'; 1 is taken"),
        ("RescaleSlope", b"0", "Rescale Slope is 0"),
        ("RescaleIntercept", b"-1024HU", "written '-1024HU'; -1024 is taken"),
        ("BitsStored", b"\x14\x00", "20 of 16 bits are used"),
        ("PixelRepresentation", b"\x02\x00", "Pixel Representation is 2, not 0 or 1"),
        ("PhotometricInterpretation", b"GREY", "Photometric Interpretation is 'GREY'; grey pixels are taken"),
    ],
)
def test_a_faulty_value_is_named_and_the_image_opens(
    save_series: SaveSeries, tmp_path: Path, keyword: str, text: bytes, words: str
) -> None:
    paths = save_series(tmp_path, VOXELS, AFFINE, RescaleSlope=1, RescaleIntercept=0)
    with_value(paths, keyword, text)
    image = read_dicom(tmp_path)
    assert image.geometry.shape == VOXELS.shape
    assert any(words in warning for warning in image.warnings)
    offset = -1024 if keyword == "RescaleIntercept" else 0
    assert np.array_equal(image.voxels()[0], VOXELS + offset)


@pytest.mark.parametrize(
    ("keyword", "text", "words"),
    [
        ("NumberOfFrames", b"1A", "Number of Frames is '1A', which is no whole number"),
        ("Rows", b"\0\0", "6 Columns and 0 Rows"),
        ("ImageOrientationPatient", b"1\\0\\0\\1\\0\\0", "Image Orientation is (1, 0, 0, 1, 0, 0)"),
    ],
)
def test_a_faulty_value_that_nothing_stands_in_for_is_named(
    save_series: SaveSeries, tmp_path: Path, keyword: str, text: bytes, words: str
) -> None:
    paths = save_series(tmp_path, VOXELS[:, :, :1], AFFINE, NumberOfFrames=1)
    with_value(paths, keyword, text)
    with pytest.raises(ReadError) as caught:
        read_dicom(tmp_path)
    assert words in str(caught.value)
    assert "DICOM editor" in str(caught.value)
    assert "copy it again" not in str(caught.value)


def test_another_value_representation_is_read(save_series: SaveSeries, tmp_path: Path) -> None:
    paths = save_series(tmp_path, VOXELS, AFFINE)
    with_value(paths, "PixelSpacing", np.array([0.75, 0.5]).tobytes(), "FD")
    assert read_dicom(tmp_path).geometry.spacing == pytest.approx((0.5, 0.75, 2.5))
    with_value(paths, "PixelSpacing", b"0.75\\0.5", "LO")
    assert read_dicom(tmp_path).geometry.spacing == pytest.approx((0.5, 0.75, 2.5))
    with_value(paths, "PixelSpacing", b"0.75\\0.5", "UN")
    assert read_dicom(tmp_path).geometry.spacing == pytest.approx((0.5, 0.75, 2.5))


@given(value=st.binary(max_size=30), vr=st.sampled_from(("DS", "IS", "LO", "UN", "FD", "US", "SQ", "OB")))
@example(value=b"\0\0\0\0\0\0\0\1\0\0\0\0AU\0\0", vr="SQ")  # an item with an element of no known kind
def test_no_value_raises(value: bytes, vr: str) -> None:
    odd: Oddities = []
    found: Any = numbers(raw("PixelSpacing", value, vr), "PixelSpacing", 2, odd)
    assert found is None or (len(found) == 2 and np.isfinite(found).all())
    assert all("Pixel Spacing" in sentence for sentence in odd)


@given(value=st.tuples(*[st.floats(-1e6, 1e6, allow_nan=False)] * 2))
def test_numbers_with_commas_are_the_same(value: tuple[float, float]) -> None:
    text = "\\".join(f"{part:.5f}" for part in value)
    expected = numbers(raw("PixelSpacing", text.encode()), "PixelSpacing", 2, [])
    odd: Oddities = []
    assert numbers(raw("PixelSpacing", text.replace(".", ",").encode()), "PixelSpacing", 2, odd) == expected
    assert len(odd) == 1


@pytest.mark.parametrize(
    "lacking", ["PhotometricInterpretation", "SamplesPerPixel", "PixelRepresentation", "BitsStored"]
)
def test_what_lacks_is_taken_as_it_mostly_is(save_series: SaveSeries, tmp_path: Path, lacking: str) -> None:
    stored = VOXELS.astype(np.uint16)
    save_series(tmp_path, stored, AFFINE, NumberOfFrames=0, **{lacking: None})
    assert np.array_equal(read_dicom(tmp_path).voxels()[0], stored)


def test_one_number_stands_for_both_directions(save_series: SaveSeries, tmp_path: Path) -> None:
    with_value(save_series(tmp_path, VOXELS, AFFINE), "PixelSpacing", b"0.7")
    image = read_dicom(tmp_path)
    assert image.geometry.spacing == pytest.approx((0.7, 0.7, 2.5))
    assert "one number, 0.7" in image.warnings[0]


def test_only_what_is_not_stated_is_said_to_be(save_series: SaveSeries, tmp_path: Path) -> None:
    save_series(tmp_path, VOXELS, AFFINE, ImagePositionPatient=None)
    warnings = " ".join(read_dicom(tmp_path).warnings)
    assert "orientation is not stated" not in warnings
    assert "the volume may be mirrored" in warnings


@pytest.mark.parametrize(("ratio", "is_told"), [([2, 1], True), ([1, 1], False)])
def test_pixels_that_are_not_square_and_of_no_stated_size_are_told(
    save_series: SaveSeries, tmp_path: Path, ratio: list[int], is_told: bool
) -> None:
    (path,) = save_series(tmp_path, VOXELS[..., :1], AFFINE, PixelAspectRatio=ratio)
    data = pydicom.dcmread(path)
    del data.PixelSpacing
    data.save_as(path)
    assert any("not square (Pixel Aspect Ratio 2 to 1)" in warning for warning in read_dicom(path).warnings) == is_told
