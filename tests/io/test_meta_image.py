import contextlib
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st

from condseg_app.data import Geometry, Image, Pick
from condseg_app.errors import CondsegError, GeometryError, ReadError, WriteError
from condseg_app.io import read_image
from condseg_app.io.choices import ChoiceNeeded
from condseg_app.io.image_files import write_image

VOXELS = np.random.default_rng(0).integers(-1000, 1000, (5, 6, 4)).astype(np.int16)
DIRECTIONS = np.array([[0.0, 0.6, 0.8], [-1.0, 0.0, 0.0], [0.0, -0.8, 0.6]])
HEADER = """ObjectType = Image
NDims = 3
BinaryData = True
BinaryDataByteOrderMSB = False
CompressedData = False
TransformMatrix = 1 0 0 0 1 0 0 0 1
Offset = -30 12.5 7
ElementSpacing = 1.5 2 3
DimSize = 5 6 4
ElementType = MET_SHORT
ElementDataFile = LOCAL
"""


def by_itk(
    path: Path, voxels: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]" = VOXELS, packed: bool = False
) -> Path:
    """Written by ITK alone; its directions are in columns, in LPS."""
    image = sitk.GetImageFromArray(voxels.T)
    image.SetSpacing((1.5, 2.0, 3.0))
    image.SetOrigin((-30.0, 12.5, 7.0))
    image.SetDirection(DIRECTIONS.ravel())
    sitk.WriteImage(image, str(path), packed)
    return path


def by_hand(path: Path, header: str = HEADER, content: bytes = VOXELS.tobytes(order="F")) -> Path:
    path.write_bytes(header.encode() + content)
    return path


@pytest.mark.parametrize("suffix", [".mha", ".mhd"])
@pytest.mark.parametrize("packed", [False, True])
def test_what_itk_writes(tmp_path: Path, suffix: str, packed: bool) -> None:
    image = read_image(by_itk(tmp_path / f"a{suffix}", packed=packed))
    wanted = np.eye(4)
    wanted[:3, :3] = np.diag([-1, -1, 1]) @ DIRECTIONS * [1.5, 2.0, 3.0]
    wanted[:3, 3] = (30.0, -12.5, 7.0)
    assert np.allclose(image.geometry.affine, wanted)
    assert np.array_equal(image.voxels()[0], VOXELS)
    assert np.array_equal(image.array[0, 2, ::2, 1:], VOXELS[2, ::2, 1:])
    assert image.warnings == ()


def test_channels_and_colours(tmp_path: Path) -> None:
    array = np.stack([VOXELS, VOXELS + 1], axis=-1)
    sitk.WriteImage(sitk.GetImageFromArray(array.transpose(2, 1, 0, 3), isVector=True), str(tmp_path / "a.mha"))
    image = read_image(tmp_path / "a.mha")
    assert image.channels == ("channel 1", "channel 2")
    assert np.array_equal(image.voxels(), np.moveaxis(array, -1, 0))
    assert np.array_equal(read_image(tmp_path / "a.mha", Pick(channel="channel 2")).voxels()[0], VOXELS + 1)
    bright = np.abs(np.stack([VOXELS] * 3, axis=-1)).astype(np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(bright.transpose(2, 1, 0, 3), isVector=True), str(tmp_path / "b.mha"))
    assert read_image(tmp_path / "b.mha").is_rgb


def test_points_in_time_are_chosen(tmp_path: Path) -> None:
    header = HEADER.replace("NDims = 3", "NDims = 4").replace("DimSize = 5 6 4", "DimSize = 5 6 4 2")
    header = header.replace("1 0 0 0 1 0 0 0 1", " ".join(str(x) for x in np.eye(4, dtype=int).ravel()))
    header = header.replace("-30 12.5 7", "-30 12.5 7 0").replace("1.5 2 3", "1.5 2 3 1")
    both = VOXELS.tobytes(order="F") + (VOXELS + 1).tobytes(order="F")
    path = by_hand(tmp_path / "a.mha", header, both)
    with pytest.raises(ChoiceNeeded, match="2 frames"):
        read_image(path)
    image = read_image(path, Pick(frame=1))
    assert np.array_equal(image.voxels()[0], VOXELS + 1)
    assert image.geometry.spacing == (1.5, 2.0, 3.0)


@pytest.mark.parametrize("skip", [0, 11, -1])
def test_big_endian_voxels_behind_a_header_of_their_own(tmp_path: Path, skip: int) -> None:
    (tmp_path / "a.raw").write_bytes(b"x" * (11 if skip else 0) + VOXELS.astype(">i2").tobytes(order="F"))
    header = HEADER.replace("MSB = False", "MSB = True").replace("LOCAL", "a.raw")
    header = header.replace("ElementType", f"HeaderSize = {skip}\nElementType")
    assert np.array_equal(read_image(by_hand(tmp_path / "a.mhd", header, b"")).voxels()[0], VOXELS)


@pytest.mark.parametrize("name", ["../a.raw", "/etc/passwd", "..\\a.raw"])
def test_a_file_of_another_folder_is_never_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "a.raw").write_bytes(VOXELS.tobytes(order="F"))
    with pytest.raises(ReadError, match="outside of its folder"):
        read_image(by_hand(tmp_path / "in" / "a.mhd", HEADER.replace("LOCAL", name), b""))


def test_without_directions_orientation_is_not_stated(tmp_path: Path) -> None:
    lines = [line for line in HEADER.splitlines(keepends=True) if not line.startswith("TransformMatrix")]
    image = read_image(by_hand(tmp_path / "a.mha", "".join(lines)))
    assert "orientation is not stated" in image.warnings[0]
    assert image.geometry.orientation == "LPS"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("DimSize = 5 6 4", "DimSize = 5000 6000 4000", "claims"),
        ("DimSize = 5 6 4", "DimSize = 5 6", "impossible"),
        ("DimSize = 5 6 4", "DimSize = 5 -6 4", "impossible"),
        ("DimSize = 5 6 4", "DimSize = 5 inf 4", "impossible"),
        ("DimSize = 5 6 4", "DimSize = 50 1 1", "row of numbers"),
        ("DimSize = 5 6 4", "DimSize = five", "no list of numbers"),
        ("NDims = 3", "NDims = 30", "impossible"),
        ("NDims = 3", "NDims = x", "no whole number"),
        ("MET_SHORT", "MET_STRING", "type 'MET_STRING'"),
        ("Offset = -30", "Offset = x", "no list of numbers"),
        ("Offset = -30", "Offset = 1 -30", "do not go with"),
        ("BinaryData = True", "BinaryData = False", "as text"),
        ("LOCAL", "LIST", "several files"),
        ("LOCAL", "a%02d.raw 1 4 1", "several files"),
        ("LOCAL", "missing.raw", "missing.raw is missing"),
        ("ElementType", "ElementNumberOfChannels = 0\nElementType", "0 channels"),
        ("ElementType", "ElementNumberOfChannels = x\nElementType", "no whole number"),
        ("ElementDataFile = LOCAL\n", "", "no end"),
        ("CompressedData = False", "CompressedData = True", "cut off or damaged"),
    ],
)
def test_headers_that_cannot_be_used_are_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = by_hand(tmp_path / "a.mha", HEADER.replace(old, new))
    with pytest.raises(ReadError, match=words) as caught:
        read_image(path)
    assert caught.value.path == path


@pytest.mark.parametrize("matrix", ["0 0 0 0 1 0 0 0 1", "1 0 0 1 0 0 0 0 1", "nan 0 0 0 1 0 0 0 1"])
def test_directions_that_cannot_be_used_leave_the_sizes(tmp_path: Path, matrix: str) -> None:
    broken = HEADER.replace("1 0 0 0 1 0 0 0 1", matrix)
    image = read_image(by_hand(tmp_path / "a.mha", broken))
    assert image.geometry.spacing == (1.5, 2.0, 3.0)
    assert "TransformMatrix cannot be used" in image.warnings[0]
    assert "left and right may be swapped" in image.warnings[1]
    with pytest.raises(GeometryError, match="affine"):
        read_image(by_hand(tmp_path / "a.mha", broken.replace("1.5 2 3", "0 2 3")))


@pytest.mark.parametrize("there", [0, 100])
def test_packed_voxels_that_are_too_few_are_refused(tmp_path: Path, there: int) -> None:
    header = HEADER.replace("CompressedData = False", "CompressedData = True")
    content = zlib.compress(VOXELS.tobytes(order="F")[:there])
    with pytest.raises(ReadError, match=f"cut off: {there} of 240 bytes"):
        read_image(by_hand(tmp_path / "a.mha", header, content))


def test_what_it_cannot_hold_is_refused(tmp_path: Path) -> None:
    geometry = Geometry.with_spacing((5, 6, 4), (1, 1, 1))
    colours = Image(np.zeros((3, 5, 6, 4), np.uint8), geometry, channels=("a", "b", "c"))
    for image, words in ((colours, "one channel"), (Image(np.zeros((1, 5, 6, 4), np.float16), geometry), "float16")):
        with pytest.raises(WriteError, match=words):
            write_image(tmp_path / "a.mha", image)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return by_hand(tmp_path_factory.mktemp("mha") / "a.mha")


@settings(deadline=None, max_examples=150)
@given(place=st.integers(0, len(HEADER) + 20), value=st.integers(0, 255))
def test_no_byte_leads_to_anything_but_an_image_or_a_sentence(sample: Path, place: int, value: int) -> None:
    content = bytearray(sample.read_bytes())
    content[place] = value
    path = sample.with_name("mutant.mha")
    path.write_bytes(bytes(content))
    with contextlib.suppress(CondsegError):
        read_image(path).voxels()
