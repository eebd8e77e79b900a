"""The session's other commands: what is open, how classes are shown, marks, exports, and errors as signals."""

import json
import threading
from dataclasses import replace
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


def everywhere(image: Image) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.ones(image.geometry.shape, bool)


def test_opening_tells_what_changed(empty: Any, model_path: Path, volume: Image) -> None:
    empty.session.open_model(model_path)
    assert empty.heard.names() == ["model_changed", "classes_changed"]
    assert empty.session.model.name == "abdomen"
    assert empty.session.model.weights == {}
    assert empty.session.classes.names == ("liver", "spleen", "kidney")
    empty.heard.signals.clear()
    empty.session.set_image(volume)
    assert empty.heard.names() == ["image_changed"]
    assert empty.session.image is volume


def test_a_file_that_cannot_be_read_leaves_what_is_open(desk: Any, volume: Image, tmp_path: Path) -> None:
    broken = tmp_path / "broken.nii"
    broken.write_bytes(b"not an image")
    desk.session.open_image(broken)
    assert desk.session.wait(10)
    desk.session.open_image(tmp_path / "missing.nii.gz")
    assert desk.session.wait(10)
    desk.session.open_model(broken)
    desk.session.open_model("no such model")
    assert len(desk.heard.failures) == 4
    assert all(isinstance(failure, CondsegError) for failure in desk.heard.failures)
    assert isinstance(desk.heard.failures[0], ReadError)
    assert desk.session.image is volume
    assert desk.session.model.name == "abdomen"
    assert desk.heard.signals == []


def test_reading_an_image_can_be_cancelled(desk: Any, volume: Image, tmp_path: Path) -> None:
    file = tmp_path / "other.nii"
    write_image(file, volume)
    desk.session.open_image(file)
    desk.session.cancel()
    assert desk.session.wait(10)
    assert desk.session.image is volume
    assert desk.heard.notices == ["Opening other.nii was stopped."]
    desk.session.cancel()
    assert len(desk.heard.notices) == 1
    desk.session.open_image(file)
    assert desk.session.wait(10)
    assert desk.session.image is not volume


def test_an_image_that_the_model_is_not_for_is_opened_and_said_so(desk: Any) -> None:
    picture = Image(np.zeros((1, 8, 9, 1), np.uint8), Geometry.of_picture(8, 9), "picture")
    desk.session.set_image(picture)
    assert desk.session.image is picture
    assert desk.heard.failures == []  # it is no mistake: the host says it in place
    judged = desk.session.advice.of_open_model
    assert judged is not None
    assert "choose a 2D model" in str(judged.misfit)


def test_a_host_that_chooses_a_fitting_model_at_once_hears_no_complaint(desk: Any, tmp_path: Path) -> None:
    model = io.read_model(desk.session.model_path)
    flat = tmp_path / "flat.safetensors"
    settings = {**vars(model.preprocessing), "dimensions": "2D", "window": (4, 4, 1)}
    io.write_model(flat, type(model)(**{**vars(model), "preprocessing": type(model.preprocessing)(**settings)}))
    desk.session.image_changed.connect(lambda: desk.session.open_model(flat))
    desk.session.set_image(Image(np.zeros((1, 8, 9, 1), np.uint8), Geometry.of_picture(8, 9), "picture"))
    assert desk.heard.failures == []


def test_thresholds_hidden_classes_and_the_class_in_hand(desk: Any) -> None:
    session: Session = desk.session
    session.choose_class("spleen")
    session.set_threshold("spleen", 0.7)
    session.set_threshold("spleen", 1.7)
    session.set_hidden("liver", True)
    assert session.hidden == {"liver"}
    session.show_only("spleen")
    assert session.hidden == {"liver", "kidney"}
    session.show_only(None)
    assert session.hidden == frozenset()
    assert session.current_class == "spleen"
    assert session.thresholds == {"liver": 0.5, "spleen": 1.0, "kidney": 0.5}
    assert desk.heard.names() == [
        "current_class_changed",
        "threshold_changed",
        "threshold_changed",
        "visibility_changed",
        "visibility_changed",
        "visibility_changed",
    ]


def test_adding_marking_and_taking_it_all_back(desk: Any, volume: Image) -> None:
    session: Session = desk.session
    entry = session.add_class("tumour")
    assert entry is not None
    assert entry.value == 4
    session.annotate("tumour", everywhere(volume), everywhere(volume))
    session.rename_class("tumour", "lesion")
    session.recolor_class("lesion", (1, 2, 3))
    session.clear_annotation("lesion")
    for _ in range(3):
        session.undo()
    assert session.classes.names[-1] == "tumour"
    assert isinstance(session.annotations["tumour"], ChunkedAnnotation)
    session.undo()
    assert session.annotations == {}
    session.undo()
    assert session.classes.names == ("liver", "spleen", "kidney")
    assert not session.can_undo
    session.undo()
    while session.can_redo:
        session.redo()
    assert session.classes["lesion"].color == (1, 2, 3)
    assert desk.heard.failures == []


def test_undo_does_not_touch_what_is_not_an_edit(desk: Any) -> None:
    desk.session.add_class("tumour")
    desk.session.predict(["liver"])
    desk.finish()
    desk.session.set_threshold("liver", 0.9)
    desk.session.undo()
    assert desk.session.state_of("liver") == "complete"
    assert desk.session.thresholds["liver"] == 0.9


def test_a_removed_class_comes_back_with_its_prediction(desk: Any) -> None:
    desk.session.predict(["liver"])
    desk.finish()
    desk.session.remove_class("liver")
    assert "liver" not in desk.session.prediction.probabilities
    assert ("prediction_changed", ("liver", None)) in desk.heard.signals
    desk.session.undo()
    assert desk.session.state_of("liver") == "complete"


def test_marks_come_back_with_their_image(desk: Any, volume: Image) -> None:
    desk.session.annotate("liver", everywhere(volume), everywhere(volume))
    desk.session.set_image(Image(volume.array, volume.geometry, "another"))
    assert desk.session.annotations == {}
    assert not desk.session.can_undo, "undo must not reach into an image out of view"
    desk.session.set_image(volume)
    assert desk.session.annotations["liver"].state == "present"


@pytest.mark.parametrize(
    ("command", "arguments", "kind"),
    [
        ("choose_class", ("nose",), ClassTableError),
        ("set_threshold", ("nose", 0.5), ClassTableError),
        ("set_hidden", ("nose", True), ClassTableError),
        ("add_class", ("Liver",), ClassTableError),
        ("add_class", ("",), ClassTableError),
        ("add_class", ("x", (300, 0, 0)), ClassTableError),
        ("rename_class", ("liver", "spleen"), ClassTableError),
        ("rename_class", ("nose", "mouth"), ClassTableError),
        ("recolor_class", ("liver", (0, 0, 999)), ClassTableError),
        ("remove_class", ("nose",), ClassTableError),
        ("annotate", ("nose", np.ones((6, 5, 4), bool), np.ones((6, 5, 4), bool)), ClassTableError),
        ("annotate", ("liver", np.ones((6, 5), bool), np.ones((6, 5), bool)), GeometryError),
        ("annotate", ("liver", np.ones((6, 5, 4), bool), np.ones((6, 5, 5), bool)), GeometryError),
        ("export", ("x.nii.gz", "nifti"), CondsegError),
        ("export", ("x.nii.gz", "nonsense"), WriteError),
        ("export", ("x.png", "png"), WriteError),
        ("export", ("x.nii.gz", "nifti", ["nose"]), ClassTableError),
        ("export", ("x.nii.gz", "nifti", ["liver"]), CondsegError),
    ],
)
def test_commands_tell_instead_of_raising(desk: Any, command: str, arguments: tuple[Any, ...], kind: type) -> None:
    before = desk.session.classes
    assert getattr(desk.session, command)(*arguments) is None
    (failure,) = desk.heard.failures
    assert isinstance(failure, kind)
    assert desk.session.classes == before
    assert desk.heard.signals == []


def test_the_volume_is_of_the_mask_in_view(desk: Any, volume: Image) -> None:
    session: Session = desk.session
    assert session.volume_of("liver") is None
    session.predict(["liver"])
    desk.finish()
    voxels = int((volume.voxels()[0] == 1).sum())
    one = volume.geometry.voxel_volume / 1000
    assert session.volume_of("liver") == Measure(pytest.approx(voxels * one), "ml")  # type: ignore[arg-type]
    session.set_threshold("liver", 0.01)  # the stand-in's background is 10 of 255
    everything = session.volume_of("liver")
    assert everything is not None
    assert everything.value == pytest.approx(120 * one)
    session.annotate("liver", ~everywhere(volume), everywhere(volume))
    nothing = session.volume_of("liver")
    assert nothing is not None
    assert nothing.value == 0.0
    session.undo()
    assert session.volume_of("liver") == everything


def test_the_volume_grows_as_blocks_arrive(desk: Any, volume: Image) -> None:
    gate = desk.hold()
    desk.session.predict(["liver"])
    gate.release(1)
    desk.until(lambda: desk.session.state_of("liver") == "filling")
    first = desk.session.volume_of("liver").value
    desk.finish()
    assert desk.session.volume_of("liver").value > first > 0


def exported(desk: Any) -> tuple[Path, ...]:
    desk.finish()
    assert desk.heard.failures == []
    ((paths,),) = [values for name, values in desk.heard.signals if name == "exported"]
    return paths  # type: ignore[no-any-return]


def test_a_label_map_is_exported_with_all_that_is_known_of_it(desk: Any, volume: Image, tmp_path: Path) -> None:
    desk.session.predict(["liver", "spleen"])
    desk.finish()
    desk.session.set_threshold("spleen", 0.25)
    corner = ~everywhere(volume)
    corner[0, 0, 0] = True
    desk.session.annotate("kidney", corner, corner)
    desk.session.export(tmp_path / "masks.nii.gz", "nifti")
    paths = exported(desk)
    assert all(path.is_file() for path in paths)
    written = nibabel.nifti1.Nifti1Image.from_filename(tmp_path / "masks.nii.gz")
    np.testing.assert_array_equal(np.asarray(written.dataobj), desk.session.labels().array)
    np.testing.assert_allclose(written.affine, volume.geometry.affine, atol=1e-6)
    record = json.loads((tmp_path / "masks.json").read_text())
    text = json.dumps(record)
    for part in ("abdomen", io.file_hash(desk.session.model_path), "0.25", "most probable", "condseg 0"):
        assert part in text
    again = io.read_label_map(tmp_path / "masks.nii.gz", volume)
    assert again.classes.names == ("liver", "spleen", "kidney")


def test_one_mask_a_class_keeps_overlaps(desk: Any, volume: Image, tmp_path: Path) -> None:
    desk.session.predict(["liver", "spleen"])
    desk.finish()
    desk.session.set_threshold("spleen", 0.01)
    desk.session.export(tmp_path / "masks", "nifti-masks", ["liver", "spleen"])
    exported(desk)
    for name in ("liver", "spleen"):
        mask = io.read_binary_mask(tmp_path / "masks" / f"{name}.nii.gz", volume)
        np.testing.assert_array_equal(mask, desk.session.mask_of(name))
    assert desk.session.mask_of("spleen").all()


def test_a_pictures_masks_are_exported_as_png(empty: Any, tmp_path: Path) -> None:
    picture = Image(np.zeros((1, 8, 6, 1), np.uint8), Geometry.of_picture(8, 6), "picture")
    empty.session.set_image(picture)
    empty.session.add_class("leaf", (10, 200, 30))
    mask = np.zeros((8, 6, 1), bool)
    mask[5:, :2] = True
    empty.session.annotate("leaf", mask, mask)
    empty.session.export(tmp_path / "leaf.png", "png")
    exported(empty)
    with PIL.Image.open(tmp_path / "leaf.png") as written:
        np.testing.assert_array_equal(np.asarray(written), mask[:, :, 0].T)
        assert written.convert("RGB").getpixel((7, 0)) == (10, 200, 30)


def test_the_order_of_classes_decides_and_is_recorded(desk: Any, volume: Image, tmp_path: Path) -> None:
    desk.session.predict()
    desk.finish()
    for name in desk.session.classes.names:
        desk.session.set_threshold(name, 0.0)  # so that each class claims every voxel
    desk.session.set_priority(["kidney", "liver"])
    assert desk.session.priority == ("kidney", "liver", "spleen")
    assert ("priority_changed", ()) in desk.heard.signals
    assert (desk.session.labels().values == 3).all()
    assert desk.session.conflicts((slice(0, 2), slice(None), slice(None))).all()
    desk.session.rename_class("kidney", "left kidney")
    assert desk.session.priority == ("left kidney", "liver", "spleen")
    desk.session.undo()
    assert desk.session.priority == ("kidney", "liver", "spleen")
    desk.session.export(tmp_path / "scan.nii.gz", "nifti", ["liver", "kidney"])
    desk.session.export(tmp_path / "scan_masks", "nifti-masks", ["liver", "kidney"])
    desk.finish()
    one, kept = (io.read_registry(path) for path in (tmp_path / "scan.json", tmp_path / "scan_masks" / "classes.json"))
    assert one.priority == ("kidney", "liver")
    assert "first in the order of 'priority'" in one.merge_rule
    assert (kept.priority, "whatever other classes" in kept.merge_rule) == ((), True)
    desk.session.set_priority(None)
    assert desk.session.priority is None
    desk.session.set_priority(["nobody"])
    (failure,) = desk.heard.failures
    assert "no class 'nobody'" in str(failure)


def test_figures_have_the_models_confidence(desk: Any, volume: Image, tmp_path: Path) -> None:
    desk.session.predict(["spleen"])
    desk.finish()
    none = np.zeros(volume.geometry.shape, np.bool_)
    desk.session.add_class("cyst")
    desk.session.annotate("cyst", ~none, ~none)
    desk.session.export(tmp_path / "scan.csv", "statistics")
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
    desk.session.predict(["liver", "spleen"])
    desk.finish()
    asked, gate, corrected = threading.Event(), threading.Event(), fusing.corrected

    def held(*args: Any, **named: Any) -> NDArray[np.uint8]:
        asked.set()
        assert gate.wait(10)
        return corrected(*args, **named)

    monkeypatch.setattr(fusing, "corrected", held)
    folder = tmp_path / "out"
    folder.mkdir()
    desk.session.export(io.export_format(key).named(folder, "scan"), key)
    assert asked.wait(10)
    desk.until(lambda: desk.session.export_progress.text in ("liver", "slice 1"))
    desk.session.cancel_export()
    assert desk.session.export_progress is None
    gate.set()
    desk.finish()
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert desk.heard.failures == []
    assert "exported" not in desk.heard.names()


def test_an_export_that_fails_is_told(desk: Any, tmp_path: Path) -> None:
    desk.session.predict(["liver"])
    desk.finish()
    (tmp_path / "file").write_text("in the way")
    desk.session.export(tmp_path / "file" / "masks.nii.gz", "nifti")
    desk.finish()
    assert len(desk.heard.failures) == 1
    assert desk.session.state_of("liver") == "complete"


def test_an_incomplete_class_is_recorded_as_such(desk: Any, tmp_path: Path) -> None:
    gate = desk.hold()
    desk.session.predict(["liver"])
    gate.release(1)
    desk.until(lambda: desk.session.state_of("liver") == "filling")
    desk.session.cancel()
    desk.session.export(tmp_path / "masks.nii.gz", "nifti")
    desk.finish()
    assert "liver" in json.dumps(json.loads((tmp_path / "masks.json").read_text())["incomplete"])


def test_the_device_is_asked_in_the_background(desk: Any) -> None:
    desk.session.find_device()
    assert desk.session.job is None
    desk.finish()
    assert desk.session.device.name == "stand-in"
    assert desk.heard.names() == ["device_changed"]


def test_closing_stops_the_work(desk: Any) -> None:
    gate = desk.hold()
    desk.session.predict()
    assert desk.tools.entered.acquire(timeout=5)
    desk.session.close()
    gate.release(1)
    assert desk.session.wait(10)
    assert desk.session.job is None
    assert desk.tools.calls == 1
    assert desk.heard.failures == []


def test_own_classes_need_no_model(empty: Any, volume: Image) -> None:
    empty.session.set_image(volume)
    empty.session.add_class("tumour")
    empty.session.annotate("tumour", everywhere(volume), everywhere(volume))
    assert empty.session.labels().array.all()
    (row,) = empty.session.classes
    assert (replace(row, id=""),) == ClassTable.from_names(["tumour"]).entries
