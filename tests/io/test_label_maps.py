import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from itertools import permutations, product
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from condseg_app.data import ClassEntry, ClassTable, Geometry, Image, LabelMap, Unit
from condseg_app.errors import ClassTableError, GeometryError, ReadError, WriteError
from condseg_app.io import read_binary_mask, read_image, read_label_map, write_binary_masks, write_label_map
from condseg_app.io.labels.sidecar import itksnap_text
from condseg_app.io.labels.writer import usual_suffix

SaveNifti = Callable[..., Path]
AFFINE = np.array([[-2.0, 0.1, 0, 30], [0.1, 2.0, 0, -12.5], [0, 0, 3.5, 7], [0, 0, 0, 1]])
SHAPE = (5, 6, 4)
VALUES = np.random.default_rng(0).integers(0, 3, SHAPE).astype(np.uint8)
TABLE = ClassTable(
    (
        ClassEntry(1, 'liver "left"', (200, 0, 10), -1.0, terminology="SCT:10200004"),
        ClassEntry(2, "tumour / cyst", (0, 99, 0), 1.0, part_of='liver "left"', notes="läsion"),
    )
)
ORIENTATIONS = ["".join(c) for axes in permutations(("RL", "AP", "SI")) for c in product(*axes)]


@pytest.fixture
def image(save_nifti: SaveNifti) -> Image:
    return read_image(save_nifti(np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE), AFFINE, "image.nii.gz"))


def photograph(width: int = 7, height: int = 5) -> Image:
    return Image(
        np.zeros((3, width, height, 1), np.uint8),
        Geometry.of_picture(width, height),
        channels=("red", "green", "blue"),
    )


# Reading


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.int64])
def test_whole_numbers_of_any_type(save_nifti: SaveNifti, image: Image, dtype: type[np.generic]) -> None:
    labels = read_label_map(save_nifti(VALUES.astype(dtype), AFFINE, "labels.nii.gz"), image, TABLE)
    assert labels.array.dtype == np.uint8
    assert np.array_equal(labels.values, VALUES)
    assert (labels.geometry, labels.classes, labels.warnings) == (image.geometry, TABLE, ())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_whole_numbers_stored_as_floats_are_told(save_nifti: SaveNifti, image: Image, dtype: type[np.generic]) -> None:
    labels = read_label_map(save_nifti(VALUES.astype(dtype), AFFINE, "labels.nii.gz"), image)
    assert np.array_equal(labels.values, VALUES)
    assert np.dtype(dtype).name in labels.warnings[0]


def test_values_above_255_are_kept(save_nifti: SaveNifti) -> None:
    labels = read_label_map(save_nifti(VALUES.astype(np.uint16) * 1000))
    assert labels.array.dtype == np.uint16
    assert [entry.value for entry in labels.classes] == [1000, 2000]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda v: v * 0.4, "fractions"),
        (lambda v: np.where(v == 1, np.nan, v), "no numbers"),
        (lambda v: v.astype(np.int16) - 1, "from -1 to 1"),
        (lambda v: v.astype(np.int32) * 40000, "from 0 to 80000"),
    ],
)
def test_what_is_no_label_map_is_refused(
    save_nifti: SaveNifti, change: Callable[[NDArray[np.uint8]], NDArray[np.generic]], reason: str
) -> None:
    with pytest.raises(ReadError, match=reason):
        read_label_map(save_nifti(change(VALUES)))


def test_an_empty_label_map_is_told(save_nifti: SaveNifti) -> None:
    assert "no voxel" in read_label_map(save_nifti(np.zeros(SHAPE, np.uint8))).warnings[0]


def test_without_names_classes_are_called_by_their_values(save_nifti: SaveNifti) -> None:
    labels = read_label_map(save_nifti(VALUES * 7))
    assert {e.name: e.value for e in labels.classes} == {"class 7": 7, "class 14": 14}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_same_grid_in_any_axis_order_is_turned_onto_the_image(
    save_nifti: SaveNifti, image: Image, orientation: str
) -> None:
    source = nibabel.Nifti1Image(VALUES, AFFINE)
    wanted = nibabel.orientations.axcodes2ornt(tuple(orientation))
    turn = nibabel.orientations.ornt_transform(nibabel.io_orientation(AFFINE), wanted)
    turned = source.as_reoriented(turn)
    labels = read_label_map(save_nifti(np.asarray(turned.dataobj), turned.affine, "labels.nii.gz"), image)
    assert np.array_equal(labels.values, VALUES)
    assert labels.geometry == image.geometry


def test_turning_works_where_axis_codes_cannot_tell_the_axes_apart(save_nifti: SaveNifti) -> None:
    diagonal = np.eye(4)
    diagonal[:2, :2] = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
    swapped = diagonal[:, [1, 0, 2, 3]]
    voxels = VALUES[:5, :5]
    image = read_image(save_nifti(voxels.astype(np.int16), diagonal, "image.nii.gz"))
    labels = read_label_map(save_nifti(np.swapaxes(voxels, 0, 1), swapped, "labels.nii.gz"), image)
    assert np.array_equal(labels.values, voxels)


@pytest.mark.parametrize("read", [read_label_map, read_binary_mask])
def test_another_shape_is_refused_with_both_named(
    save_nifti: SaveNifti, image: Image, read: Callable[..., object]
) -> None:
    path = save_nifti(VALUES[:3], AFFINE, "labels.nii.gz")
    with pytest.raises(GeometryError, match=r"\(3, 6, 4\).*\(5, 6, 4\)") as caught:
        read(path, image)
    assert caught.value.path == path


@pytest.mark.parametrize("read", [read_label_map, read_binary_mask])
@pytest.mark.parametrize("change", ["mirrored", "shifted", "scaled", "rotated"])
def test_another_place_is_refused(
    save_nifti: SaveNifti, image: Image, change: str, read: Callable[..., object]
) -> None:
    affine = np.array(AFFINE)
    if change == "mirrored":
        affine[0] *= -1
    elif change == "shifted":
        affine[2, 3] += 1.0
    elif change == "scaled":
        affine[:3, :3] *= 1.05
    else:
        affine[:2] = affine[[1, 0]]
    with pytest.raises(GeometryError, match="elsewhere in space"):
        read(save_nifti(VALUES, affine, "labels.nii.gz"), image)


@pytest.mark.parametrize("mode", ["L", "P", "1"])
def test_pictures_hold_values_as_grey_or_as_palette_indices(tmp_path: Path, mode: str) -> None:
    values = np.random.default_rng(0).integers(0, 2 if mode == "1" else 12, (5, 7), np.uint8)
    picture = PIL.Image.fromarray(values)
    if mode == "P":
        picture.putpalette(list(np.random.default_rng(1).integers(0, 256, 36)))
    if mode == "1":
        picture = PIL.Image.fromarray(values.astype(np.bool_))
    picture.save(tmp_path / "a.png")
    assert np.array_equal(read_label_map(tmp_path / "a.png", photograph()).array[..., 0].T, values)


def test_a_label_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    PIL.Image.fromarray(np.ones((7, 5), np.uint8)).save(tmp_path / "a.png")  # turned, too, is another size
    with pytest.raises(GeometryError, match=r"\(5, 7, 1\).*\(7, 5, 1\)"):
        read_label_map(tmp_path / "a.png", photograph())
    PIL.Image.fromarray(np.ones((4, 7), np.uint8)).save(tmp_path / "b.png")
    with pytest.raises(GeometryError, match=r"\(7, 4, 1\).*\(7, 5, 1\)"):
        read_label_map(tmp_path / "b.png", photograph())


def test_jpeg_is_refused_for_labels(tmp_path: Path) -> None:
    PIL.Image.fromarray(np.ones((5, 7), np.uint8)).save(tmp_path / "a.jpg")
    for read in (read_label_map, read_binary_mask):
        with pytest.raises(ReadError, match="JPEG changes values"):
            read(tmp_path / "a.jpg", photograph())


def test_colours_are_mapped_by_the_table_or_refused(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 3, (5, 7), np.uint8)
    colors = np.array([(0, 0, 0), *(entry.color for entry in TABLE)], np.uint8)[values]
    path = tmp_path / "a.png"
    PIL.Image.fromarray(colors).save(path)
    assert np.array_equal(read_label_map(path, photograph(), TABLE).array[..., 0].T, values)
    with pytest.raises(ReadError, match="holds colours"):
        read_label_map(path, photograph())
    with pytest.raises(ReadError, match=r"the colour \(0, 99, 0\), which is no class's"):
        read_label_map(path, photograph(), TABLE.keeping(TABLE.names[:1]))


# Masks


@pytest.mark.parametrize("value", [1, 255, -3, 0.25])
def test_whatever_is_not_zero_is_the_class(save_nifti: SaveNifti, image: Image, value: float) -> None:
    stored = np.where(VALUES == 1, value, 0).astype(np.float32 if value == 0.25 else np.int16)
    assert np.array_equal(read_binary_mask(save_nifti(stored, AFFINE, "mask.nii.gz"), image), VALUES == 1)


def test_a_mask_is_turned_onto_its_image(save_nifti: SaveNifti, image: Image) -> None:
    mirrored = AFFINE @ np.array([[-1, 0, 0, 4], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    assert np.array_equal(read_binary_mask(save_nifti(VALUES[::-1], mirrored, "mask.nii.gz"), image), VALUES > 0)


@pytest.mark.parametrize("colour", [False, True])
def test_a_mask_as_a_picture(tmp_path: Path, colour: bool) -> None:
    marked = np.random.default_rng(0).random((5, 7)) > 0.5
    pixels = (marked * 255).astype(np.uint8)
    PIL.Image.fromarray(np.dstack([pixels, pixels * 0, pixels * 0]) if colour else pixels).save(tmp_path / "a.png")
    assert np.array_equal(read_binary_mask(tmp_path / "a.png", photograph())[..., 0].T, marked)


def test_a_mask_with_no_voxel_is_refused(save_nifti: SaveNifti, image: Image) -> None:
    for empty in (np.zeros(SHAPE, np.uint8), np.full(SHAPE, np.nan, np.float32)):
        path = save_nifti(empty, AFFINE, "mask.nii.gz")
        with pytest.raises(ReadError, match="a mask with no voxel of its class; mark the class") as caught:
            read_binary_mask(path, image)
        assert caught.value.path == path


# Names beside a label map


def test_names_come_from_itk_snaps_label_description(save_nifti: SaveNifti) -> None:
    path = save_nifti(VALUES, AFFINE, "labels.nii.gz")
    text = '# comment\n  0  0 0 0  0 0 0  "Clear Label"\n    1   255    0   10        0.5  1  1    "Left Lung"\n'
    path.with_name("labels.label.txt").write_text(text)
    assert read_label_map(path).classes.entries == (ClassEntry(1, "Left Lung", (255, 0, 10), -1.0),)


@pytest.mark.parametrize("content", ["{", '{"schema": "condseg-classes", "version": 2, "classes": []}', "[1]" * 10])
def test_a_table_that_cannot_be_used_is_told_and_passed_over(save_nifti: SaveNifti, content: str) -> None:
    path = save_nifti(VALUES, AFFINE, "labels.nii.gz")
    path.with_name("labels.json").write_text(content)
    labels = read_label_map(path)
    assert labels.classes.names == ("class 1", "class 2")
    assert "labels.json" in labels.warnings[0]


def test_somebody_elses_json_is_left_alone(save_nifti: SaveNifti) -> None:
    path = save_nifti(VALUES, AFFINE, "labels.nii.gz")
    path.with_name("labels.json").write_text(json.dumps({"RepetitionTime": 2}))
    assert read_label_map(path).warnings == ()


def test_names_in_itk_snaps_file_that_are_used_twice_are_told(save_nifti: SaveNifti) -> None:
    path = save_nifti(VALUES, AFFINE, "labels.nii.gz")
    path.with_name("labels.label.txt").write_text('1 1 1 1 1 1 1 "a"\n2 1 1 1 1 1 1 "a"\n')
    assert "used twice" in read_label_map(path).warnings[0]


def test_names_come_from_a_header_extension(tmp_path: Path) -> None:
    def save(xml: str) -> LabelMap:
        image = nibabel.Nifti1Image(VALUES, AFFINE)
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, xml.encode()))
        image.to_filename(tmp_path / "labels.nii.gz")
        return read_label_map(tmp_path / "labels.nii.gz")

    label = '<Label Key="2" Red="1.0" Green="0.5" Blue="0.0" Alpha="1"><![CDATA[spleen]]></Label>'
    table = f"<CaretExtension><VolumeInformation><LabelTable>{label}</LabelTable></VolumeInformation></CaretExtension>"
    assert save(f'<?xml version="1.0"?> {table}').classes.entries == (ClassEntry(2, "spleen", (255, 128, 0), -1.0),)
    bomb = '<CaretExtension><!ENTITY a "aaaa">&a;</CaretExtension>'
    assert "entities" in save(bomb).warnings[0]
    assert "cannot be used" in save("<CaretExtension><Label></CaretExtension>").warnings[0]


# Writing


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_written_label_map_reads_back_as_it_was(tmp_path: Path, image: Image, suffix: str) -> None:
    labels = LabelMap(VALUES, image.geometry, TABLE)
    path = tmp_path / f"out{suffix}"
    files = write_label_map(path, labels, {"model_sha256": "ab", "thresholds": {"a": 0.5}})
    assert files == (path, tmp_path / "out.json", tmp_path / "out.label.txt")
    assert all(file.exists() for file in files)
    again = read_label_map(path, image)
    assert np.array_equal(again.values, VALUES)
    assert (again.geometry, again.classes, again.warnings) == (image.geometry, TABLE, ())
    assert read_label_map(path).geometry == image.geometry  # to the bit, for the source is a NIfTI file
    sidecar = json.loads(files[1].read_text(encoding="utf-8"))
    assert sidecar["model_sha256"] == "ab"
    assert sidecar["software"].startswith("condseg ")
    assert sidecar["classes"][0]["terminology"] == "SCT:10200004"


# ITK-SNAP's label descriptions, by LoadFromFile and SaveToFile in
# https://github.com/pyushkevich/itksnap/blob/master/Logic/Common/ColorLabelTable.cxx


def labels_in_itksnap(path: Path) -> dict[int, tuple[tuple[int, ...], float, bool, bool, str]]:
    """Colour, opacity, visibility, visibility in the mesh and name of each label, as ITK-SNAP takes them.

    One line that it cannot read makes it refuse the whole file.
    """
    found = {}
    for line in path.read_bytes().split(b"\n"):
        if not line or line.startswith(b"#"):
            continue
        numbers, quote, rest = line.partition(b'"')
        name = rest.partition(b'"')[0].decode()
        assert quote, "it looks for a quotation mark"
        assert name, "its stream fails where a name is empty"
        index, red, green, blue, opacity, visible, in_mesh = numbers.split()
        values = tuple(int(value) for value in (red, green, blue))
        assert all(0 <= value <= 255 for value in values), "larger ones wrap in its unsigned char"
        assert 0 <= int(index) <= 65535, "its labels are unsigned short"
        if int(index) > 0:  # the clear label is its own
            found[int(index)] = (values, float(opacity), bool(int(visible)), bool(int(in_mesh)), name)
    return found


def test_itk_snap_reads_our_label_description(tmp_path: Path, image: Image) -> None:
    write_label_map(tmp_path / "out.nii.gz", LabelMap(VALUES, image.geometry, TABLE))
    description = tmp_path / "out.label.txt"
    lines = description.read_text(encoding="utf-8").splitlines()
    assert lines[1] == "# ITK-SnAP Label Description File"
    assert lines[14].split(maxsplit=7) == ["0", "0", "0", "0", "0", "0", "0", '"Clear Label"']
    shown = {
        entry.value: (entry.color, 1.0, True, True, entry.name.replace('"', "'"))  # a quotation mark would end it
        for entry in TABLE
    }
    assert labels_in_itksnap(description) == shown


@given(
    st.lists(
        st.tuples(
            st.integers(1, 65535),
            st.text(st.characters(blacklist_categories=["Cs"]), max_size=20),
            st.tuples(*[st.integers(0, 255)] * 3),
        ),
        max_size=5,
        unique_by=(lambda row: row[0], lambda row: row[1].strip().casefold()),
    )
)
def test_no_class_makes_itk_snap_refuse_a_label_description(rows: list[Any]) -> None:
    entries = []
    for value, name, color in rows:
        with suppress(ClassTableError):  # such a class cannot be in a table
            entries.append(ClassEntry(value, name, color))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.txt"
        path.write_bytes(itksnap_text(ClassTable(tuple(entries))).encode())
        found = labels_in_itksnap(path)
    assert {value: row[0] for value, row in found.items()} == {entry.value: entry.color for entry in entries}


def test_our_label_description_is_read_as_itk_snap_writes_it(tmp_path: Path, image: Image) -> None:
    write_label_map(tmp_path / "out.nii.gz", LabelMap(VALUES, image.geometry, ClassTable()))
    (tmp_path / "out.json").unlink()
    rows = (
        "    0     0    0    0        0  0  0",
        "    1   200    0   10      0.4  1  0",
        "    7     0   99    0        1  0  1",
    )
    names = ("Clear Label", "liver", "tumour / cyst")
    text = "\n".join(
        ["#" * 48, "# ITK-SnAP Label Description File", *(f'{r}    "{n}"' for r, n in zip(rows, names, strict=True))]
    )
    (tmp_path / "out.label.txt").write_text(text + "\n", encoding="utf-8")
    classes = read_label_map(tmp_path / "out.nii.gz").classes
    assert [(entry.value, entry.name, entry.color) for entry in classes] == [
        (1, "liver", (200, 0, 10)),
        (7, "tumour / cyst", (0, 99, 0)),
    ]


@pytest.mark.parametrize(("value", "dtype"), [(0, np.uint8), (255, np.uint8), (256, np.uint16), (65535, np.uint16)])
def test_the_smallest_type_holds_the_values(tmp_path: Path, value: int, dtype: type[np.generic]) -> None:
    geometry = Geometry.with_spacing((2, 2, 2), (1, 1, 1))
    write_label_map(tmp_path / "a.nii", LabelMap(np.full((2, 2, 2), value, np.uint32), geometry, ClassTable()))
    loaded = nibabel.Nifti1Image.from_filename(tmp_path / "a.nii")
    assert loaded.get_data_dtype() == dtype
    assert (np.asarray(loaded.dataobj) == value).all()


def test_a_palette_png_shows_the_classes_colours_and_reads_back(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 4, (7, 5, 1)).astype(np.uint8)  # 3 has no class
    path = tmp_path / "out.png"
    files = write_label_map(path, LabelMap(values, Geometry.of_picture(7, 5), TABLE))
    assert files == (path, tmp_path / "out.json")
    with PIL.Image.open(path) as picture:
        assert picture.mode == "P"
        seen = np.array(picture.convert("RGB"))
    assert (seen[values[..., 0].T == 1] == (200, 0, 10)).all()
    assert (seen[values[..., 0].T == 0] == 0).all()
    again = read_label_map(path, photograph())
    assert np.array_equal(again.values, values)
    assert again.classes == TABLE


def test_a_pictures_labels_as_nifti_still_fit_the_picture(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 3, (7, 5, 1)).astype(np.uint8)
    write_label_map(tmp_path / "out.nii.gz", LabelMap(values, Geometry.of_picture(7, 5), TABLE))
    assert np.array_equal(read_label_map(tmp_path / "out.nii.gz", photograph()).values, values)


def test_masks_are_written_one_a_class_and_may_overlap(tmp_path: Path, image: Image) -> None:
    masks = {name: TABLE[name].value <= VALUES for name in reversed(TABLE.names)}
    files = write_binary_masks(tmp_path / "new" / "masks", masks, image.geometry, TABLE, ".nii.gz", {"model": "m"})
    assert [f.name for f in files] == ["liver _left_.nii.gz", "tumour _ cyst.nii.gz", "classes.json"]
    for name, path in zip(TABLE.names, files, strict=False):
        assert np.array_equal(read_binary_mask(path, image), masks[name])
        assert set(np.unique(read_image(path).voxels())) == {0, 1}
    table = json.loads(files[-1].read_text(encoding="utf-8"))
    assert table["files"][TABLE.names[0]] == files[0].name
    assert table["model"] == "m"


def test_masks_as_pictures(tmp_path: Path) -> None:
    mask = np.random.default_rng(0).random((7, 5, 1)) > 0.5
    table = ClassTable.from_names(["cat"])
    path, _ = write_binary_masks(tmp_path, {"cat": mask}, Geometry.of_picture(7, 5), table, ".png")
    assert set(np.unique(np.array(PIL.Image.open(path)))) == {0, 255}
    assert np.array_equal(read_binary_mask(path, photograph()), mask)


def test_names_that_would_be_the_same_file_are_kept_apart(tmp_path: Path) -> None:
    table = ClassTable.from_names(["a/b", "a:b", "..", "A?b"])
    masks = {name: np.full((2, 2, 2), n % 2 == 0) for n, name in enumerate(table.names)}
    files = write_binary_masks(tmp_path, masks, Geometry.with_spacing((2, 2, 2), (1, 1, 1)), table)
    assert len({f.name.casefold() for f in files}) == 5
    assert all(f.parent == tmp_path and f.exists() for f in files)


@pytest.mark.parametrize(
    ("name", "shape", "value", "reason"),
    [
        ("out.tif", (2, 2, 1), 1, "choose one of these endings"),
        ("out.png", (2, 2, 3), 1, "holds one slice"),
        ("out.png", (2, 2, 1), 256, "values up to 255"),
        ("none/out.nii", (2, 2, 2), 1, "does not exist"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(
    tmp_path: Path, name: str, shape: tuple[int, int, int], value: int, reason: str
) -> None:
    labels = LabelMap(np.full(shape, value, np.uint16), Geometry.with_spacing(shape, (1, 1, 1)), TABLE)
    with pytest.raises(WriteError, match=reason):
        write_label_map(tmp_path / name, labels)
    assert list(tmp_path.iterdir()) == []


def test_a_mask_of_another_shape_is_refused(tmp_path: Path) -> None:
    table = ClassTable.from_names(["a"])
    with pytest.raises(GeometryError, match="'a' has shape"):
        write_binary_masks(tmp_path, {"a": np.zeros((1, 2, 3), np.bool_)}, Geometry.of_picture(3, 2), table)


@pytest.mark.parametrize("call", range(1, 7))
def test_an_export_that_fails_at_any_step_leaves_what_was_there(
    tmp_path: Path, image: Image, call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.nii.gz"
    earlier = write_label_map(path, LabelMap(VALUES, image.geometry, TABLE))
    before = {file: file.read_bytes() for file in earlier}
    calls = 0
    write_text, fsync = Path.write_text, os.fsync

    def count() -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            raise OSError(28, "No space left on device")

    def failing_write(self: Path, data: str, **options: str) -> int:
        count()
        return write_text(self, data, **options)

    def failing_fsync(descriptor: int) -> None:
        count()
        fsync(descriptor)

    monkeypatch.setattr(Path, "write_text", failing_write)
    monkeypatch.setattr(os, "fsync", failing_fsync)
    changed = LabelMap((VALUES == 0).astype(np.uint8), image.geometry, TABLE.keeping(TABLE.names[:1]))
    with pytest.raises(WriteError, match="No space left"):
        write_label_map(path, changed)
    monkeypatch.undo()
    if call < 6:  # two texts, three flushes; the sixth is the folder's, when all files are in place
        assert {file: file.read_bytes() for file in earlier} == before
    else:
        assert np.array_equal(read_label_map(path).values, changed.values)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["image.nii.gz", "out.json", "out.label.txt", "out.nii.gz"]


@pytest.mark.parametrize(
    ("shape", "unit", "suffix"),
    [((6, 5, 1), "pixel", ".png"), ((6, 5, 4), "pixel", ".nii.gz"), ((6, 5, 1), "mm", ".nii.gz")],
)
def test_masks_of_pictures_are_pictures_and_all_others_volumes(
    tmp_path: Path, shape: tuple[int, int, int], unit: Unit, suffix: str
) -> None:
    geometry = Geometry(shape, np.eye(4), unit)
    assert usual_suffix(geometry) == suffix
    masks = {"a": np.ones(shape, bool)}
    write_binary_masks(tmp_path / "masks", masks, geometry, ClassTable.from_names(["a"]), suffix)
    assert (tmp_path / "masks" / f"a{suffix}").is_file()
