"""A class's id: the same in each file of the program's own, whatever the class is called."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condseg_app.data import ClassEntry, ClassId, ClassTable, Geometry, LabelMap, TaughtClass
from condseg_app.data.classes import derived_id, fresh_id
from condseg_app.errors import ReadError
from condseg_app.io import (
    Export,
    ExportFormat,
    Registry,
    read_data_set,
    read_model_description,
    write_export,
    write_label_map,
    write_model,
)
from condseg_app.io.contents import format_of
from condseg_app.io.data_sets.dataset_json import CLASS_ID, write_dataset_json
from condseg_app.io.image_files import write_image
from condseg_app.io.labels.sidecar import sidecar_path
from condseg_app.io.labels.tables import classes_beside
from condseg_app.io.models.class_file import read_class, write_class
from tests.data.test_class_table import names
from tests.io.test_model_file import MODEL
from tests.io.test_registry import CASES, FORMATS, VOLUME, image_on, registry_of

ids = st.from_regex(r"[0-9A-Za-z_-]{1,64}", fullmatch=True)
few = settings(deadline=None, max_examples=20)


@st.composite
def tables(draw: st.DrawFn) -> ClassTable:
    """Tables with ids of their own, of files without ids, and of both."""
    called = draw(st.lists(names, unique_by=str.casefold, min_size=1, max_size=6))
    values = draw(st.lists(st.integers(1, 255), unique=True, min_size=len(called), max_size=len(called)))
    own = draw(st.lists(ids | st.just(""), min_size=len(called), max_size=len(called), unique_by=lambda x: x or id(x)))
    return ClassTable(
        tuple(ClassEntry(v, n, (v, 0, 9), float(v), id=ClassId(x)) for v, n, x in zip(values, called, own, strict=True))
    )


@few
@given(table=tables())
def test_a_model_file_keeps_the_ids(tmp_path_factory: pytest.TempPathFactory, table: ClassTable) -> None:
    path = tmp_path_factory.mktemp("model") / "a.safetensors"
    write_model(path, replace(MODEL, classes=table))
    assert read_model_description(path).classes == table


@few
@given(table=tables())
def test_a_class_file_keeps_the_id_whatever_the_class_is_called(
    tmp_path_factory: pytest.TempPathFactory, table: ClassTable
) -> None:
    path = tmp_path_factory.mktemp("class") / "a.class.safetensors"
    row = {"rows": np.zeros(2, np.float32)}
    for entry in (table.entries[0], replace(table.entries[0], name="another name", value=999)):
        write_class(path, TaughtClass(entry, row, "ab", "model", {}, ""))
        assert read_class(path).entry == entry
        assert read_class(path).entry.id == table.entries[0].id


@pytest.mark.parametrize("ending", [".nii.gz", ".seg.nrrd", ".zarr", ".ome.tif"])
@settings(deadline=None, max_examples=5)
@given(table=tables())
def test_a_label_map_keeps_the_ids(tmp_path_factory: pytest.TempPathFactory, ending: str, table: ClassTable) -> None:
    path = tmp_path_factory.mktemp("labels") / f"case{ending}"
    values = np.full((3, 4, 2), table.entries[0].value, np.uint8)
    write_label_map(path, LabelMap(values, Geometry((3, 4, 2), np.eye(4)), table))
    found, _ = classes_beside(path)  # 3D Slicer's names are a line, with plain spaces
    assert found is not None
    assert {entry.value: entry.id for entry in found} == {entry.value: entry.id for entry in table}


@pytest.mark.parametrize("ending", [".seg.nrrd", ".zarr"])
def test_the_label_map_alone_has_the_ids(tmp_path: Path, ending: str) -> None:
    """The sidecar is lost as soon as somebody copies the label map only."""
    table = ClassTable((ClassEntry(3, "liver", id=ClassId("abc-1")), ClassEntry(9, "spleen")))
    path = tmp_path / f"case{ending}"
    write_label_map(path, LabelMap(np.full((3, 4, 2), 3, np.uint8), Geometry((3, 4, 2), np.eye(4)), table))
    sidecar_path(path).unlink()
    found = format_of(path).codec.classes_inside(path)
    assert found is not None
    assert [(entry.name, entry.id) for entry in found] == [("liver", "abc-1"), ("spleen", derived_id("spleen", 9))]


@pytest.mark.parametrize(("form", "grid"), CASES)
def test_every_export_has_the_ids(tmp_path: Path, form: ExportFormat, grid: Geometry) -> None:
    table = ClassTable((ClassEntry(1, "liver", id=fresh_id()), ClassEntry(200, "spleen", (0, 9, 9))))
    values = np.resize(np.array([0, 1, 200], np.uint8), grid.shape)
    masks = {entry.name: values == entry.value for entry in table}
    export = Export(image_on(grid), Registry(classes=table), masks, LabelMap(values, grid, table))
    assert form in FORMATS
    assert registry_of(form, write_export(form, form.named(tmp_path, "case"), export)).classes == table


def test_a_data_set_has_ids_where_its_description_has_them(tmp_path: Path) -> None:
    for part in ("imagesTr", "labelsTr"):
        (tmp_path / part).mkdir()
        write_image(tmp_path / part / "a.nii.gz", image_on(VOLUME))
    rows = [{"name": "liver", "value": 1, CLASS_ID: "abc"}, {"name": "spleen", "value": 2}, {"name": "x", "id": 3}]
    write_dataset_json(tmp_path, {"classes": rows})
    found = {entry.name: entry.id for entry in read_data_set(tmp_path).classes}
    assert found == {"liver": "abc", "spleen": derived_id("spleen", 2), "x": derived_id("x", 3)}


def test_label_maps_that_call_a_class_differently_are_refused(tmp_path: Path) -> None:
    for part in ("imagesTr", "labelsTr"):
        (tmp_path / part).mkdir()
    for case, name in (("a", "liver"), ("b", "hepar")):
        write_image(tmp_path / "imagesTr" / f"{case}.nii.gz", image_on(VOLUME))
        table = ClassTable((ClassEntry(len(name), name, id=ClassId("abc")),))
        labels = LabelMap(np.full(VOLUME.shape, len(name), np.uint8), VOLUME, table)
        write_label_map(tmp_path / "labelsTr" / f"{case}.nii.gz", labels)
    with pytest.raises(ReadError, match=r"b\.nii\.gz: its classes are not those of the other label maps"):
        read_data_set(tmp_path)
