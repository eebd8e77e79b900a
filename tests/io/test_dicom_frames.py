"""Files of many frames without places of their own, and pictures that are more than one slice."""

import gzip
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from condseg_app.errors import ReadError
from condseg_app.io.choices import ChoiceNeeded, Pick
from condseg_app.io.dicom.series import read_dicom, series_in

SaveSeries = Callable[..., list[Path]]
AFFINE = np.array([[-0.5, 0, 0, 30.0], [0, -0.75, 0, -12.5], [0, 0, 2.5, 7.0], [0, 0, 0, 1]])
VOXELS = np.random.default_rng(0).integers(0, 4000, (6, 5, 8)).astype(np.int16)
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7.3"


@pytest.fixture
def save_frames(save_series: SaveSeries, tmp_path: Path) -> Callable[..., Path]:
    """Write one file of many frames without functional groups; `None` removes an element."""

    def save(stored: NDArray[Any] = VOXELS, **elements: object) -> Path:
        (path,) = save_series(tmp_path / "frames", stored[:, :, :1], AFFINE)
        data = pydicom.dcmread(path)
        data.NumberOfFrames = stored.shape[2]
        data.PixelData = np.ascontiguousarray(stored.transpose(2, 1, 0)).tobytes()
        for keyword, value in elements.items():
            if value is None:
                delattr(data, keyword)
            else:
                setattr(data, keyword, value)
        data.save_as(path)
        return path

    return save


def detector(**elements: object) -> list[Dataset]:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return [item]


PLACE = {"ImagePositionPatient": [-30, 12.5, 7], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
NO_PLACE = {"ImagePositionPatient": None, "ImageOrientationPatient": None}
NUCLEAR: dict[str, object] = {
    **NO_PLACE,
    "Modality": "NM",
    "ImageType": ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"],
    "FrameIncrementPointer": 0x00540080,
    "DetectorInformationSequence": detector(**PLACE),
}


@pytest.mark.parametrize("apart", [2.5, -2.5])
def test_a_reconstructed_spect_is_a_volume(save_frames: Callable[..., Path], apart: float) -> None:
    vector = list(range(1, 9))
    image = read_dicom(save_frames(**NUCLEAR, SpacingBetweenSlices=apart, SliceVector=vector, NumberOfSlices=8))
    expected = VOXELS if apart > 0 else VOXELS[:, :, ::-1]
    assert np.array_equal(image.voxels()[0], expected)
    first = 7.0 if apart > 0 else 7.0 - 7 * 2.5
    assert np.allclose(image.geometry.affine, AFFINE + np.outer([0, 0, first - 7, 0], [0, 0, 0, 1]))
    assert image.warnings == ()


def test_a_spect_without_vectors_or_place_is_a_volume_with_a_warning(save_frames: Callable[..., Path]) -> None:
    elements = {**NUCLEAR, "DetectorInformationSequence": detector()}
    image = read_dicom(save_frames(**elements, SpacingBetweenSlices=2.5, NumberOfSlices=8))
    assert image.geometry.shape == VOXELS.shape
    assert any("orientation is not stated" in warning for warning in image.warnings)


def test_gated_spect_is_a_volume_at_each_time(save_frames: Callable[..., Path]) -> None:
    elements = {**NUCLEAR, "ImageType": ["ORIGINAL", "PRIMARY", "RECON GATED TOMO", "EMISSION"]}
    elements |= {"FrameIncrementPointer": [0x00540060, 0x00540070, 0x00540080], "RRIntervalVector": [1] * 8}
    elements |= {"TimeSlotVector": [1] * 4 + [2] * 4, "SliceVector": [1, 2, 3, 4] * 2, "SpacingBetweenSlices": 2.5}
    path = save_frames(**elements)
    with pytest.raises(ChoiceNeeded) as caught:
        read_dicom(path)
    assert caught.value.options == ((0, "time slot 1"), (1, "time slot 2"))
    image = read_dicom(path, Pick(frame=1))
    assert np.array_equal(image.voxels()[0], VOXELS[:, :, 4:])
    assert image.geometry.spacing == pytest.approx((0.5, 0.75, 2.5))


def test_views_of_a_camera_are_no_slices(save_frames: Callable[..., Path]) -> None:
    elements = {**NUCLEAR, "ImageType": ["ORIGINAL", "PRIMARY", "WHOLE BODY", "EMISSION"]}
    elements |= {"DetectorVector": [1] * 4 + [2] * 4, "PhaseVector": [1, 2, 3, 4] * 2}
    with pytest.raises(ChoiceNeeded) as caught:
        read_dicom(save_frames(**elements))
    assert caught.value.options[5] == (5, "detector 2, phase 2")


def test_frames_that_share_a_distance_are_slices(save_frames: Callable[..., Path]) -> None:
    for elements in (
        {"SpacingBetweenSlices": 2.5},  # cone-beam CT and the like
        {**NO_PLACE, "SOPClassUID": SECONDARY_CAPTURE, "Modality": "OT"},  # Slice Thickness of 2.5
    ):
        image = read_dicom(save_frames(**elements))
        assert np.array_equal(image.voxels()[0], VOXELS)
        assert image.geometry.spacing == pytest.approx((0.5, 0.75, 2.5))
        assert any("taken as slices 2.5 mm apart, in their order" in warning for warning in image.warnings)


def test_frames_go_by_their_place_in_the_stack(save_frames: Callable[..., Path]) -> None:
    groups = []
    for number in range(8):
        content, group = Dataset(), Dataset()
        content.StackID, content.InStackPositionNumber = "1", 8 - number
        group.FrameContentSequence = [content]
        groups.append(group)
    image = read_dicom(save_frames(SpacingBetweenSlices=2.5, PerFrameFunctionalGroupsSequence=groups))
    assert np.array_equal(image.voxels()[0], VOXELS[:, :, ::-1])


def test_frames_with_a_distance_and_times_may_be_either(save_frames: Callable[..., Path]) -> None:
    path = save_frames(Modality="US", SpacingBetweenSlices=2.5, FrameTime=40, FrameIncrementPointer=0x00181063)
    with pytest.raises(ChoiceNeeded) as caught:
        read_dicom(path)
    (in_time, text), (in_space, other) = caught.value.options
    assert "in time, 8 frames" in text
    assert "in space, 8 slices" in other
    assert np.array_equal(read_dicom(path, Pick(series=str(in_space))).voxels()[0], VOXELS)
    with pytest.raises(ChoiceNeeded, match="holds 8 frames"):
        read_dicom(path, Pick(series=str(in_time)))
    assert np.array_equal(read_dicom(path, Pick(series=str(in_time), frame=3)).voxels()[0], VOXELS[:, :, 3:4])


def test_films_are_frames_in_time(save_frames: Callable[..., Path]) -> None:
    path = save_frames(Modality="XA", FrameTime=40, FrameIncrementPointer=0x00181063)
    with pytest.raises(ChoiceNeeded, match="holds 8 frames"):
        read_dicom(path)
    assert read_dicom(path, Pick(frame=2)).geometry.orientation == "LPS"


@pytest.mark.parametrize("offsets", [[2.5 * n for n in range(8)], [7 + 2.5 * n for n in range(8)]])
def test_doses_lie_by_their_offsets_and_are_in_gray(save_frames: Callable[..., Path], offsets: list[float]) -> None:
    image = read_dicom(save_frames(Modality="RTDOSE", GridFrameOffsetVector=offsets, DoseGridScaling=0.01))
    assert np.allclose(image.voxels()[0], VOXELS * 0.01)
    assert np.allclose(image.geometry.affine, AFFINE)


def test_ultrasound_volumes_lie_before_the_probe(save_frames: Callable[..., Path]) -> None:
    path = save_frames(**NO_PLACE, Modality="US")
    data = pydicom.dcmread(path)
    groups, shared = [], Dataset()
    for number in range(8):
        place, group = Dataset(), Dataset()
        place.ImagePositionVolume = [0, 0, 0.4 * number]
        group.PlanePositionVolumeSequence = [place]
        groups.append(group)
    shared.PlaneOrientationVolumeSequence = detector(ImageOrientationVolume=[1, 0, 0, 0, 1, 0])
    data.PerFrameFunctionalGroupsSequence, data.SharedFunctionalGroupsSequence = groups, [shared]
    data.save_as(path)
    image = read_dicom(path)
    assert image.geometry.spacing == pytest.approx((0.5, 0.75, 0.4))
    assert "before the probe" in image.warnings[0]


def test_a_calibrated_ultrasound_picture_has_its_sizes(save_series: SaveSeries, tmp_path: Path) -> None:
    region = detector(PhysicalUnitsXDirection=3, PhysicalUnitsYDirection=3, PhysicalDeltaX=0.02, PhysicalDeltaY=0.03)
    save_series(tmp_path, VOXELS[:, :, :1], AFFINE, PixelSpacing=None, SequenceOfUltrasoundRegions=region)
    assert read_dicom(tmp_path).geometry.spacing[:2] == pytest.approx((0.2, 0.3))


def as_mosaic(voxels: NDArray[Any], side: int) -> NDArray[Any]:
    """Slices (I, J, K) side by side as one (I, J, 1)."""
    i, j, k = voxels.shape
    picture = np.zeros((i * side, j * side, 1), voxels.dtype)
    for n in range(k):
        column, row = n % side * i, n // side * j
        picture[column : column + i, row : row + j, 0] = voxels[:, :, n]
    return picture


def corner_of(side: int) -> list[float]:
    """Where Siemens puts the corner of a mosaic of these slices: as if the first one were as large, in its middle."""
    return [-30 - 0.5 * 6 * (side - 1) / 2, 12.5 - 0.75 * 5 * (side - 1) / 2, 7.0]


def csa(**tags: list[str]) -> bytes:
    """Siemens' own header (CSA2) with some tags."""
    found = b"SV10\4\3\2\1" + struct.pack("<II", len(tags), 77)
    for name, items in tags.items():
        found += struct.pack("<64si4siii", name.encode(), len(items), b"FD", 0, len(items), 77)
        for item in items:
            text = item.encode() + b"\0"
            found += struct.pack("<4i", 0, len(text), 77, 0) + text.ljust((len(text) + 3) // 4 * 4, b"\0")
    return found


MOSAIC: dict[str, object] = {
    "Modality": "MR",
    "ImagePositionPatient": corner_of(3),
    "SpacingBetweenSlices": 2.5,
}


def test_a_mosaic_is_a_volume(save_series: SaveSeries, tmp_path: Path) -> None:
    (path,) = save_series(tmp_path, as_mosaic(VOXELS, 3), AFFINE, **MOSAIC, ImageType=["ORIGINAL", "PRIMARY", "MOSAIC"])
    image = read_dicom(path)
    assert image.geometry.shape == (18, 15, 1)
    assert "a mosaic" in image.warnings[0]
    data = pydicom.dcmread(path)
    data.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", 8)
    data.save_as(path)
    image = read_dicom(path)
    assert np.array_equal(image.voxels()[0], VOXELS)
    assert np.array_equal(image.array[0, :, :, 5], VOXELS[:, :, 5])
    assert np.allclose(image.geometry.affine, AFFINE)
    assert "order of its slices" in image.warnings[0]


@pytest.mark.parametrize("turned", [1, -1])
def test_a_mosaic_that_only_siemens_own_header_tells(save_series: SaveSeries, tmp_path: Path, turned: int) -> None:
    header = csa(NumberOfImagesInMosaic=["8"], SliceNormalVector=["0.0", "0.0", f"{turned}.0"])
    for time in range(2):
        (path,) = save_series(
            tmp_path / str(time),
            as_mosaic(VOXELS + time, 3),
            AFFINE,
            **MOSAIC,
            SeriesInstanceUID="1.2",
            AcquisitionNumber=time,
        )
        data = pydicom.dcmread(path)
        data.private_block(0x0029, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", header)
        data.save_as(path)
    with pytest.raises(ChoiceNeeded) as caught:
        read_dicom(tmp_path)
    assert caught.value.options == ((0, "acquisition 0"), (1, "acquisition 1"))
    image = read_dicom(tmp_path, Pick(frame=1))
    assert np.array_equal(image.voxels()[0], VOXELS[:, :, ::turned] + 1)
    assert image.geometry.affine[2, 3] == pytest.approx(7.0 if turned > 0 else 7.0 - 7 * 2.5)
    assert image.warnings == ()


def test_real_mosaics_lie_where_nibabel_has_them(tmp_path: Path) -> None:
    packed = Path(nibabel.__file__).parent / "nicom" / "tests" / "data" / "siemens_dwi_0.dcm.gz"
    if not packed.exists():
        pytest.skip("nibabel was installed without its tests")
    path = tmp_path / "mosaic.dcm"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nibabel's words on its own reader, one at the import
        from nibabel.nicom.dicomwrappers import wrapper_from_file

        other = wrapper_from_file(path)
    image = read_dicom(path)
    assert image.geometry.shape == (128, 128, 48)
    assert np.array_equal(image.voxels()[0], np.swapaxes(other.get_data(), 0, 1))
    assert np.allclose(image.geometry.affine, np.diag([-1, -1, 1, 1]) @ other.affine[:, [1, 0, 2, 3]], atol=1e-4)


@pytest.mark.parametrize("header", [b"", b"SV10", b"SV10\4\3\2\1\xff\xff\xff\xff", b"\5\0\0\0" * 30])
def test_a_damaged_header_of_siemens_is_passed_over(save_series: SaveSeries, tmp_path: Path, header: bytes) -> None:
    (path,) = save_series(tmp_path, VOXELS[:, :, :1], AFFINE, Modality="MR")
    data = pydicom.dcmread(path)
    data.private_block(0x0029, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", header)
    data.save_as(path)
    assert read_dicom(path).geometry.shape == (6, 5, 1)


def test_tiles_of_a_whole_slide_are_no_slices(save_frames: Callable[..., Path]) -> None:
    tiled = {"DimensionOrganizationType": "TILED_FULL", "TotalPixelMatrixColumns": 24, "TotalPixelMatrixRows": 10}
    for elements in (tiled, {**tiled, "DimensionOrganizationType": "TILED_SPARSE"}):
        with pytest.raises(ReadError, match=r"24 x 10 pixels in 8 tiles.*convert it"):
            read_dicom(save_frames(**elements))


def test_pictures_of_screens_say_so(save_series: SaveSeries, tmp_path: Path) -> None:
    elements = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", **NO_PLACE}
    save_series(tmp_path / "a", VOXELS[:, :, :1], AFFINE, **elements)
    save_series(tmp_path / "b", VOXELS[:, :, :1], AFFINE, ImageType=["DERIVED", "SECONDARY", "SCREEN SAVE"])
    for name in "ab":
        assert any("secondary capture" in warning for warning in read_dicom(tmp_path / name).warnings)
    save_series(tmp_path / "c", VOXELS, AFFINE, SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    assert read_dicom(tmp_path / "c").warnings == ()
    assert [found.is_volume for found in series_in(tmp_path / "c")] == [True]
