"""Work that closing would lose, and ways to keep it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from condseg_app import io
from condseg_app.data import ChunkedAnnotation, ClassTable, Geometry, Image
from condseg_app.errors import EngineLost
from condseg_app.io import EXPORT_FORMATS, read_label_map
from condseg_app.remote import Engine
from condseg_app.session import Session
from condseg_app.session.unsaved import UnsavedLesson
from tests.classes import id_of, ids_of, names_of
from tests.session.conftest import make_model, make_volume


def mark(session: Session, *names: str, slice_number: int = 1) -> None:
    """Mark classes on one slice of the image in view."""
    assert session.state.image is not None
    shape = session.state.image.geometry.shape
    mask, seen = np.zeros(shape, bool), np.zeros(shape, bool)
    mask[1:3, 1:3, slice_number] = seen[:, :, slice_number] = True
    for name in names:
        session.annotations.put(id_of(session, name), ChunkedAnnotation.of(mask.copy(), seen.copy()))


def lost(session: Session) -> dict[str, tuple[str, ...]]:
    """Image -> classes whose marks would be lost."""
    return {marks.image.name: tuple(entry.name for entry in marks.classes) for marks in session.unsaved.marks}


def test_nothing_is_lost_where_nothing_was_done(desk: Any) -> None:
    assert not desk.session.unsaved
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    desk.finish()
    assert not desk.session.unsaved, "what is predicted can be predicted again"


def test_marks_count_on_every_image_in_view_or_not(desk: Any, volume: Image) -> None:
    session = desk.session
    mark(session, "liver")
    session.images.show(make_volume(1, "another"))
    mark(session, "spleen", "kidney")
    assert lost(session) == {"another": ("spleen", "kidney"), "volume": ("liver",)}
    assert [marks.in_view for marks in session.unsaved.marks] == [True, False]
    session.images.close()
    assert lost(session) == {"another": ("spleen", "kidney"), "volume": ("liver",)}
    assert not any(marks.in_view for marks in session.unsaved.marks)


def test_an_export_keeps_the_classes_and_the_image_that_it_writes_and_no_others(desk: Any, tmp_path: Path) -> None:
    session = desk.session
    mark(session, "liver")
    session.images.show(make_volume(1, "another"))
    mark(session, "spleen", "kidney")
    session.exports.start(tmp_path / "a.nii.gz", "nifti", ids_of(session, ["spleen"]))
    desk.finish()
    assert lost(session) == {"another": ("kidney",), "volume": ("liver",)}
    session.exports.start(tmp_path / "a.nii.gz", "nifti")
    desk.finish()
    assert lost(session) == {"volume": ("liver",)}


@pytest.mark.parametrize("form", [form for form in EXPORT_FORMATS if not form.needs_dicom], ids=lambda form: form.key)
def test_only_formats_that_open_again_keep_marks(empty: Any, form: io.ExportFormat, tmp_path: Path) -> None:
    session = empty.session
    flat = Geometry.of_picture(6, 5) if not form.for_3d else Geometry.with_spacing((6, 5, 4), (1, 1, 2))
    session.images.show(Image(np.zeros((1, *flat.shape), np.uint8), flat, "image"))
    session.classes.add("lesion")
    mark(session, "lesion", slice_number=0)
    session.exports.start(form.named(tmp_path, "image"), form.key)
    empty.finish()
    assert empty.heard.failures == []
    assert bool(session.unsaved) == (form.content in ("meshes", "statistics"))


def test_marks_made_after_an_export_are_unsaved_until_they_are_undone(desk: Any, tmp_path: Path) -> None:
    session = desk.session
    mark(session, "liver")
    session.exports.start(tmp_path / "a.nii.gz", "nifti")
    desk.finish()
    mark(session, "liver", slice_number=2)
    assert lost(session) == {"volume": ("liver",)}
    session.undo()
    assert not session.unsaved
    session.redo()
    assert lost(session) == {"volume": ("liver",)}


def test_marks_made_while_an_export_is_written_are_unsaved(desk: Any, tmp_path: Path) -> None:
    session = desk.session
    mark(session, "liver")
    session.exports.start(tmp_path / "a.nii.gz", "nifti")
    mark(session, "liver", slice_number=2)
    desk.finish()
    assert lost(session) == {"volume": ("liver",)}


def test_an_export_that_fails_keeps_nothing(desk: Any, tmp_path: Path) -> None:
    mark(desk.session, "liver")
    desk.session.exports.start(tmp_path / "missing" / "a.nii.gz", "nifti")
    desk.finish()
    assert desk.heard.failures
    assert lost(desk.session) == {"volume": ("liver",)}


@contextmanager
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hold every export for as long as the block lasts."""
    gate, write = threading.Event(), io.write_export

    def wait_and_write(*arguments: Any) -> Any:
        gate.wait(20)
        return write(*arguments)

    monkeypatch.setattr(io, "write_export", wait_and_write)
    try:
        yield
    finally:
        gate.set()


def test_files_being_written_are_told(desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = desk.session
    mark(session, "liver")
    with slow_disk(monkeypatch):
        session.exports.start(tmp_path / "a.nii.gz", "nifti")
        assert session.unsaved.writing == ("Exporting a.nii.gz",)
        session.exports.cancel()
        assert session.unsaved.writing == ()
    hold = desk.hold()
    session.models.export_class(id_of(session, "liver"), tmp_path / "liver")
    assert session.unsaved.writing == ("Exporting the class liver",)
    hold.release(10)
    desk.finish()
    assert session.unsaved.writing == ()


@pytest.mark.parametrize("mode", ["exact", "full"])
def test_a_lesson_is_unsaved_from_its_first_step_until_its_file_is_written(desk: Any, mode: Any) -> None:
    session = desk.session
    session.classes.add("tumour")
    mark(session, "tumour")
    hold = desk.hold()
    session.lessons.start(id_of(session, "tumour"), steps=50, mode=mode)
    assert session.unsaved.lesson is None, "nothing is learnt yet"
    hold.release(2)
    desk.until(lambda: session.unsaved.lesson is not None)
    lesson: UnsavedLesson = desk.session.unsaved.lesson
    assert (lesson.name, lesson.steps) == ("tumour", 50)
    assert 0 < lesson.step <= 20
    session.lessons.keep()
    desk.finish()
    assert session.state.lesson_result is not None
    assert session.unsaved.lesson is None


def test_a_lesson_that_lost_its_engine_can_be_kept_later(desk: Any) -> None:
    session = desk.session
    session.classes.add("tumour")
    mark(session, "tumour")
    desk.tools.fail[2] = EngineLost("the engine process ended")
    session.lessons.start(id_of(session, "tumour"), steps=500)
    desk.finish()
    assert not session.state.is_teaching
    assert session.unsaved.lesson is not None
    assert session.unsaved.lesson.step == 20
    session.lessons.keep()
    desk.finish()
    assert session.state.lesson_result is not None
    assert session.unsaved.lesson is None


def test_a_cancelled_lesson_is_nothing_to_lose(desk: Any) -> None:
    session = desk.session
    session.classes.add("tumour")
    mark(session, "tumour")
    hold = desk.hold()
    session.lessons.start(id_of(session, "tumour"), steps=50)
    hold.release(2)
    desk.until(lambda: session.unsaved.lesson is not None)
    session.jobs.cancel()
    assert session.unsaved.lesson is None


def test_all_marks_can_be_kept_in_a_folder(desk: Any, volume: Image, tmp_path: Path) -> None:
    session = desk.session
    mark(session, "liver")
    session.images.show(replace(make_volume(1), source=tmp_path / "another" / "volume.nii.gz"))
    mark(session, "spleen", "kidney")
    session.images.show(make_volume(2, "a/b: c"))
    mark(session, "kidney", slice_number=2)
    there = tmp_path / "volume_masks"
    there.mkdir()
    session.exports.keep_annotations(tmp_path)
    desk.finish()
    assert desk.heard.failures == []
    assert not session.unsaved
    assert not list(there.iterdir()), "nothing that was there is touched"
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.nii.gz")}
    assert found == {
        "a_b_ c_masks/kidney.nii.gz",
        "volume 2_masks/liver.nii.gz",
        "volume 3_masks/spleen.nii.gz",
        "volume 3_masks/kidney.nii.gz",
    }
    assert read_label_map(tmp_path / "a_b_ c_masks" / "kidney.nii.gz").values[1, 1, 2] == 1


def test_marks_of_every_image_are_undone_with_the_model_that_is_open(desk: Any, tmp_path: Path) -> None:
    session = desk.session
    session.classes.add("tumour")
    mark(session, "liver")
    other = tmp_path / "other.safetensors"
    io.write_model(other, make_model(ClassTable.from_names(["lung", "heart"]), "other"))
    mark(session, "tumour")
    session.models.open(other)
    assert session.can_undo, "opening a model took away what could be undone"
    assert session.state.classes.names == ("lung", "heart", "liver", "tumour")
    session.undo()
    assert set(names_of(session, session.state.annotations)) == {"liver"}
    assert session.state.model.name == "other"
    assert session.state.can_predict(id_of(session, "lung"))
    assert session.state.classes.names == ("lung", "heart", "liver", "tumour")
    session.undo()
    session.undo()
    assert session.state.annotations == {}
    assert session.state.classes.names == ("lung", "heart")
    for _ in range(3):
        session.redo()
    assert set(names_of(session, session.state.annotations)) == {"liver", "tumour"}
    assert desk.heard.failures == []


def test_marks_of_two_grids_of_one_image_are_both_kept(desk: Any, volume: Image) -> None:
    session = desk.session
    mark(session, "liver")
    session.images.show(Image(volume.array[:, :, :, :3], Geometry.with_spacing((6, 5, 3), (1, 1, 1)), volume.name))
    mark(session, "spleen")
    session.images.show(volume)
    assert set(names_of(session, session.state.annotations)) == {"liver"}
    assert len(session.unsaved.marks) == 2
    session.images.show(Image(volume.array[:, :, :, :3], Geometry.with_spacing((6, 5, 3), (1, 1, 1)), volume.name))
    assert set(names_of(session, session.state.annotations)) == {"spleen"}
    assert len(session.unsaved.marks) == 2


def test_marks_of_a_class_are_those_of_the_models_class_of_that_name_in_other_letters(
    empty: Any, model_path: Path, volume: Image
) -> None:
    session = empty.session
    session.images.show(volume)
    session.classes.add("Liver")
    mark(session, "Liver")
    session.models.open(model_path)
    assert session.state.classes.names == ("liver", "spleen", "kidney")
    assert lost(session) == {"volume": ("liver",)}
    assert names_of(session, session.state.annotations) == ["liver"]


def test_closing_ends_without_a_file(desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark(desk.session, "liver")
    with slow_disk(monkeypatch):
        desk.session.exports.start(tmp_path / "a.nii.gz", "nifti")
        desk.session.close()
    desk.finish()
    assert not list(tmp_path.glob("a.*"))


def test_a_session_without_an_engine_knows_as_well() -> None:
    session = Session(Engine())
    session.images.show(make_volume())
    session.classes.add("own")
    mark(session, "own")
    assert lost(session) == {"volume": ("own",)}
    session.close()
