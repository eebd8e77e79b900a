"""What was exported says what it is, and can be opened and trained on without a mapping by hand."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from condseg_app.data import ClassEntry, ClassTable, Geometry, Image, LabelMap
from condseg_app.errors import ReadError, WriteError
from condseg_app.io import (
    EXPORT_FORMATS,
    Export,
    ExportFormat,
    Registry,
    export_files,
    export_format,
    merge_rule,
    read_case,
    read_data_set,
    read_label_map,
    read_registry,
    write_export,
    write_label_map,
)
from condseg_app.io.image_files import write_image

TABLE = ClassTable(
    (
        ClassEntry(3, "Leber / liver", (230, 159, 0), -1.0, terminology="SCT:10200004", notes="whole"),
        ClassEntry(1, "tumour", (86, 180, 233), 1.0, part_of="Leber / liver"),
        ClassEntry(200, "Milz", (0, 158, 115), 0.5),
    )
)
REGISTRY = Registry(
    image="case",
    model="abdomen",
    model_sha256="ab" * 32,
    thresholds=dict.fromkeys(TABLE.names, 0.4),
    merge_rule=merge_rule("priority", marked=True),
    priority=("Milz", "Leber / liver", "tumour"),
    corrected=("Milz",),
    classes=TABLE,
)
OBLIQUE = np.array([[1.2, -1.2, 0, 5], [1.6, 0.9, 0, 7], [0, 0, 4.0, -9], [0, 0, 0, 1]])
VOLUME = Geometry((6, 5, 4), OBLIQUE)
PICTURE = Geometry.of_picture(6, 5)


def image_on(grid: Geometry) -> Image:
    rng = np.random.default_rng(2)
    return Image(rng.integers(0, 200, (1, *grid.shape)).astype(np.uint8), grid, "case")


def values_on(grid: Geometry) -> NDArray[np.uint8]:
    drawn: NDArray[np.uint8] = np.random.default_rng(3).choice(np.array([0, 1, 3, 200], np.uint8), grid.shape)
    return drawn


def export_on(grid: Geometry) -> Export:
    values = values_on(grid)
    masks = {entry.name: values == entry.value for entry in TABLE}
    return Export(image_on(grid), REGISTRY, masks, LabelMap(values, grid, TABLE))


def registry_of(form: ExportFormat, paths: tuple[Path, ...]) -> Registry:
    if form.content == "cvat":
        with zipfile.ZipFile(paths[0]) as packed:
            return Registry.model_validate_json(packed.read("condseg.json"))
    return read_registry(next(path for path in paths if path.suffix == ".json"))


# DICOM SEG refers to a DICOM series; test_dicom_seg has one.
FORMATS = [form for form in EXPORT_FORMATS if form.content != "dicom-seg"]
CASES = [
    pytest.param(form, grid, id=f"{form.key}-{'2d' if grid.is_2d else '3d'}")
    for form in FORMATS
    for grid in (VOLUME, PICTURE)
    if (form.for_2d if grid.is_2d else form.for_3d)
]


@pytest.mark.parametrize(("form", "grid"), CASES)
def test_every_format_has_the_same_record_and_the_files_that_were_listed(
    tmp_path: Path, form: ExportFormat, grid: Geometry
) -> None:
    target = form.named(tmp_path, "case")
    paths = write_export(form, target, export_on(grid))
    assert paths == export_files(form, target, TABLE)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} >= {path for path in paths if path.is_file()}
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]
    assert registry_of(form, paths) == REGISTRY


@pytest.mark.parametrize(("form", "grid"), [case for case in CASES if case.values[0].content == "labels"])  # type: ignore[union-attr]
def test_a_label_map_is_trained_on_as_it_is(tmp_path: Path, form: ExportFormat, grid: Geometry) -> None:
    """Images and exports side by side, and no dataset.json."""
    for folder in ("imagesTr", "labelsTr"):
        (tmp_path / folder).mkdir()
    suffix = ".png" if grid.is_2d else ".nii.gz"
    export = export_on(grid)
    write_image(tmp_path / "imagesTr" / f"case{suffix}", export.image)
    write_export(form, tmp_path / "labelsTr" / f"case{form.suffix}", export)
    data = read_data_set(tmp_path)
    assert data.classes == TABLE
    assert data.warnings == ()
    (case,) = data.cases
    assert case.labelled == frozenset(TABLE.names)
    image, annotations = read_case(case, data.classes)
    found = {annotation.class_name: annotation.mask for annotation in annotations}
    assert image.geometry.shape == grid.shape
    np.testing.assert_array_equal(found["Milz"], export.masks["Milz"])
    np.testing.assert_array_equal(found["tumour"], export.masks["tumour"])
    np.testing.assert_array_equal(found["Leber / liver"], export.masks["Leber / liver"] | export.masks["tumour"])
    assert read_label_map(case.labels or Path(), image).classes == TABLE


def labelled(folder: Path, name: str, table: ClassTable, **about: object) -> None:
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(exist_ok=True)
    write_image(folder / "imagesTr" / f"{name}.nii.gz", image_on(VOLUME))
    labels = LabelMap(np.full(VOLUME.shape, table.entries[0].value, np.uint8), VOLUME, table)
    write_label_map(folder / "labelsTr" / f"{name}.nii.gz", labels, about)


def test_a_case_is_labelled_with_its_own_classes_only(tmp_path: Path) -> None:
    """What was not exported, or was computed in part, is unknown there: unlabelled never means background."""
    labelled(tmp_path, "a", TABLE.keeping(["Milz"]))
    labelled(tmp_path, "b", TABLE.keeping(["Leber / liver", "Milz"]), incomplete=["Milz"])
    data = read_data_set(tmp_path)
    assert set(data.classes) == {TABLE["Milz"], TABLE["Leber / liver"]}
    assert [case.labelled for case in data.cases] == [{"Milz"}, {"Leber / liver"}]


def test_tables_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    labelled(tmp_path, "a", TABLE.keeping(["Milz"]))
    labelled(tmp_path, "b", ClassTable((replace(TABLE["Milz"], value=4),)))
    with pytest.raises(ReadError, match=r"b\.nii\.gz: its classes are not those of the other label maps"):
        read_data_set(tmp_path)


def test_a_label_map_without_a_table_is_told(tmp_path: Path) -> None:
    labelled(tmp_path, "a", TABLE.keeping(["Milz"]))
    for beside in ("a.json", "a.label.txt"):
        (tmp_path / "labelsTr" / beside).unlink()
    with pytest.raises(ReadError, match=r"has no class table beside it; add 'labels'"):
        read_data_set(tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "damaged"),
        ("[]", "holds no class table"),
        ('{"info": {"condseg": 3}}', "holds no class table"),
        ('{"schema": "condseg-classes", "classes": [{"value": "x"}]}', "damaged"),
        ('{"schema": "condseg-classes", "classes": [{"value": 0, "name": "a", "color": [0, 0, 0]}]}', "damaged"),
        ('{"info": ' * 100_000, "damaged"),
    ],
)
def test_what_is_no_registry_is_refused_in_a_sentence(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ReadError, match=reason):
        read_registry(path)


def test_a_registry_of_before_is_read(tmp_path: Path) -> None:
    """Sidecars had the same place and names, but not all of them."""
    path = tmp_path / "a.json"
    rows = [{"value": 1, "name": "a", "color": [1, 2, 3]}]
    path.write_text(json.dumps({"schema": "condseg-classes", "version": 1, "classes": rows}), encoding="utf-8")
    assert read_registry(path).classes.names == ("a",)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.key)
def test_a_disk_that_refuses_leaves_nothing_behind(
    tmp_path: Path, form: ExportFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last file cannot take its place, say: none of the others is left half-written."""
    from condseg_app.io import atomic

    def refuse(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "_flush", refuse)
    grid = VOLUME if form.for_3d else PICTURE
    with pytest.raises(WriteError, match="No space left on device"):
        write_export(form, form.named(tmp_path, "case"), export_on(grid))
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []


def test_formats_that_do_not_fit_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="the format 'Labelme JSON' is not for volumes; choose another one"):
        write_export(export_format("labelme"), tmp_path / "a.json", export_on(VOLUME))
    with pytest.raises(WriteError, match="the format 'STL meshes' is not for 2D images"):
        write_export(export_format("mesh-stl"), tmp_path / "a", export_on(PICTURE))
    with pytest.raises(WriteError, match="there is no format 'gif'; choose one of: nifti, "):
        export_format("gif")
    kept = replace(export_on(VOLUME), labels=None)
    with pytest.raises(WriteError, match="one class a voxel, and overlaps are kept"):
        write_export(export_format("cvat"), tmp_path / "a.zip", kept)
