"""Several stacks in one series, copies of slices, and slices at odd distances."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from condseg_app.errors import GeometryError, ReadError
from condseg_app.io.choices import ChoiceNeeded, Pick
from condseg_app.io.dicom.series import read_dicom, series_in

SaveSeries = Callable[..., list[Path]]
AFFINE = np.array([[-0.5, 0, 0, 30.0], [0, -0.75, 0, -12.5], [0, 0, 2.5, 7.0], [0, 0, 0, 1]])
VOXELS = np.random.default_rng(0).integers(0, 4000, (6, 5, 8)).astype(np.int16)
UID = "1.2.3.4"


def at(start: float, step: float = 2.5) -> Callable[[int], list[float]]:
    return lambda k: [-30.0, 12.5, start + step * k]


def options(path: Path) -> dict[str, str]:
    with pytest.raises(ChoiceNeeded) as caught:
        read_dicom(path)
    assert caught.value.what == "series"
    return {str(key): text for key, text in caught.value.options}


@pytest.fixture
def two_stacks(save_series: SaveSeries, tmp_path: Path) -> Callable[..., Path]:
    """Write two stacks of one series; what is a pair of values tells them apart."""

    def save(starts: tuple[float, float], **elements: Any) -> Path:
        for number in range(2):
            own = {key: value[number] if isinstance(value, tuple) else value for key, value in elements.items()}
            own.setdefault("InstanceNumber", lambda k, number=number: 1 + k + 8 * number)
            place = at(starts[number])
            save_series(
                tmp_path / "both" / str(number),
                VOXELS + number,
                AFFINE,
                SeriesInstanceUID=UID,
                ImagePositionPatient=place,
                **own,
            )
        return tmp_path / "both"

    return save


@pytest.mark.parametrize("starts", [(7.0, 67.0), (7.0, 8.0), (7.0, 12.0), (67.0, 7.0)])
@pytest.mark.parametrize(
    ("elements", "words"),
    [
        ({"AcquisitionNumber": (1, 2)}, ("acquisition 1", "acquisition 2")),
        ({"TriggerTime": (0, 350.5)}, ("trigger time 0", "trigger time 350.5")),
        ({"EchoTime": (2.5, 80)}, ("echo time 2.5", "echo time 80")),
        ({"ContentTime": ("101010", "101212.5")}, ("content time 101010", "content time 101212.5")),
        ({"ConvolutionKernel": ("B30f", "B70f")}, ("kernel B30f", "kernel B70f")),
        ({"ImageType": (["ORIGINAL", "PRIMARY", "M"], ["ORIGINAL", "PRIMARY", "P"])}, ("'M'", "'P'")),
        ({}, ("", "")),
    ],
)
def test_passes_and_phases_are_a_choice(
    two_stacks: Callable[..., Path], starts: tuple[float, float], elements: dict[str, Any], words: tuple[str, str]
) -> None:
    path = two_stacks(starts, **elements)
    found = options(path)
    assert list(found) == [UID, f"{UID}#2"]
    for number, (key, text) in enumerate(found.items()):
        assert words[number] in text
        start = starts[number]
        assert f"2.5 mm apart from {start:.1f} to {start + 17.5:.1f} mm, 8 slices of 6 x 5" in text
        image = read_dicom(path, Pick(series=key))
        assert np.array_equal(image.voxels()[0], VOXELS + number)
        assert image.warnings == ()


def test_a_pass_that_goes_on_where_another_ends_is_the_same_volume(two_stacks: Callable[..., Path]) -> None:
    image = read_dicom(two_stacks((7.0, 27.0), AcquisitionNumber=(1, 2)))
    assert image.geometry.shape == (6, 5, 16)
    assert image.warnings == ()


@pytest.mark.parametrize(("thickness", "volumes"), [(2.5, 2), (1.25, 1)])
def test_interleaved_slices_are_one_volume_only_where_they_are_as_thin(
    two_stacks: Callable[..., Path], thickness: float, volumes: int
) -> None:
    path = two_stacks((7.0, 8.25), AcquisitionNumber=(1, 2), SliceThickness=thickness)
    assert len(series_in(path)) == volumes


def test_phases_that_two_elements_tell_apart(save_series: SaveSeries, tmp_path: Path) -> None:
    for number, (echo, kind) in enumerate([(2, "M"), (2, "P"), (4, "M"), (4, "P")]):
        own: dict[str, Any] = {"EchoTime": echo, "ImageType": ["ORIGINAL", "PRIMARY", kind]}
        save_series(tmp_path / str(number), VOXELS + number, AFFINE, SeriesInstanceUID=UID, **own)
    with pytest.raises(ChoiceNeeded) as caught:
        read_dicom(tmp_path)
    assert [text.split("'")[-2] + text.split(",")[-1] for _, text in caught.value.options] == [
        "M echo time 2",
        "M echo time 4",
        "P echo time 2",
        "P echo time 4",
    ]


def test_slices_of_other_sizes_and_patients_are_series_of_their_own(save_series: SaveSeries, tmp_path: Path) -> None:
    save_series(tmp_path / "a", VOXELS, AFFINE, SeriesInstanceUID=UID)
    save_series(tmp_path / "b", VOXELS[:4], AFFINE, SeriesInstanceUID=UID)
    save_series(tmp_path / "c", VOXELS, AFFINE, SeriesInstanceUID=UID, PatientName="Else^Some", StudyDate="20250203")
    found = list(options(tmp_path).values())
    assert len(found) == 3
    assert "of 4 x 5" in found[1]
    assert found[2].startswith("Else^Some: 20250203, CT")


def test_copies_are_dropped_with_a_word(save_series: SaveSeries, tmp_path: Path) -> None:
    paths = save_series(tmp_path / "a", VOXELS, AFFINE)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    image = read_dicom(tmp_path)
    assert np.array_equal(image.voxels()[0], VOXELS)
    assert "8 of its slices are copies of others (duplicates at 7.0 mm, 9.5 mm, 12.0 mm, ..." in image.warnings[0]
    shutil.rmtree(tmp_path / "b")
    data = pydicom.dcmread(paths[2])
    data.SOPInstanceUID += ".1"
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.InstanceNumber = 99
    data.save_as(tmp_path / "a" / "copy.dcm")
    assert "1 of its slices are copies" in read_dicom(tmp_path).warnings[0]
    data.PixelData = (VOXELS[:, :, 2].T + 1).tobytes()
    data.save_as(tmp_path / "a" / "copy.dcm")
    assert "at the same place (duplicates at 12.0 mm" in read_dicom(tmp_path).warnings[0]


def test_a_few_thick_slices_are_no_missing_ones(save_series: SaveSeries, tmp_path: Path) -> None:
    heights = [2.5 * k for k in range(12)] + [32.5, 37.5, 42.5]
    stored = np.random.default_rng(0).integers(0, 4000, (6, 5, 15)).astype(np.int16)
    save_series(tmp_path, stored, AFFINE, ImagePositionPatient=lambda k: [-30, 12.5, heights[k]])
    first, second = options(tmp_path).values()
    assert "2.5 mm apart from 0.0 to 27.5 mm, 12 slices" in first
    assert "5 mm apart from 32.5 to 42.5 mm, 3 slices" in second


def test_two_distances_are_named_and_each_part_opens(save_series: SaveSeries, tmp_path: Path) -> None:
    heights = [100, 102.5, 105, 107.5, 110, 115, 120, 125]
    save_series(tmp_path, VOXELS, AFFINE, ImagePositionPatient=lambda k: [-30, 12.5, heights[k]])
    found = options(tmp_path)
    assert "2.5 mm apart from 100.0 to 110.0 mm, 5 slices" in found[next(iter(found))]
    upper = next(key for key in found if key.endswith("#2"))
    assert "5 mm apart from 115.0 to 125.0 mm, 3 slices" in found[upper]
    image = read_dicom(tmp_path, Pick(series=upper))
    assert image.geometry.spacing[2] == pytest.approx(5)
    assert np.array_equal(image.voxels()[0], VOXELS[:, :, 5:])


def test_a_cause_is_stated_only_where_it_is_known(save_series: SaveSeries, tmp_path: Path) -> None:
    for path in save_series(tmp_path / "lacking", VOXELS, AFFINE)[1:7:2]:
        path.unlink()
    (tmp_path / "lacking" / "004.dcm").unlink()
    with pytest.raises(ReadError, match="lacks 4 of its 8 slices, by their numbers as well"):
        read_dicom(tmp_path / "lacking")
    heights = [0, 2, 7, 8, 12, 20, 21, 26]
    save_series(tmp_path / "uneven", VOXELS, AFFINE, ImagePositionPatient=lambda k: [-30, 12.5, heights[k]])
    with pytest.raises(GeometryError, match=r"uneven distances \(1 to 8 mm\)"):
        read_dicom(tmp_path / "uneven")


def test_planes_of_one_series_are_told(save_series: SaveSeries, tmp_path: Path) -> None:
    turned = [1, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, -1], [np.cos(0.35), 0, np.sin(0.35), 0, 1, 0]
    for number, directions in enumerate([[1, 0, 0, 0, 1, 0], *turned]):
        save_series(
            tmp_path / str(number),
            VOXELS[:, :, :1],
            AFFINE,
            SeriesInstanceUID=UID,
            ImageOrientationPatient=[round(float(part), 6) for part in directions],
        )
    planes = [text.split(", ")[1] for text in options(tmp_path).values()]
    assert planes == ["axial", "coronal", "sagittal", "axial tilted by 20°"]


def test_a_slice_without_a_place_is_left_out_with_a_word(save_series: SaveSeries, tmp_path: Path) -> None:
    paths = save_series(tmp_path, VOXELS, AFFINE)
    data = pydicom.dcmread(paths[3])
    del data.ImagePositionPatient
    data.save_as(paths[3])
    image = read_dicom(tmp_path)
    assert "1 of its slices do not state where they lie and are left out (003.dcm" in image.warnings[0]
    assert "missing: 1 of 8" in image.warnings[1]
    assert np.array_equal(image.voxels()[0, :, :, 4:], VOXELS[:, :, 4:])


def test_slices_without_places_go_by_their_location(save_series: SaveSeries, tmp_path: Path) -> None:
    save_series(tmp_path, VOXELS, AFFINE, ImagePositionPatient=None, SliceLocation=lambda k: -2.5 * k)
    image = read_dicom(tmp_path)
    assert np.array_equal(image.voxels()[0], VOXELS[:, :, ::-1])
    assert "order of their Slice Location" in image.warnings[0]


def test_a_distance_that_the_places_contradict_is_told(save_series: SaveSeries, tmp_path: Path) -> None:
    save_series(tmp_path / "wrong", VOXELS, AFFINE, SpacingBetweenSlices=5)
    assert read_dicom(tmp_path / "wrong").geometry.spacing[2] == pytest.approx(2.5)
    assert "says that slices are 5 mm apart, they lie 2.5 mm apart" in read_dicom(tmp_path / "wrong").warnings[0]
    save_series(tmp_path / "right", VOXELS, AFFINE, SpacingBetweenSlices=2.5)
    assert read_dicom(tmp_path / "right").warnings == ()


def test_slices_that_all_claim_one_place_go_by_their_location(save_series: SaveSeries, tmp_path: Path) -> None:
    save_series(tmp_path, VOXELS, AFFINE, ImagePositionPatient=[-30, 12.5, 7], SliceLocation=lambda k: 7 + 2.5 * k)
    image = read_dicom(tmp_path)
    assert np.array_equal(image.voxels()[0], VOXELS)
    assert np.allclose(image.geometry.affine, AFFINE)
    assert "put by their Slice Location" in image.warnings[0]
