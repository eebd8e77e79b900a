import contextlib
from pathlib import Path
from typing import Any

import nrrd
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from condseg_app.data import ClassEntry, ClassTable, Geometry, LabelMap, Pick
from condseg_app.errors import CondsegError, GeometryError, ReadError, WriteError
from condseg_app.io import describe, read_image, read_label_map, write_label_map, write_overlapping_masks
from condseg_app.io.choices import ChoiceNeeded

VOXELS = np.random.default_rng(0).integers(-1000, 1000, (5, 6, 4)).astype(np.int16)
DIRECTIONS = np.array([[2.0, 0.1, 0], [-0.1, 2.0, 0], [0, 0, 3.5]])
ORIGIN = np.array([-30.0, 12.5, 7.0])
LPS: dict[str, Any] = {"space": "left-posterior-superior", "space directions": DIRECTIONS, "space origin": ORIGIN}
TABLE = ClassTable(
    (
        ClassEntry(3, "Größe | liver", (1, 128, 255), terminology="SCT:10200004"),
        ClassEntry(300, "spleen", (200, 100, 0)),
    )
)


def save(path: Path, array: NDArray[Any] = VOXELS, **header: Any) -> Path:
    """Written by pynrrd alone, so that nothing is read back by the code that wrote it."""
    nrrd.write(str(path), array, {**LPS, **header})
    return path


def replaced(path: Path, old: bytes, new: bytes) -> Path:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    return path


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2"])
@pytest.mark.parametrize("endian", ["little", "big"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.int64, np.float32, np.float64])
def test_values_type_and_place_are_those_of_the_file(
    tmp_path: Path, encoding: str, endian: str, dtype: type[np.generic]
) -> None:
    array = np.abs(VOXELS % 200).astype(dtype)
    path = save(tmp_path / "a.nrrd", array, encoding=encoding, endian=endian)
    image = read_image(path)
    assert np.array_equal(image.voxels()[0], array)
    assert image.voxels().dtype == dtype
    assert image.geometry.orientation == "LPS"
    assert np.allclose(image.geometry.affine[:3, 3], ORIGIN * (-1, -1, 1))
    assert np.allclose(image.geometry.affine[:3, :3], DIRECTIONS.T * [[-1], [-1], [1]])
    assert (image.name, image.channels, image.warnings) == ("a", ("intensity",), ())


@pytest.mark.parametrize(
    ("space", "orientation"),
    [
        ("right-anterior-superior", "RAS"),
        ("RAS", "RAS"),
        ("left-anterior-superior", "LAS"),
        ("LAS", "LAS"),
        ("left-posterior-superior", "LPS"),
        ("LPS", "LPS"),
    ],
)
def test_spaces_in_full_and_in_short(tmp_path: Path, space: str, orientation: str) -> None:
    path = save(tmp_path / "a.nrrd", space=space, **{"measurement frame": np.eye(3)[::-1]})
    assert read_image(path).geometry.orientation == orientation


def test_a_measurement_frame_changes_nothing(tmp_path: Path) -> None:
    plain = read_image(save(tmp_path / "a.nrrd"))
    framed = read_image(save(tmp_path / "b.nrrd", **{"measurement frame": 7 * np.eye(3)[::-1]}))
    assert framed.geometry == plain.geometry
    assert np.array_equal(framed.voxels(), plain.voxels())


def test_without_a_space_orientation_is_not_stated(tmp_path: Path) -> None:
    nrrd.write(str(tmp_path / "a.nrrd"), VOXELS, {"spacings": [1.5, 2.0, 3.0]})
    image = read_image(tmp_path / "a.nrrd")
    assert image.geometry.spacing == (1.5, 2.0, 3.0)
    assert "orientation is not stated" in image.warnings[0]


def test_a_header_with_a_file_of_its_own_folder(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nhdr")
    assert (tmp_path / "a.raw.gz").exists()
    assert np.array_equal(read_image(path).voxels()[0], VOXELS)
    (tmp_path / "a.raw.gz").unlink()
    with pytest.raises(ReadError, match=r"a\.raw\.gz is missing"):
        read_image(path)


@pytest.mark.parametrize("name", ["../a.raw", "/etc/passwd", "sub/a.raw", "..\\a.raw", "C:\\a.raw", ".."])
def test_a_file_of_another_folder_is_never_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "in" / "sub"):
        (folder / "a.raw").write_bytes(VOXELS.tobytes(order="F"))
    path = save(tmp_path / "in" / "a.nhdr", encoding="raw")
    replaced(path, b"data file: a.raw", b"data file: " + name.encode())
    with pytest.raises(ReadError, match="outside of its folder"):
        read_image(path)


def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = save(tmp_path / "in" / "a.nhdr", encoding="raw")
    (tmp_path / "in" / "a.raw").rename(tmp_path / "a.raw")
    (tmp_path / "in" / "a.raw").symlink_to(tmp_path / "a.raw")
    with pytest.raises(ReadError, match="missing"):
        read_image(path)


@pytest.mark.parametrize("name", ["LIST", "a%03d.raw 1 3 1"])
def test_several_files_are_refused(tmp_path: Path, name: str) -> None:
    path = replaced(save(tmp_path / "a.nhdr"), b"data file: a.raw.gz", b"data file: " + name.encode())
    with pytest.raises(ReadError, match="several files"):
        read_image(path)


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
def test_channels_first_or_last(tmp_path: Path, encoding: str) -> None:
    array = np.stack([VOXELS, VOXELS + 1, VOXELS * 2])
    none = np.full((1, 3), np.nan)
    first: dict[str, Any] = {
        "kinds": ["list", "domain", "domain", "domain"],
        "space directions": np.vstack([none, DIRECTIONS]),
    }
    last: dict[str, Any] = {
        "kinds": ["domain", "domain", "domain", "list"],
        "space directions": np.vstack([DIRECTIONS, none]),
    }
    images = [
        read_image(save(tmp_path / "a.nrrd", array, encoding=encoding, **first)),
        read_image(save(tmp_path / "b.nrrd", np.moveaxis(array, 0, -1), encoding=encoding, **last)),
    ]
    for image in images:
        assert image.channels == ("channel 1", "channel 2", "channel 3")
        assert np.array_equal(image.voxels(), array)
        assert np.array_equal(image.array[1:, 2, 1:3, ::2], array[1:, 2, 1:3, ::2])
    one = read_image(tmp_path / "a.nrrd", Pick(channel="channel 2"))
    assert one.channels == ("channel 2",)
    assert np.array_equal(one.voxels()[0], array[1])
    with pytest.raises(ReadError, match="no channel 'red'"):
        read_image(tmp_path / "a.nrrd", Pick(channel="red"))


def test_colours(tmp_path: Path) -> None:
    array = np.abs(np.stack([VOXELS, VOXELS + 1, VOXELS * 2])).astype(np.uint8)
    directions = np.vstack([np.full((1, 3), np.nan), DIRECTIONS])
    kinds = ["RGB-color", "domain", "domain", "domain"]
    assert read_image(save(tmp_path / "a.nrrd", array, kinds=kinds, **{"space directions": directions})).is_rgb


def test_points_in_time_are_chosen(tmp_path: Path) -> None:
    array = np.stack([VOXELS, VOXELS + 1], axis=3)
    directions = np.vstack([DIRECTIONS, np.full((1, 3), np.nan)])
    header: dict[str, Any] = {"kinds": ["domain", "domain", "domain", "time"], "space directions": directions}
    path = save(tmp_path / "a.nrrd", array, **header)
    with pytest.raises(ChoiceNeeded, match="holds 2 frames"):
        read_image(path)
    assert np.array_equal(read_image(path, Pick(frame=1)).voxels()[0], VOXELS + 1)
    with pytest.raises(ReadError, match="no frame 2"):
        read_image(path, Pick(frame=2))


@pytest.mark.parametrize(("unit", "found", "factor"), [("mm", "mm", 1), ("um", "µm", 1), ("cm", "mm", 10)])
def test_units(tmp_path: Path, unit: str, found: str, factor: float) -> None:
    header: dict[str, Any] = {"space units": [unit] * 3}
    geometry = read_image(save(tmp_path / "a.nrrd", **header)).geometry
    assert geometry.unit == found
    assert np.allclose(geometry.spacing, np.linalg.norm(DIRECTIONS, axis=1) * factor)


def test_a_picture_is_read_as_one_slice(tmp_path: Path) -> None:
    nrrd.write(str(tmp_path / "a.nrrd"), VOXELS[..., 0], {"spacings": [1.5, 2.0]})
    assert read_image(tmp_path / "a.nrrd").geometry.shape == (5, 6, 1)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"sizes: 5 6 4", b"sizes: 50000 60000 40000", "claims"),
        (b"sizes: 5 6 4", b"sizes: -5 6 4", "impossible"),
        (b"sizes: 5 6 4", b"sizes: 5 6", "impossible"),
        (b"type: int16", b"type: block", "type 'block'"),
        (b"encoding: raw", b"encoding: hex", "encoded as 'hex'"),
        (b"endian: little", b"endian: middle", "order of its bytes"),
        (b"dimension: 3", b"dimension: x", "damaged"),
        (b"space origin: (", b"space origin: (x", "damaged"),
    ],
)
def test_headers_that_cannot_be_used_are_refused(tmp_path: Path, old: bytes, new: bytes, words: str) -> None:
    path = replaced(save(tmp_path / "a.nrrd", encoding="raw"), old, new)
    with pytest.raises(ReadError, match=words) as caught:
        read_image(path)
    assert caught.value.path == path


@pytest.mark.parametrize("row", [b"(0,0,0)", b"(2.0,0.1,inf)", b"(-0.1,2.0,0)"])
def test_axes_that_cannot_be_used_are_refused(tmp_path: Path, row: bytes) -> None:
    path = save(tmp_path / "a.nrrd", encoding="raw")
    (line,) = [line for line in path.read_bytes().split(b"\n") if line.startswith(b"space directions")]
    replaced(path, line, b"space directions: " + row + b" (-0.1,2.0,0.0) (0.0,0.0,3.5)")
    with pytest.raises(GeometryError, match="affine"):
        read_image(path)


def test_a_header_without_an_end_is_not_read_for_ever(tmp_path: Path) -> None:
    (tmp_path / "a.nrrd").write_bytes(b"NRRD0005\n" + b"# long\n" * (1 << 20))
    with pytest.raises(ReadError, match="no end"):
        read_image(tmp_path / "a.nrrd")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("nrrd") / "a.nrrd", encoding="raw")


@settings(deadline=None, max_examples=150)
@given(place=st.integers(0, 500), value=st.integers(0, 255))
def test_no_byte_leads_to_anything_but_an_image_or_a_sentence(sample: Path, place: int, value: int) -> None:
    content = bytearray(sample.read_bytes())
    content[place] = value
    path = sample.with_name("mutant.nrrd")
    path.write_bytes(bytes(content))
    with contextlib.suppress(CondsegError):
        read_image(path).voxels()


# 3D Slicer's segmentations, by https://slicer.readthedocs.io/en/latest/developer_guide/modules/segmentations.html


def test_a_segmentation_is_written_as_slicer_s_documentation_says(tmp_path: Path) -> None:
    geometry = Geometry((5, 6, 4), np.diag([-1.0, -2.0, 3.0, 1.0]))
    values = np.zeros((5, 6, 4), np.uint16)
    values[1:3, 2, 3], values[4, 1:, 0] = 3, 300
    files = write_label_map(tmp_path / "a.seg.nrrd", LabelMap(values, geometry, TABLE))
    stored, _ = nrrd.read(str(files[0]))
    assert np.array_equal(stored, values)
    lines = files[0].read_bytes().split(b"\n\n")[0].decode("utf-8").splitlines()
    header = dict(line.split(":=", 1) for line in lines if ":=" in line)
    assert header["Segmentation_SourceRepresentation"] == "Binary labelmap"
    assert header["Segmentation_ContainedRepresentationNames"] == "Binary labelmap|"
    assert header["Segmentation_ReferenceImageExtentOffset"] == "0 0 0"
    assert (header["Segment0_Name"], header["Segment0_LabelValue"], header["Segment0_Layer"]) == (
        "Größe | liver",
        "3",
        "0",
    )
    assert header["Segment0_Extent"] == "1 2 2 2 3 3"
    assert header["Segment1_Extent"] == "4 4 1 5 0 0"
    assert [float(x) for x in header["Segment0_Color"].split()] == pytest.approx([1 / 255, 128 / 255, 1], abs=1e-5)
    assert header["Segment0_ID"] != header["Segment1_ID"]
    (term,) = [tag for tag in header["Segment0_Tags"].split("|") if tag.startswith("TerminologyEntry:")]
    parts = term.removeprefix("TerminologyEntry:").split("~")
    assert len(parts) == 7  # context, category, type, its modifier, anatomic context, region, its modifier
    assert parts[2].split("^")[:2] == ["SCT", "10200004"]
    assert all(len(part.split("^")) == 3 for part in (parts[1], parts[2], parts[3], parts[5], parts[6]))
    image = sitk.ReadImage(str(files[0]))
    assert image.GetMetaData("Segment1_Name") == "spleen"
    assert image.GetSpacing() == (1.0, 2.0, 3.0)  # LPS, as ITK has it
    assert np.allclose(image.GetDirection(), np.eye(3).ravel())


def test_names_colours_and_codes_come_back_from_the_file_alone(tmp_path: Path) -> None:
    values = np.zeros((5, 6, 4), np.uint16)
    values[1:3, 2, 3], values[4, 1:, 0] = 3, 300
    geometry = Geometry((5, 6, 4), np.diag([-1.0, -2.0, 3.0, 1.0]))
    files = write_label_map(tmp_path / "a.seg.nrrd", LabelMap(values, geometry, TABLE))
    for file in files[1:]:
        file.unlink()
    back = read_label_map(files[0])
    assert np.array_equal(back.values, values)
    fields = ("value", "name", "color", "terminology")
    assert [[getattr(e, f) for f in fields] for e in back.classes] == [[getattr(e, f) for f in fields] for e in TABLE]
    assert back.warnings == ()
    assert describe(files[0]).kind == "label map"


def segmented(path: Path, array: NDArray[Any], **fields: str) -> Path:
    """As Slicer writes it: layers first, if there are any."""
    layers = array.ndim == 4
    directions = np.vstack([np.full((1, 3), np.nan), DIRECTIONS]) if layers else DIRECTIONS
    kinds = ["list"] * layers + ["domain"] * 3
    header: dict[str, Any] = {"kinds": kinds, "space directions": directions, **fields}
    return save(path, array, **header)


def test_segments_that_overlap_lie_in_layers_and_the_later_one_wins(tmp_path: Path) -> None:
    array = np.zeros((2, 5, 6, 4), np.uint8)
    array[0, :3], array[1, 2:4] = 1, 1
    fields = {"Segment0_Name": "organ", "Segment0_Layer": "0", "Segment0_LabelValue": "1"}
    fields |= {"Segment1_Name": "tumour", "Segment1_Layer": "1", "Segment1_LabelValue": "1"}
    labels = read_label_map(segmented(tmp_path / "a.seg.nrrd", array, **fields))
    assert [(e.name, e.value) for e in labels.classes] == [("organ", 1), ("tumour", 2)]
    assert np.array_equal(np.unique(labels.values[:2]), [1])
    assert np.array_equal(np.unique(labels.values[2:4]), [2])
    assert not labels.values[4:].any()
    assert "tumour cover" in labels.warnings[0]


def test_segments_of_old_files_have_a_layer_each(tmp_path: Path) -> None:
    array = np.zeros((2, 5, 6, 4), np.uint8)
    array[0, :2], array[1, 3:] = 1, 1
    labels = read_label_map(
        segmented(tmp_path / "a.seg.nrrd", array, Segment0_ID="S0", Segment1_Name="b", Segment1_Color="1 0.5 0")
    )
    assert [(e.name, e.value) for e in labels.classes] == [("S0", 1), ("b", 2)]
    assert labels.classes["b"].color == (255, 128, 0)
    assert (labels.values[0, 0, 0], labels.values[4, 0, 0], labels.values[2, 0, 0]) == (1, 2, 0)
    assert labels.warnings == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"Segment0_Layer": "x"},
        {"Segment0_LabelValue": "-1"},
        {"Segment0_Name": "a", "Segment0_Layer": "7"},
    ],
)
def test_segments_that_cannot_be_used_are_one_sentence(tmp_path: Path, fields: dict[str, str]) -> None:
    path = segmented(tmp_path / "a.seg.nrrd", np.ones((5, 6, 4), np.uint8), **fields)
    with pytest.raises(CondsegError, match="save it again") as caught:
        read_label_map(path)
    assert caught.value.path == path


@pytest.mark.parametrize("fields", [{"Segment0_Name": "same", "Segment1_Name": "Same"}, {"Segment0_Color": "red"}])
def test_odd_segments_are_taken_as_far_as_they_go(tmp_path: Path, fields: dict[str, str]) -> None:
    array = np.ones((5, 6, 4), np.uint8)
    array[0] = 2
    labels = read_label_map(segmented(tmp_path / "a.seg.nrrd", array, **fields))
    assert len(set(labels.classes.names)) == len(labels.classes)
    assert np.array_equal(labels.values, array)


def test_overlapping_masks_are_kept_in_layers(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    geometry = Geometry((5, 6, 4), np.diag([-1.0, 2.0, 3.0, 1.0]))
    classes = ClassTable.from_names(["a", "b", "c"])
    masks = {name: rng.random((5, 6, 4)) < 0.5 for name in ("a", "b")}
    masks["c"] = ~masks["a"]
    files = write_overlapping_masks(tmp_path / "a.seg.nrrd", masks, geometry, classes, {"image": "x"})
    assert [f.name for f in files] == ["a.seg.nrrd", "a.json"]
    array, header = nrrd.read(str(files[0]))
    assert header["kinds"] == ["list", "domain", "domain", "domain"]
    assert len(array) == 2  # a and c do not overlap
    for n, name in enumerate("abc"):
        mask = array[int(header[f"Segment{n}_Layer"])] == int(header[f"Segment{n}_LabelValue"])
        assert np.array_equal(mask, masks[name])
    assert "overlap" in read_label_map(files[0]).warnings[0]
    with pytest.raises(WriteError, match=r"\.seg\.nrrd"):
        write_overlapping_masks(tmp_path / "a.nrrd", masks, geometry, classes)
    with pytest.raises(GeometryError, match="'b'"):
        write_overlapping_masks(tmp_path / "b.seg.nrrd", {"b": masks["b"][1:]}, geometry, classes)


def test_a_class_that_another_program_renamed_has_its_new_name(tmp_path: Path) -> None:
    """It leaves what lies beside the file as it was."""
    geometry = Geometry((5, 6, 4), np.diag([-1.0, 2.0, 3.0, 1.0]))
    table = ClassTable((ClassEntry(1, "liver", notes="of the sidecar"), ClassEntry(2, "spleen")))
    values = np.random.default_rng(0).integers(0, 3, (5, 6, 4)).astype(np.uint8)
    path = tmp_path / "a.seg.nrrd"
    write_label_map(path, LabelMap(values, geometry, table))
    assert read_label_map(path).classes == table
    labels = read_label_map(replaced(path, b"Segment1_Name:=spleen", b"Segment1_Name:=stones"))
    assert (labels.classes.names, labels.classes["liver"].notes) == (("liver", "stones"), "of the sidecar")
    assert "a.json is not the one in the file" in labels.warnings[0]
    assert np.array_equal(labels.values, values)
