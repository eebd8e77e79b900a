"""The session's other commands: what is open, how classes are shown, marks, exports, and errors as signals."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import nibabel.nifti1
import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from condseg_app import io
from condseg_app.data import ChunkedAnnotation, ClassTable, Geometry, Image
from condseg_app.errors import ClassTableError, CondsegError, GeometryError, ReadError, WriteError
from condseg_app.io.image_files import write_image
from condseg_app.session import Measure, Session, fusing
from tests.classes import complete_names, id_of, ids_of

(LIVER,) = ClassTable.from_names(["liver"]).ids


def everywhere(image: Image) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.ones(image.geometry.shape, bool)


def test_opening_tells_what_changed(empty: Any, model_path: Path, volume: Image) -> None:
    empty.session.models.open(model_path)
    assert empty.heard.names() == ["models.changed", "classes.changed"]
    assert empty.session.state.model.name == "abdomen"
    assert empty.session.state.model.weights == {}
    assert empty.session.state.classes.names == ("liver", "spleen", "kidney")
    empty.heard.signals.clear()
    empty.session.images.show(volume)
    assert empty.heard.names() == ["images.changed"]
    assert empty.session.state.image is volume


def test_a_file_that_cannot_be_read_leaves_what_is_open(desk: Any, volume: Image, tmp_path: Path) -> None:
    broken = tmp_path / "broken.nii"
    broken.write_bytes(b"not an image")
    desk.session.images.open(broken)
    assert desk.session.wait(10)
    desk.session.images.open(tmp_path / "missing.nii.gz")
    assert desk.session.wait(10)
    desk.session.models.open(broken)
    desk.session.models.open("no such model")
    assert len(desk.heard.failures) == 4
    assert all(isinstance(failure, CondsegError) for failure in desk.heard.failures)
    assert isinstance(desk.heard.failures[0], ReadError)
    assert desk.session.state.image is volume
    assert desk.session.state.model.name == "abdomen"
    assert set(desk.heard.names()) <= {"jobs.changed", "jobs.progressed"}


def test_reading_an_image_can_be_cancelled(desk: Any, volume: Image, tmp_path: Path) -> None:
    file = tmp_path / "other.nii"
    write_image(file, volume)
    desk.session.images.open(file)
    desk.session.jobs.cancel()
    assert desk.session.wait(10)
    assert desk.session.state.image is volume
    assert desk.heard.notices == ["Opening other.nii was stopped."]
    desk.session.jobs.cancel()
    assert len(desk.heard.notices) == 1
    desk.session.images.open(file)
    assert desk.session.wait(10)
    assert desk.session.state.image is not volume


def test_an_image_that_the_model_is_not_for_is_opened_and_said_so(desk: Any) -> None:
    picture = Image(np.zeros((1, 8, 9, 1), np.uint8), Geometry.of_picture(8, 9), "picture")
    desk.session.images.show(picture)
    assert desk.session.state.image is picture
    assert desk.heard.failures == []  # it is no mistake: the host says it in place
    judged = desk.session.models.advice.of_open_model
    assert judged is not None
    assert "choose a 2D model" in str(judged.misfit)


def test_a_host_that_chooses_a_fitting_model_at_once_hears_no_complaint(desk: Any, tmp_path: Path) -> None:
    model = io.read_model(desk.session.state.model_path)
    flat = tmp_path / "flat.safetensors"
    settings = {**vars(model.preprocessing), "dimensions": "2D", "window": (4, 4, 1)}
    io.write_model(flat, type(model)(**{**vars(model), "preprocessing": type(model.preprocessing)(**settings)}))
    desk.session.images.changed.connect(lambda: desk.session.models.open(flat))
    desk.session.images.show(Image(np.zeros((1, 8, 9, 1), np.uint8), Geometry.of_picture(8, 9), "picture"))
    assert desk.heard.failures == []


def test_thresholds_hidden_classes_and_the_class_in_hand(desk: Any) -> None:
    session: Session = desk.session
    session.classes.choose(id_of(session, "spleen"))
    session.classes.set_threshold(id_of(session, "spleen"), 0.7)
    session.classes.set_threshold(id_of(session, "spleen"), 1.7)
    session.classes.set_hidden(id_of(session, "liver"), True)
    assert session.state.hidden == set(ids_of(session, {"liver"}))
    session.classes.show_only(id_of(session, "spleen"))
    assert session.state.hidden == set(ids_of(session, {"liver", "kidney"}))
    session.classes.show_only(None)
    assert session.state.hidden == set(ids_of(session, frozenset()))
    assert session.state.current_class == id_of(session, "spleen")
    assert [session.state.threshold(id_of(session, name)) for name in ("liver", "spleen", "kidney")] == [
        0.5,
        1.0,
        0.5,
    ]
    assert desk.heard.names() == [
        "classes.current_changed",
        "classes.threshold_changed",
        "classes.threshold_changed",
        "classes.visibility_changed",
        "classes.visibility_changed",
        "classes.visibility_changed",
    ]


def test_adding_marking_and_taking_it_all_back(desk: Any, volume: Image) -> None:
    session: Session = desk.session
    entry = session.classes.add("tumour")
    assert entry is not None
    assert entry.value == 4
    session.annotations.put(id_of(session, "tumour"), ChunkedAnnotation.of(everywhere(volume), everywhere(volume)))
    session.classes.rename(id_of(session, "tumour"), "lesion")
    session.classes.recolor(id_of(session, "lesion"), (1, 2, 3))
    session.annotations.clear(id_of(session, "lesion"))
    for _ in range(3):
        session.undo()
    assert session.state.classes.names[-1] == "tumour"
    assert isinstance(session.state.annotations[id_of(session, "tumour")], ChunkedAnnotation)
    session.undo()
    assert session.state.annotations == {}
    session.undo()
    assert session.state.classes.names == ("liver", "spleen", "kidney")
    assert not session.can_undo
    session.undo()
    while session.can_redo:
        session.redo()
    assert session.state.classes["lesion"].color == (1, 2, 3)
    assert desk.heard.failures == []


def test_undo_does_not_touch_what_is_not_an_edit(desk: Any) -> None:
    desk.session.classes.add("tumour")
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    desk.finish()
    desk.session.classes.set_threshold(id_of(desk.session, "liver"), 0.9)
    desk.session.undo()
    assert desk.session.state.state_of(id_of(desk.session, "liver")) == "complete"
    assert desk.session.state.threshold(id_of(desk.session, "liver")) == 0.9


def test_a_removed_class_comes_back_with_its_prediction(desk: Any) -> None:
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    desk.finish()
    liver = id_of(desk.session, "liver")
    desk.session.classes.remove(liver)
    assert complete_names(desk.session) == set()
    assert ("predictions.changed", (liver, None)) in desk.heard.signals
    desk.session.undo()
    assert desk.session.state.state_of(id_of(desk.session, "liver")) == "complete"


def test_marks_come_back_with_their_image(desk: Any, volume: Image) -> None:
    desk.session.annotations.put(
        id_of(desk.session, "liver"), ChunkedAnnotation.of(everywhere(volume), everywhere(volume))
    )
    desk.session.images.show(Image(volume.array, volume.geometry, "another"))
    assert desk.session.state.annotations == {}
    assert not desk.session.can_undo, "undo must not reach into an image out of view"
    desk.session.images.show(volume)
    assert desk.session.state.annotations[id_of(desk.session, "liver")].state == "present"


@pytest.mark.parametrize(
    ("command", "arguments", "kind"),
    [
        ("classes.choose", ("nose",), ClassTableError),
        ("classes.set_threshold", ("nose", 0.5), ClassTableError),
        ("classes.set_hidden", ("nose", True), ClassTableError),
        ("classes.add", ("Liver",), ClassTableError),
        ("classes.add", ("",), ClassTableError),
        ("classes.add", ("x", (300, 0, 0)), ClassTableError),
        ("classes.rename", (LIVER, "spleen"), ClassTableError),
        ("classes.rename", ("nose", "mouth"), ClassTableError),
        ("classes.recolor", (LIVER, (0, 0, 999)), ClassTableError),
        ("classes.remove", ("nose",), ClassTableError),
        ("annotations.put", ("nose", ChunkedAnnotation.empty((6, 5, 4))), ClassTableError),
        ("annotations.put", (LIVER, ChunkedAnnotation.empty((6, 5, 1))), GeometryError),
        ("exports.start", ("x.nii.gz", "nifti"), CondsegError),
        ("exports.start", ("x.nii.gz", "nonsense"), WriteError),
        ("exports.start", ("x.png", "png"), WriteError),
        ("exports.start", ("x.nii.gz", "nifti", ["nose"]), ClassTableError),
        ("exports.start", ("x.nii.gz", "nifti", [LIVER]), CondsegError),
    ],
)
def test_commands_tell_instead_of_raising(desk: Any, command: str, arguments: tuple[Any, ...], kind: type) -> None:
    before = desk.session.state.classes
    assert attrgetter(command)(desk.session)(*arguments) is None
    (failure,) = desk.heard.failures
    assert isinstance(failure, kind)
    assert desk.session.state.classes == before
    assert desk.heard.signals == []


def test_the_volume_is_of_the_mask_in_view(desk: Any, volume: Image) -> None:
    session: Session = desk.session
    assert session.predictions.volume(id_of(session, "liver")) is None
    session.predictions.start(ids_of(session, ["liver"]))
    desk.finish()
    voxels = int((volume.voxels()[0] == 1).sum())
    one = volume.geometry.voxel_volume / 1000
    assert session.predictions.volume(id_of(session, "liver")) == Measure(pytest.approx(voxels * one), "ml")  # type: ignore[arg-type]
    session.classes.set_threshold(id_of(session, "liver"), 0.01)  # the stand-in's background is 10 of 255
    everything = session.predictions.volume(id_of(session, "liver"))
    assert everything is not None
    assert everything.value == pytest.approx(120 * one)
    session.annotations.put(id_of(session, "liver"), ChunkedAnnotation.of(~everywhere(volume), everywhere(volume)))
    nothing = session.predictions.volume(id_of(session, "liver"))
    assert nothing is not None
    assert nothing.value == 0.0
    session.undo()
    assert session.predictions.volume(id_of(session, "liver")) == everything


def test_the_volume_grows_as_blocks_arrive(desk: Any, volume: Image) -> None:
    gate = desk.hold()
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    gate.release(1)
    desk.until(lambda: desk.session.state.state_of(id_of(desk.session, "liver")) == "filling")
    first = desk.session.predictions.volume(id_of(desk.session, "liver")).value
    desk.finish()
    assert desk.session.predictions.volume(id_of(desk.session, "liver")).value > first > 0


def exported(desk: Any) -> tuple[Path, ...]:
    desk.finish()
    assert desk.heard.failures == []
    ((paths,),) = [values for name, values in desk.heard.signals if name == "exports.written"]
    return paths  # type: ignore[no-any-return]


def test_a_label_map_is_exported_with_all_that_is_known_of_it(desk: Any, volume: Image, tmp_path: Path) -> None:
    desk.session.predictions.start(ids_of(desk.session, ["liver", "spleen"]))
    desk.finish()
    desk.session.classes.set_threshold(id_of(desk.session, "spleen"), 0.25)
    corner = ~everywhere(volume)
    corner[0, 0, 0] = True
    desk.session.annotations.put(id_of(desk.session, "kidney"), ChunkedAnnotation.of(corner, corner))
    desk.session.exports.start(tmp_path / "masks.nii.gz", "nifti")
    paths = exported(desk)
    assert all(path.is_file() for path in paths)
    written = nibabel.nifti1.Nifti1Image.from_filename(tmp_path / "masks.nii.gz")
    np.testing.assert_array_equal(np.asarray(written.dataobj), fusing.labels(desk.session.state).array)
    np.testing.assert_allclose(written.affine, volume.geometry.affine, atol=1e-6)
    record = json.loads((tmp_path / "masks.json").read_text())
    text = json.dumps(record)
    for part in ("abdomen", io.file_hash(desk.session.state.model_path), "0.25", "most probable", "condseg 0"):
        assert part in text
    again = io.read_label_map(tmp_path / "masks.nii.gz", volume)
    assert again.classes.names == ("liver", "spleen", "kidney")


def test_one_mask_a_class_keeps_overlaps(desk: Any, volume: Image, tmp_path: Path) -> None:
    desk.session.predictions.start(ids_of(desk.session, ["liver", "spleen"]))
    desk.finish()
    desk.session.classes.set_threshold(id_of(desk.session, "spleen"), 0.01)
    desk.session.exports.start(tmp_path / "masks", "nifti-masks", ids_of(desk.session, ["liver", "spleen"]))
    exported(desk)
    for name in ("liver", "spleen"):
        mask = io.read_binary_mask(tmp_path / "masks" / f"{name}.nii.gz", volume)
        np.testing.assert_array_equal(mask, fusing.mask(desk.session.state, id_of(desk.session, name)))
    assert fusing.mask(desk.session.state, id_of(desk.session, "spleen")).all()


def test_a_pictures_masks_are_exported_as_png(empty: Any, tmp_path: Path) -> None:
    picture = Image(np.zeros((1, 8, 6, 1), np.uint8), Geometry.of_picture(8, 6), "picture")
    empty.session.images.show(picture)
    empty.session.classes.add("leaf", (10, 200, 30))
    mask = np.zeros((8, 6, 1), bool)
    mask[5:, :2] = True
    empty.session.annotations.put(id_of(empty.session, "leaf"), ChunkedAnnotation.of(mask, mask))
    empty.session.exports.start(tmp_path / "leaf.png", "png")
    exported(empty)
    with PIL.Image.open(tmp_path / "leaf.png") as written:
        np.testing.assert_array_equal(np.asarray(written), mask[:, :, 0].T)
        assert written.convert("RGB").getpixel((7, 0)) == (10, 200, 30)


def test_the_order_of_classes_decides_and_is_recorded(desk: Any, volume: Image, tmp_path: Path) -> None:
    desk.session.predictions.start()
    desk.finish()
    for name in desk.session.state.classes.names:
        desk.session.classes.set_threshold(id_of(desk.session, name), 0.0)  # so that each class claims every voxel
    desk.session.classes.set_priority(ids_of(desk.session, ["kidney", "liver"]))
    assert desk.session.state.in_priority == tuple(ids_of(desk.session, ("kidney", "liver", "spleen")))
    assert ("classes.priority_changed", ()) in desk.heard.signals
    assert (fusing.labels(desk.session.state).values == 3).all()
    assert fusing.conflicts(desk.session.state, (slice(0, 2), slice(None), slice(None))).all()
    desk.session.classes.rename(id_of(desk.session, "kidney"), "left kidney")
    assert desk.session.state.in_priority == tuple(ids_of(desk.session, ("left kidney", "liver", "spleen")))
    desk.session.undo()
    assert desk.session.state.in_priority == tuple(ids_of(desk.session, ("kidney", "liver", "spleen")))
    desk.session.exports.start(tmp_path / "scan.nii.gz", "nifti", ids_of(desk.session, ["liver", "kidney"]))
    desk.session.exports.start(tmp_path / "scan_masks", "nifti-masks", ids_of(desk.session, ["liver", "kidney"]))
    desk.finish()
    one, kept = (io.read_registry(path) for path in (tmp_path / "scan.json", tmp_path / "scan_masks" / "classes.json"))
    assert one.priority == ("kidney", "liver")
    assert "first in the order of 'priority'" in one.merge_rule
    assert (kept.priority, "whatever other classes" in kept.merge_rule) == ((), True)
    desk.session.classes.set_priority(None)
    assert desk.session.state.in_priority is None
    desk.session.classes.set_priority(ids_of(desk.session, ["nobody"]))
    (failure,) = desk.heard.failures
    assert "not in the table" in str(failure)


def test_figures_have_the_models_confidence(desk: Any, volume: Image, tmp_path: Path) -> None:
    desk.session.predictions.start(ids_of(desk.session, ["spleen"]))
    desk.finish()
    none = np.zeros(volume.geometry.shape, np.bool_)
    desk.session.classes.add("cyst")
    desk.session.annotations.put(id_of(desk.session, "cyst"), ChunkedAnnotation.of(~none, ~none))
    desk.session.exports.start(tmp_path / "scan.csv", "statistics")
    desk.finish()
    assert desk.heard.failures == []
    content = json.loads((tmp_path / "scan.json").read_text(encoding="utf-8"))
    spleen, cyst = content["statistics"]
    assert spleen["confidence"] == pytest.approx(200 / 255)
    assert spleen["voxels"] == np.count_nonzero(volume.voxels()[0] == 2)
    assert (cyst["confidence"], cyst["voxels"]) == (None, none.size)


@pytest.mark.parametrize("key", ["nifti", "nifti-masks", "seg-nrrd", "coco", "mesh-stl", "statistics"])
def test_an_export_says_how_far_it_is_and_writes_nothing_once_it_is_cancelled(
    desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    desk.session.predictions.start(ids_of(desk.session, ["liver", "spleen"]))
    desk.finish()
    asked, gate = threading.Event(), threading.Event()

    def held(read: Callable[..., NDArray[Any]], *args: Any, **named: Any) -> NDArray[Any]:
        asked.set()
        assert gate.wait(10)
        return read(*args, **named)

    for name in ("corrected", "shown"):
        monkeypatch.setattr(fusing, name, partial(held, getattr(fusing, name)))
    folder = tmp_path / "out"
    folder.mkdir()
    desk.session.exports.start(io.export_format(key).named(folder, "scan"), key)
    assert asked.wait(10)
    desk.until(lambda: desk.session.exports.progress.text in ("liver", "slice 1"))
    desk.session.exports.cancel()
    assert desk.session.exports.progress is None
    gate.set()
    desk.finish()
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert desk.heard.failures == []
    assert "exports.written" not in desk.heard.names()


def test_an_export_that_fails_is_told(desk: Any, tmp_path: Path) -> None:
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    desk.finish()
    (tmp_path / "file").write_text("in the way")
    desk.session.exports.start(tmp_path / "file" / "masks.nii.gz", "nifti")
    desk.finish()
    assert len(desk.heard.failures) == 1
    assert desk.session.state.state_of(id_of(desk.session, "liver")) == "complete"


def test_an_incomplete_class_is_recorded_as_such(desk: Any, tmp_path: Path) -> None:
    gate = desk.hold()
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    gate.release(1)
    desk.until(lambda: desk.session.state.state_of(id_of(desk.session, "liver")) == "filling")
    desk.session.jobs.cancel()
    desk.session.exports.start(tmp_path / "masks.nii.gz", "nifti")
    desk.finish()
    assert "liver" in json.dumps(json.loads((tmp_path / "masks.json").read_text())["incomplete"])


def test_the_device_is_asked_in_the_background(desk: Any) -> None:
    desk.session.computing.find_device()
    assert desk.session.jobs.current is None
    desk.finish()
    assert desk.session.computing.device.name == "stand-in"
    assert desk.heard.names() == ["computing.changed"]


def test_closing_stops_the_work(desk: Any) -> None:
    gate = desk.hold()
    desk.session.predictions.start()
    assert desk.tools.entered.acquire(timeout=5)
    desk.session.close()
    gate.release(1)
    assert desk.session.wait(10)
    assert desk.session.jobs.current is None
    assert desk.tools.calls == 1
    assert desk.heard.failures == []


def test_own_classes_need_no_model(empty: Any, volume: Image) -> None:
    empty.session.images.show(volume)
    empty.session.classes.add("tumour")
    empty.session.annotations.put(
        id_of(empty.session, "tumour"), ChunkedAnnotation.of(everywhere(volume), everywhere(volume))
    )
    assert fusing.labels(empty.session.state).values.all()
    (row,) = empty.session.state.classes
    assert (replace(row, id=""),) == ClassTable.from_names(["tumour"]).entries
