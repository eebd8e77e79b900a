import json
import pickle
import shutil
import struct
import tempfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.uid import (
    MPEG2MPML,
    ExplicitVRLittleEndian,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from condseg_app.data import AxisMap, Geometry, Image
from condseg_app.errors import CondsegError, GeometryError, ReadError
from condseg_app.io import read_image
from condseg_app.io.choices import ChoiceNeeded, Pick
from condseg_app.io.dicom.decoders import decoder_for
from condseg_app.io.dicom.files import is_dicom
from condseg_app.io.dicom.series import read_dicom, series_in, source_slices

SaveSeries = Callable[..., list[Path]]
ODD = Path(__file__).parents[3] / "shared" / "data" / "odd_files"
ENTRIES: list[dict[str, Any]] = [
    entry
    for entry in (
        json.loads((ODD / "manifest.json").read_text(encoding="utf-8"))["files"]
        if (ODD / "manifest.json").exists()
        else []
    )
    if entry["group"].startswith("dicom") and not entry["path"].endswith((".nii.gz", "_SEG.dcm"))
]
WORDS = {
    "bad_gantry_tilt": "gantry tilt",
    "bad_uneven_increment": "1 of 5 (gap between 28.1 and 38.1 mm",
    "bad_two_slices": "only two slices",
    "bad_missing_slice": "1 of 32 (gap between 15.0 and 17.0 mm",
    "bad_duplicate_slice": "duplicates at 11.0 mm",
    "bad_mixed_orientation": "holds 2 series",
    "bad_same_position": "holds 2 frames",
    "two_series_one_folder": "holds 2 series",
    "MR_truncated.dcm": "cut off",
    "no_meta.dcm": "no DICOM image",
    "badVR.dcm": "Number of Frames is '1A'",
    "rtstruct.dcm": "no pixels (RTSTRUCT)",
    "rtplan_truncated.dcm": "no pixels (RTPLAN)",
    "reportsi.dcm": "no pixels (SR)",
    "UN_sequence.dcm": "damaged",
}
AFFINE = np.array([[-0.5, 0, 0, 30.0], [0, -0.75, 0, -12.5], [0, 0, 2.5, 7.0], [0, 0, 0, 1]])
VOXELS = np.random.default_rng(0).integers(0, 4000, (6, 5, 8)).astype(np.int16)

needs_odd_files = pytest.mark.skipif(not ENTRIES, reason=f"needs the data folder {ODD}")


def refused(path: Path, pick: Pick | None = None, kind: type[CondsegError] = ReadError) -> str:
    with pytest.raises(kind) as caught:
        read_dicom(path, pick or Pick()).voxels()
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    assert ";" in sentence  # what it is; what to do
    return sentence


def standing(image: Image) -> tuple[NDArray[Any], Geometry]:
    """Voxels and grid in RAS+ order, however they lie in the file."""
    axes = AxisMap.between(image.geometry, "RAS")
    return axes.apply(image.voxels()), axes.geometry(image.geometry)


def by_simpleitk(folder: Path) -> Image:
    """A series as ITK reads it."""
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    found = reader.Execute()
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(found.GetDirection(), (3, 3)) * found.GetSpacing()
    affine[:3, 3] = found.GetOrigin()
    voxels = SimpleITK.GetArrayFromImage(found).transpose(2, 1, 0)[np.newaxis]
    return Image(voxels, Geometry(voxels.shape[1:], np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine))


@needs_odd_files
@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry["path"]) for entry in ENTRIES])
def test_odd_files_do_what_is_expected(entry: dict[str, Any]) -> None:
    path, expected = ODD / entry["path"], entry["expect"]
    words = WORDS.get(path.name)
    if path.name == "rgb_series":
        assert read_dicom(path).is_rgb  # never a volume of intensities
    elif expected.startswith(("reject", "ask_or_pick")) or path.name == "no_meta.dcm":
        assert words
        assert words in refused(path)
    else:
        assert expected.startswith("load")
        image = read_dicom(path)
        assert image.voxels().shape == (len(image.channels), *image.geometry.shape)
        assert image.voxels().dtype == image.array.dtype
        assert image.array.dtype.isnative
        assert words is None or any(words in warning for warning in image.warnings)
        assert (words is not None) == expected.startswith("load_with_warning")


@needs_odd_files
@pytest.mark.parametrize("packing", ["rle", "jpeg", "jpegls", "j2k"])
def test_packed_series_hold_the_same_as_the_reference(packing: str) -> None:
    voxels, geometry = standing(read_dicom(ODD / f"dicom/mr_compressed_{packing}"))
    expected, grid = standing(read_image(ODD / "dicom/mr_reference.nii.gz"))
    assert np.array_equal(voxels, expected)
    assert geometry.fits(grid)


@needs_odd_files
def test_labels_lie_on_their_series() -> None:
    image = read_dicom(ODD / "dicom/ct_jpeg2000_no_extension")
    labels = read_image(ODD / "dicom/ct_jpeg2000_no_extension_seg.nii.gz")
    assert standing(image)[1].fits(standing(labels)[1])


@needs_odd_files
@pytest.mark.parametrize("name", ["mr_small_series", "ct_3slice", "mr_compressed_j2k", "ct_jpeg2000_no_extension"])
def test_real_series_agree_with_itk(name: str) -> None:
    voxels, geometry = standing(read_dicom(ODD / "dicom" / name))
    expected, grid = standing(by_simpleitk(ODD / "dicom" / name))
    assert np.array_equal(voxels, expected)
    assert geometry.fits(grid)


@st.composite
def affines(draw: st.DrawFn) -> NDArray[np.float64]:
    """Any orientation, oblique or not, with its own step along each axis, anywhere; axes at right angles."""
    axes = np.eye(3)[list(draw(st.permutations(range(3))))] * draw(st.tuples(*[st.sampled_from((-1.0, 1.0))] * 3))
    axes[:, 2] *= np.linalg.det(axes)  # slices are ordered along their normal
    angle = draw(st.sampled_from((0.0, 0.2, 0.7, -1.1)))
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ axes * draw(st.tuples(*[st.sampled_from((0.0625, 0.7, 1.0, 5.0))] * 3))
    affine[:3, 3] = draw(st.tuples(*[st.integers(-900, 900)] * 3))
    return affine


@settings(max_examples=25, deadline=None)
@given(
    affine=affines(),
    shape=st.tuples(*[st.integers(2, 5)] * 2, st.integers(3, 6)),
    dtype=st.sampled_from(("u1", "i2", "u2")),
    scaling=st.sampled_from(((1, 0), (1, -1024), (2, 10), (0.5, -3.25))),
    data=st.data(),
)
def test_synthetic_series_agree_with_what_was_written_and_with_itk(
    save_series: SaveSeries,
    affine: NDArray[np.float64],
    shape: tuple[int, int, int],
    dtype: str,
    scaling: tuple[float, float],
    data: st.DataObject,
) -> None:
    stored = np.random.default_rng(7).integers(0, 255, shape).astype(dtype)
    names = [f"IM{number}" for number in data.draw(st.permutations(range(shape[2])))]
    slope, intercept = scaling
    with tempfile.TemporaryDirectory() as folder:
        elements = {"RescaleSlope": slope, "RescaleIntercept": intercept}
        save_series(Path(folder), stored, affine, names, **elements)
        image = read_dicom(Path(folder))
        # DICOM's LPS turns two axes of a RAS+ grid, so the handedness stays, and slices run along their normal.
        assert np.array_equal(image.voxels()[0], stored * float(slope) + intercept)
        assert np.allclose(image.geometry.affine, affine, rtol=0, atol=1e-6)
        assert image.warnings == ()
        other = by_simpleitk(Path(folder))
    (voxels, grid), (expected, itk_grid) = standing(image), standing(other)
    assert np.array_equal(voxels, expected)
    assert np.allclose(grid.affine, itk_grid.affine, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("dtype", "bits", "scaling", "expected"),
    [
        ("u2", 16, {}, np.uint16),
        ("u1", 8, {}, np.uint8),
        ("u2", 12, {"RescaleSlope": 1, "RescaleIntercept": -1024}, np.int16),
        ("i2", 16, {"RescaleSlope": 1, "RescaleIntercept": -1024}, np.float32),
        ("u2", 12, {"RescaleSlope": lambda k: 1 + k, "RescaleIntercept": 0}, np.float32),
        ("u4", 32, {"RescaleSlope": 0.1, "RescaleIntercept": 0}, np.float64),
    ],
)
def test_values_keep_the_narrowest_exact_type(
    save_series: SaveSeries, tmp_path: Path, dtype: str, bits: int, scaling: dict[str, Any], expected: type
) -> None:
    stored = (VOXELS % 256).astype(dtype)
    save_series(tmp_path, stored, AFFINE, BitsStored=bits, HighBit=bits - 1, **scaling)
    image = read_dicom(tmp_path)
    slope = scaling.get("RescaleSlope", 1.0)
    slopes = np.array([slope(k) if callable(slope) else slope for k in range(8)], np.float64)
    assert image.array.dtype == expected
    assert np.allclose(image.voxels()[0], stored * slopes + scaling.get("RescaleIntercept", 0), rtol=1e-6)


def test_colours(save_series: SaveSeries, tmp_path: Path) -> None:
    stored = np.random.default_rng(1).integers(0, 255, (4, 6, 3, 3)).astype(np.uint8)
    save_series(tmp_path / "together", stored, AFFINE)
    assert np.array_equal(read_dicom(tmp_path / "together").voxels(), np.moveaxis(stored, 3, 0))
    for k, path in enumerate(sorted((tmp_path / "together").iterdir())):
        data = pydicom.dcmread(path)
        data.PlanarConfiguration = 1
        data.PixelData = stored[:, :, k].transpose(2, 1, 0).tobytes()
        data.save_as(path)
    assert np.array_equal(read_dicom(tmp_path / "together").voxels(), np.moveaxis(stored, 3, 0))


def test_only_the_slices_that_are_asked_for_are_decoded(save_series: SaveSeries, tmp_path: Path) -> None:
    paths = save_series(tmp_path, VOXELS, AFFINE)
    image = read_dicom(tmp_path)
    paths[5].unlink()
    assert np.array_equal(image.array[0, 1:3, :, 2:5], VOXELS[1:3, :, 2:5])
    with pytest.raises(ReadError, match="cannot be read"):
        image.voxels()
    paths[0].unlink()
    assert image.array[0, 0, 0, 3] == VOXELS[0, 0, 3]  # kept
    with pytest.raises(ReadError):
        pickle.loads(pickle.dumps(image.array))[..., 0]  # what was decoded does not travel


def test_a_series_that_does_not_fit_into_memory_is_kept_on_disk(
    save_series: SaveSeries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = np.random.default_rng(1).integers(0, 255, (4, 6, 3, 3)).astype(np.uint8)
    save_series(tmp_path, stored, AFFINE)
    monkeypatch.setattr("condseg_app.memory.free_memory", lambda: 100)
    image = read_dicom(tmp_path)
    assert np.array_equal(image.array[1, 2:4, :, 1], stored[2:4, :, 1, 1])
    assert np.array_equal(image.voxels(), np.moveaxis(stored, 3, 0))


def test_a_folder_with_scouts_opens_as_its_volume_and_several_volumes_are_asked_for(
    save_series: SaveSeries, tmp_path: Path
) -> None:
    save_series(tmp_path / "ct", VOXELS, AFFINE)
    save_series(tmp_path / "scout", VOXELS[:, :, :4], AFFINE, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    image = read_dicom(tmp_path)
    assert image.geometry.shape == VOXELS.shape
    assert "beside it there is CT series 4 5.0 B30f, 4 slices of 6 x 5" in image.warnings[0]
    save_series(tmp_path / "other", VOXELS[:, :, :5] + 1, AFFINE, SeriesDescription="late")
    with pytest.raises(ChoiceNeeded) as caught:
        read_dicom(tmp_path)
    assert caught.value.what == "series"
    assert [text for _, text in caught.value.options][1] == "CT series 4 late, 5 slices of 6 x 5"
    for found in series_in(tmp_path):
        assert found.key in [key for key, _ in caught.value.options]
        assert read_dicom(tmp_path, Pick(series=found.key)).geometry.shape[2] == int(found.text.split(" slices")[0][-1])
    assert "holds no series 1.2.3" in refused(tmp_path, Pick(series="1.2.3"))


def test_a_file_of_a_series_is_read_alone(save_series: SaveSeries, tmp_path: Path) -> None:
    paths = save_series(tmp_path, VOXELS, AFFINE)
    image = read_dicom(paths[3])
    assert np.array_equal(image.voxels()[0], VOXELS[:, :, 3:4])
    assert np.allclose(image.geometry.affine, AFFINE + np.outer([0, 0, 7.5, 0], [0, 0, 0, 1]))


def test_volumes_at_the_same_place_are_frames(save_series: SaveSeries, tmp_path: Path) -> None:
    uid = "1.2.3.4"
    for frame in range(3):
        save_series(
            tmp_path / f"{frame}",
            VOXELS + frame,
            AFFINE,
            SeriesInstanceUID=uid,
            InstanceNumber=lambda k, frame=frame: 1 + 3 * k + frame,
            DiffusionBValue=float(1000 - 500 * frame),
        )
    with pytest.raises(ChoiceNeeded) as caught:
        read_dicom(tmp_path)
    assert caught.value.options == ((0, "b-value 0"), (1, "b-value 500"), (2, "b-value 1000"))
    assert np.array_equal(read_dicom(tmp_path, Pick(frame=0)).voxels()[0], VOXELS + 2)
    assert "0 to 2, not 3" in refused(tmp_path, Pick(frame=3))
    for path in sorted((tmp_path / "0").iterdir())[:5]:
        path.unlink()
    assert "b-value 1000, 2.5 mm apart from 19.5 to 24.5 mm, 3 slices" in refused(tmp_path)


def test_slices_beside_an_even_grid(save_series: SaveSeries, tmp_path: Path) -> None:
    def at(k: int, shift: float) -> list[float]:
        return [-30.0, 12.5, 7.0 + 2.5 * k + (shift if k == 3 else 0.0)]

    save_series(tmp_path / "near", VOXELS, AFFINE, ImagePositionPatient=lambda k: at(k, 0.1))
    assert "0.10 mm beside an even grid" in read_dicom(tmp_path / "near").warnings[0]
    save_series(tmp_path / "far", VOXELS, AFFINE, ImagePositionPatient=lambda k: at(k, 1.0))
    assert "uneven distances" in refused(tmp_path / "far", kind=GeometryError)
    save_series(tmp_path / "flat", VOXELS, AFFINE, ImagePositionPatient=lambda k: [10.0 * k, 0.0, 0.0])
    assert "beside each other" in refused(tmp_path / "flat", kind=GeometryError)


def test_a_missing_slice_is_dark_and_moves_no_other(save_series: SaveSeries, tmp_path: Path) -> None:
    paths = save_series(tmp_path, VOXELS, AFFINE)
    paths[4].unlink()
    image = read_dicom(tmp_path)
    assert np.allclose(image.geometry.affine, AFFINE)
    there = [0, 1, 2, 3, 5, 6, 7]
    assert np.array_equal(image.voxels()[0][:, :, there], VOXELS[:, :, there])
    assert (image.array[0, :, :, 4] == VOXELS[:, :, 3].min()).all()
    assert source_slices(tmp_path).slices[4] is None
    for k in (1, 2, 6):
        paths[k].unlink()
    refused(tmp_path, kind=CondsegError)


def test_a_tilted_gantry_shears_the_grid(save_series: SaveSeries, tmp_path: Path) -> None:
    sheared = AFFINE.copy()
    sheared[:3, 2] = (0.0, 0.6, 2.5)
    save_series(tmp_path, VOXELS, sheared)
    image = read_dicom(tmp_path)
    assert np.allclose(image.geometry.affine, sheared)
    assert "gantry tilt" in image.warnings[0]


def test_what_is_not_stated_is_told(save_series: SaveSeries, tmp_path: Path) -> None:
    save_series(tmp_path, VOXELS, AFFINE, ImagePositionPatient=None, ImageOrientationPatient=None, PixelSpacing=None)
    image = read_dicom(tmp_path)
    assert np.array_equal(image.voxels()[0], VOXELS)  # by instance number
    assert image.geometry.spacing == (1.0, 1.0, 2.5)
    for words in ("order of their numbers", "1 mm is taken", "left and right may be swapped"):
        assert any(words in warning for warning in image.warnings)


def test_oddities_of_pixels_are_told(save_series: SaveSeries, tmp_path: Path) -> None:
    save_series(tmp_path, VOXELS, AFFINE, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=-2000)
    image = read_dicom(tmp_path)
    assert np.array_equal(image.voxels()[0], VOXELS)
    assert any("MONOCHROME1" in warning for warning in image.warnings)
    assert any("-2000" in warning for warning in image.warnings)


def test_reports_and_damaged_files_beside_a_series_are_left_out(save_series: SaveSeries, tmp_path: Path) -> None:
    paths = save_series(tmp_path, VOXELS, AFFINE)
    paths[-1].write_bytes(paths[-1].read_bytes()[:-40])
    (tmp_path / "notes.txt").write_text("not DICOM")
    (tmp_path / ".hidden").write_bytes(paths[0].read_bytes())
    image = read_dicom(tmp_path)
    assert image.geometry.shape == (6, 5, 7)
    assert "1 of its files are left out; 007.dcm the file is cut off" in image.warnings[0]


def test_what_is_dicom(save_series: SaveSeries, save_nifti: Callable[..., Path], tmp_path: Path) -> None:
    paths = save_series(tmp_path / "patient" / "study" / "series", VOXELS, AFFINE, [f"I{k}" for k in range(8)])
    assert is_dicom(paths[0])
    assert is_dicom(paths[0].parent)
    assert is_dicom(tmp_path / "patient")
    bare = tmp_path / "bare"
    bare.write_bytes(paths[0].read_bytes()[132:])
    assert is_dicom(bare)
    assert np.array_equal(read_dicom(bare).voxels()[0], VOXELS[:, :, :1])
    assert not is_dicom(save_nifti(VOXELS))
    assert not is_dicom(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert not is_dicom(tmp_path / "empty")
    assert "holds no DICOM file" in refused(tmp_path / "empty")
    assert "no such file" in refused(tmp_path / "nowhere")
    (tmp_path / "patient" / "circle").symlink_to(tmp_path / "patient", target_is_directory=True)
    assert read_dicom(tmp_path / "patient").geometry.shape == VOXELS.shape


def multi_frame(path: Path, save_series: SaveSeries) -> None:
    """The slices of a series in one enhanced file, last first."""
    parts = [pydicom.dcmread(part) for part in save_series(path.parent / "parts", VOXELS, AFFINE)][::-1]
    data = parts[0]
    groups = []
    for part in parts:
        group = pydicom.Dataset()
        position = pydicom.Dataset()
        position.ImagePositionPatient = part.ImagePositionPatient
        group.PlanePositionSequence = [position]
        groups.append(group)
    shared, measures, orientation = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    measures.PixelSpacing, measures.SliceThickness = data.PixelSpacing, data.SliceThickness
    orientation.ImageOrientationPatient = data.ImageOrientationPatient
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    data.PerFrameFunctionalGroupsSequence, data.SharedFunctionalGroupsSequence = groups, [shared]
    data.NumberOfFrames = len(parts)
    data.PixelData = b"".join(part.PixelData for part in parts)
    del data.ImagePositionPatient, data.ImageOrientationPatient, data.PixelSpacing
    data.save_as(path)
    shutil.rmtree(path.parent / "parts")


def test_the_frames_of_one_file(save_series: SaveSeries, tmp_path: Path) -> None:
    path = tmp_path / "enhanced.dcm"
    multi_frame(path, save_series)
    image = read_dicom(path)
    assert np.array_equal(image.voxels()[0], VOXELS)
    assert np.allclose(image.geometry.affine, AFFINE)
    assert [one.frame for one in source_slices(path).slices if one] == list(range(8))[::-1]
    data = pydicom.dcmread(path)
    del data.PerFrameFunctionalGroupsSequence, data.SharedFunctionalGroupsSequence
    data.save_as(path)
    assert "holds 8 frames" in refused(path)
    assert np.array_equal(read_dicom(path, Pick(frame=7)).voxels()[0], VOXELS[:, :, :1])


def test_bombs_are_refused_at_once(save_series: SaveSeries, tmp_path: Path) -> None:
    (path,) = save_series(tmp_path, VOXELS[:, :, :1], AFFINE)
    content = path.read_bytes()
    data = pydicom.dcmread(path)
    data.Rows = data.Columns = 65535
    data.save_as(path)
    assert "cut off" in refused(path)
    data.NumberOfFrames = 10**9
    data.save_as(path)
    assert "claims 1,000,000,000 frames" in refused(path)
    deflated = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    syntax = b"1.2.840.10008.1.2.1.99"
    meta = struct.pack("<HH2sH", 2, 0x10, b"UI", len(syntax)) + syntax
    bomb = deflated.compress(bytes(1 << 26)) + deflated.flush()
    path.write_bytes(bytes(128) + b"DICM" + meta + bomb)
    assert "deflated" in refused(path)
    nested = struct.pack("<HH2sHL", 8, 0x1140, b"SQ", 0, 0xFFFFFFFF) + struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    path.write_bytes(content[:340] + nested * 3000)
    refused(path)


def test_decoders_that_abort_or_panic_are_never_chosen() -> None:
    chosen = {decoder_for(syntax) for syntax in (*JPEGTransferSyntaxes, *JPEGLSTransferSyntaxes, RLELossless)}
    assert not chosen & {"gdcm", ""}
    assert decoder_for(RLELossless) == "pydicom"
    assert decoder_for(ExplicitVRLittleEndian) == ""
    with pytest.raises(ReadError, match=r"MPEG2.*save it uncompressed"):
        decoder_for(MPEG2MPML)


@needs_odd_files
def test_a_jpeg_stream_of_another_size_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    content = (ODD / "dicom/mr_compressed_jpeg/IM-0001-0001-0001.dcm").read_bytes()
    start = content.index(b"\xff\xc3") + 5
    (tmp_path / "a.dcm").write_bytes(content[:start] + b"\xff\xff\xff\xff" + content[start + 4 :])
    refused(tmp_path / "a.dcm")


SEEDS = (
    "dicom/mr_small_series/7.dcm",
    "dicom/single/MR_small_bigendian.dcm",
    "dicom/mr_compressed_rle/IM-0001-0001-0001.dcm",
    "dicom/single/SC_rgb_jpeg_dcmtk.dcm",
)


@needs_odd_files
@settings(max_examples=80, deadline=None)
@given(
    seed=st.sampled_from(SEEDS),
    cut=st.none() | st.integers(0, 9000),
    changes=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=4),
)
def test_damaged_files_raise_nothing_but_sentences(seed: str, cut: int | None, changes: list[tuple[int, int]]) -> None:
    content = bytearray((ODD / seed).read_bytes())
    for position, value in changes:
        content[position % len(content)] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.dcm"
        path.write_bytes(content[:cut])
        with suppress(CondsegError):
            assert read_dicom(path).voxels().ndim == 4
