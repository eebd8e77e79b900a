import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.dataelem import DataElement

from condseg_app import __version__
from condseg_app.data import AxisMap, ClassEntry, ClassTable, Geometry
from condseg_app.errors import CondsegError, GeometryError, ReadError, WriteError
from condseg_app.io import Export, Registry, export_format, read_image, read_label_map, write_export
from condseg_app.io.dicom.seg import read_dicom_seg
from condseg_app.io.dicom.seg_writer import write_dicom_seg
from condseg_app.io.dicom.series import read_dicom, source_slices

SaveSeries = Callable[..., list[Path]]
SharedData = Callable[[str], Path]
Masks = dict[str, NDArray[np.bool_]]
TURN = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
AFFINE = np.eye(4)
AFFINE[:3] = np.column_stack([TURN @ np.diag([-0.5, -0.75, 2.5]), [30.0, -12.5, 7.0]])
SHAPE = (6, 5, 4)
VOXELS = np.random.default_rng(0).integers(0, 4000, SHAPE).astype(np.int16)
LIVER = ClassEntry(7, "Leber, größer", (230, 159, 0), 0.5, terminology="SCT:10200004")
TUMOUR = ClassEntry(300, "tumour \\ " + "x" * 70, (0, 114, 178), -0.25, part_of=LIVER.name, notes="a part")
SPLEEN = ClassEntry(2, "spleen", (0, 158, 115))
CLASSES = ClassTable((LIVER, TUMOUR, SPLEEN))


def some_masks(shape: tuple[int, ...] = SHAPE) -> Masks:
    """Two classes that overlap, and one that is nowhere."""
    random = np.random.default_rng(3)
    liver = random.random(shape) < 0.5
    liver[..., 1] = False
    return {LIVER.name: liver, TUMOUR.name: liver & (random.random(shape) < 0.5), SPLEEN.name: np.zeros(shape, bool)}


@pytest.fixture
def series(save_series: SaveSeries, tmp_path: Path) -> Path:
    save_series(tmp_path / "series", VOXELS, AFFINE)
    return tmp_path / "series"


@pytest.fixture
def written(series: Path, tmp_path: Path) -> Path:
    path = tmp_path / "seg.dcm"
    source = source_slices(series)
    notes = write_dicom_seg(path, some_masks(), source.geometry, CLASSES, source, {"model": "abc", "threshold": 0.5})
    assert notes == ("no voxel is marked of spleen; left out",)
    return path


def test_what_is_written_comes_back(written: Path, series: Path) -> None:
    geometry = read_dicom(series).geometry
    found = read_dicom_seg(written, geometry)
    assert found.geometry == geometry
    assert found.classes.entries == (LIVER, TUMOUR)
    assert found.warnings == ()
    for name, mask in found.masks.items():
        assert np.array_equal(mask, some_masks()[name])


def test_the_table_of_formats_exports_and_opens_it(series: Path, tmp_path: Path) -> None:
    image, masks = read_image(series), some_masks()
    registry = Registry(classes=CLASSES, image="series", model="abc")
    form = export_format("dicom-seg")
    (path,) = write_export(form, form.named(tmp_path, "series"), Export(image, registry, masks, None))
    assert path.name == "series_seg.dcm"
    found = read_label_map(path, image)
    assert found.classes == CLASSES.keeping([LIVER.name, TUMOUR.name])
    assert np.array_equal(found.values == TUMOUR.value, masks[TUMOUR.name])
    assert np.array_equal(found.with_parts(LIVER.name), masks[LIVER.name])
    assert "overlap" in found.warnings[0]
    with pytest.raises(WriteError, match="DICOM"):
        write_export(form, tmp_path / "other.dcm", Export(replace(image, source=None), registry, masks, None))
    assert not (tmp_path / "other.dcm").exists()


def test_pydicom_finds_the_source_the_classes_and_what_made_them(written: Path, series: Path) -> None:
    data = pydicom.dcmread(written)
    first = pydicom.dcmread(series / "000.dcm")
    for keyword in ("FrameOfReferenceUID", "StudyInstanceUID", "PatientID", "PatientName"):
        assert data[keyword].value == first[keyword].value
    (referenced,) = data.ReferencedSeriesSequence
    assert referenced.SeriesInstanceUID == first.SeriesInstanceUID
    named = {item.ReferencedSOPInstanceUID for item in referenced.ReferencedInstanceSequence}
    marked = [0, 2, 3]
    assert named == {pydicom.dcmread(series / f"{k:03d}.dcm").SOPInstanceUID for k in marked}
    liver, tumour = data.SegmentSequence
    assert (liver.SegmentNumber, liver.SegmentLabel, tumour.SegmentNumber) == (1, LIVER.name, 2)
    code = liver.SegmentedPropertyTypeCodeSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("10200004", "SCT")
    own = tumour.SegmentedPropertyTypeCodeSequence[0]
    assert (own.CodeValue, own.CodingSchemeDesignator) == ("class-300", "99CONDSEG")
    algorithm = liver.SegmentationAlgorithmIdentificationSequence[0]
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("CondSeg", __version__)
    registry = json.loads(data.private_block(0x77, "CondSeg")[1].value)
    assert (registry["model"], registry["threshold"]) == ("abc", 0.5)
    assert [row["value"] for row in registry["classes"]] == [7, 300]


def test_highdicom_finds_the_same_voxels_in_space(written: Path) -> None:
    volume = highdicom.seg.segread(written).get_volume(combine_segments=False)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine
    for segment, name in enumerate((LIVER.name, TUMOUR.name)):
        there = np.argwhere(volume.array[..., segment])
        world = np.c_[there, np.ones(len(there))] @ affine.T
        expected = np.argwhere(some_masks()[name])
        grid = np.c_[expected, np.ones(len(expected))] @ AFFINE.T
        assert np.allclose(sorted(np.round(world, 4).tolist()), sorted(np.round(grid, 4).tolist()), atol=1e-3)


@settings(max_examples=20, deadline=None)
@given(orientation=st.permutations(("RL", "AP", "SI")).flatmap(lambda pairs: st.tuples(*map(st.sampled_from, pairs))))
def test_masks_on_turned_axes_land_on_the_same_voxels(save_series: SaveSeries, orientation: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_series(folder / "series", VOXELS, AFFINE)
        source = source_slices(folder / "series")
        axes = AxisMap.between(source.geometry, "".join(orientation))
        turned: Masks = {key: axes.apply(mask).astype(bool) for key, mask in some_masks().items()}
        grid = axes.geometry(source.geometry)
        write_dicom_seg(folder / "seg.dcm", turned, grid, CLASSES, source)
        straight, back = (read_dicom_seg(folder / "seg.dcm", wanted).masks for wanted in (source.geometry, grid))
    assert np.array_equal(straight[LIVER.name], some_masks()[LIVER.name])
    assert np.array_equal(back[TUMOUR.name], turned[TUMOUR.name])


def test_without_its_image_the_grid_is_the_smallest(written: Path) -> None:
    found = read_dicom_seg(written)
    assert found.geometry.shape == SHAPE  # the slice between others is empty, and kept
    assert np.allclose(found.geometry.affine, AFFINE, atol=1e-6)
    assert np.array_equal(found.masks[LIVER.name], some_masks()[LIVER.name])


def test_files_of_others_are_read_by_their_segments(written: Path, series: Path) -> None:
    data = pydicom.dcmread(written)
    del data[0x00771001], data[0x00770010]
    data.save_as(written)
    found = read_dicom_seg(written, source_slices(series).geometry)
    liver, tumour = found.classes
    assert (liver.value, liver.name, liver.terminology) == (1, LIVER.name, LIVER.terminology)
    assert (tumour.value, tumour.name[:9], tumour.terminology) == (2, "tumour xx", None)
    assert np.abs(np.subtract(liver.color, LIVER.color)).max() <= 2  # by way of CIELab
    assert np.array_equal(found.masks[liver.name], some_masks()[LIVER.name])


@pytest.mark.parametrize("content", ["{", "[]", '{"classes": [], "segments": ["a"]}', '{"classes": [{"value": -1}]}'])
def test_a_damaged_table_of_ours_is_passed_over(written: Path, content: str) -> None:
    data = pydicom.dcmread(written)
    data[0x00771001].value = content
    data.save_as(written)
    found = read_dicom_seg(written)
    assert "own class table cannot be used" in found.warnings[0]
    assert [entry.value for entry in found.classes] == [1, 2]


@pytest.mark.parametrize("kind", ["FRACTIONAL", "LABELMAP"])
def test_fractions_and_label_maps(series: Path, tmp_path: Path, kind: str) -> None:
    sources = [pydicom.dcmread(path) for path in sorted(series.iterdir())]
    for keyword in ("PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID"):
        for data in sources:
            setattr(data, keyword, "")
    amounts = np.random.default_rng(5).integers(0, 3, (4, 5, 6))
    names = ("a",) if kind == "FRACTIONAL" else ("a", "b")
    code = highdicom.sr.CodedConcept("85756007", "SCT", "Tissue")
    made = highdicom.seg.Segmentation(
        sources,
        amounts / 2 if kind == "FRACTIONAL" else amounts.astype(np.uint8),
        kind,
        [highdicom.seg.SegmentDescription(n, name, code, code, "MANUAL") for n, name in enumerate(names, 1)],
        *(highdicom.UID(), 1, highdicom.UID(), 1, "maker", "model", "1", "0"),
    )
    made.save_as(tmp_path / "other.dcm")
    found = read_dicom_seg(tmp_path / "other.dcm", source_slices(series).geometry)
    expected = amounts >= 1 if kind == "FRACTIONAL" else amounts == 1
    assert np.array_equal(found.masks["a"], expected.transpose(2, 1, 0))
    assert bool(found.warnings) == (kind == "FRACTIONAL")


def test_a_real_segmentation_lies_in_its_liver(shared_data: SharedData) -> None:
    folder = shared_data("odd_files") / "dicom"
    image = read_dicom(folder / "ct_3slice")
    found = read_dicom_seg(folder / "ct_3slice_liver_SEG.dcm", image.geometry)
    assert [(entry.name, entry.terminology) for entry in found.classes] == [("Liver", "SRT:T-62000")]
    inside = image.voxels()[0][found.masks["Liver"]]
    assert 0 < np.median(inside) < 150  # Hounsfield units of a liver
    other = read_dicom_seg(folder / "ct_3slice_liver_SEG.dcm")
    assert other.geometry.fits(image.geometry)


def test_frames_of_one_file_are_referred_to(shared_data: SharedData, tmp_path: Path) -> None:
    path = shared_data("odd_files") / "dicom" / "enhanced_multiframe.dcm"
    image, source = read_dicom(path), source_slices(path)
    mask = image.voxels()[0] > 400
    write_dicom_seg(tmp_path / "seg.dcm", {"a": mask}, image.geometry, ClassTable.from_names("a"), source)
    assert np.array_equal(read_dicom_seg(tmp_path / "seg.dcm", image.geometry).masks["a"], mask)


def test_marks_on_a_missing_slice_are_left_out_and_told(series: Path, tmp_path: Path) -> None:
    (series / "002.dcm").unlink()
    source = source_slices(series)
    masks = some_masks()
    notes = write_dicom_seg(tmp_path / "seg.dcm", masks, source.geometry, CLASSES, source)
    assert "slices that are missing (1) is left out" in notes[1]
    masks[LIVER.name][..., 2] = False
    found = read_dicom_seg(tmp_path / "seg.dcm", source.geometry)
    assert np.array_equal(found.masks[LIVER.name], masks[LIVER.name])


def test_what_cannot_be_written_is_refused(series: Path, tmp_path: Path) -> None:
    path, source = tmp_path / "seg.dcm", source_slices(series)
    with pytest.raises(WriteError, match=r"this image is none; choose \.nii\.gz"):
        write_dicom_seg(path, some_masks(), source.geometry, CLASSES, None)
    with pytest.raises(WriteError, match="nothing to write"):
        write_dicom_seg(path, {SPLEEN.name: np.zeros(SHAPE, bool)}, source.geometry, CLASSES, source)
    shifted = source.geometry.affine.copy()
    shifted[2, 3] += 1.0
    with pytest.raises(GeometryError, match="not on the grid"):
        write_dicom_seg(path, some_masks(), Geometry(SHAPE, shifted), CLASSES, source)
    with pytest.raises(GeometryError, match="shape"):
        write_dicom_seg(path, some_masks((5, 6, 4)), source.geometry, CLASSES, source)
    with pytest.raises(WriteError, match="does not exist"):
        write_dicom_seg(tmp_path / "no" / "seg.dcm", some_masks(), source.geometry, CLASSES, source)
    assert not path.exists()


@pytest.mark.parametrize("keyword", ["FrameOfReferenceUID", "StudyInstanceUID"])
def test_a_source_that_cannot_be_referred_to_is_refused(series: Path, tmp_path: Path, keyword: str) -> None:
    for file in series.iterdir():
        data = pydicom.dcmread(file)
        delattr(data, keyword)
        data.save_as(file)
    source = source_slices(series)
    with pytest.raises(WriteError, match="which DICOM SEG needs"):
        write_dicom_seg(tmp_path / "seg.dcm", some_masks(), source.geometry, CLASSES, source)


def test_a_source_without_a_patient_is_enough(save_series: SaveSeries, tmp_path: Path) -> None:
    lacking = dict.fromkeys(("PatientName", "PatientID", "StudyDate", "StudyTime"))
    save_series(tmp_path / "series", VOXELS, AFFINE, **lacking)
    source = source_slices(tmp_path / "series")
    write_dicom_seg(tmp_path / "seg.dcm", some_masks(), source.geometry, CLASSES, source)
    assert not pydicom.dcmread(tmp_path / "seg.dcm").PatientID


def test_a_source_whose_numbers_are_written_oddly_is_enough(series: Path, tmp_path: Path) -> None:
    for file in series.iterdir():
        data = pydicom.dcmread(file)
        data["PixelSpacing"] = DataElement("PixelSpacing", "LO", "0,75\\0,5")
        data.save_as(file)
    source = source_slices(series)
    write_dicom_seg(tmp_path / "seg.dcm", some_masks(), source.geometry, CLASSES, source)
    found = read_dicom_seg(tmp_path / "seg.dcm", source.geometry)
    assert np.array_equal(found.masks[LIVER.name], some_masks()[LIVER.name])


def test_frames_without_places_cannot_be_referred_to(save_series: SaveSeries, tmp_path: Path) -> None:
    (path,) = save_series(tmp_path, VOXELS[:, :, :1], AFFINE, NumberOfFrames=4, SpacingBetweenSlices=2.5)
    data = pydicom.dcmread(path)
    data.PixelData = np.ascontiguousarray(VOXELS.transpose(2, 1, 0)).tobytes()
    data.save_as(path)
    source = source_slices(path)
    with pytest.raises(WriteError, match=r"frames do not state where they lie.*choose"):
        write_dicom_seg(tmp_path / "seg.dcm", some_masks(), source.geometry, CLASSES, source)


def test_what_is_not_read(written: Path, series: Path) -> None:
    with pytest.raises(ReadError, match="is no DICOM segmentation"):
        read_dicom_seg(series / "000.dcm")
    with pytest.raises(ReadError, match="open the image, then this as its labels"):
        read_dicom(written)
    other = AFFINE.copy()
    other[0, 3] += 0.25
    with pytest.raises(GeometryError, match="open the image that it was made of"):
        read_dicom_seg(written, Geometry(SHAPE, other))
    with pytest.raises(GeometryError, match="open the image that it was made of"):
        read_dicom_seg(written, Geometry((6, 5, 3), AFFINE))


@settings(max_examples=60, deadline=None)
@given(
    cut=st.none() | st.integers(300, 6000),
    changes=st.lists(st.tuples(st.integers(300, 6000), st.integers(0, 255)), max_size=4),
)
def test_damaged_files_raise_nothing_but_sentences(
    content: bytes, cut: int | None, changes: list[tuple[int, int]]
) -> None:
    damaged = bytearray(content)
    for position, value in changes:
        damaged[position % len(damaged)] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seg.dcm"
        path.write_bytes(damaged[:cut])
        with suppress(CondsegError):
            read_dicom_seg(path)


@pytest.fixture(scope="module")
def content(save_series: SaveSeries, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("seg")
    save_series(folder / "series", VOXELS, AFFINE)
    source = source_slices(folder / "series")
    write_dicom_seg(folder / "seg.dcm", some_masks(), source.geometry, CLASSES, source)
    return (folder / "seg.dcm").read_bytes()
