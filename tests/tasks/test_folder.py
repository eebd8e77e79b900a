"""Predicting folders: what is finished is skipped, what is broken stops no other, and all of it is on record."""

import csv
import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import nibabel
import numpy as np
import pytest

from condseg_app.cli import main
from condseg_app.data import PostProcessing, PredictionOptions
from condseg_app.errors import CondsegError, ReadError, WriteError
from condseg_app.io import read_image, read_label_map, read_registry
from condseg_app.io.image_files import write_image
from condseg_app.io.voxels import boxes as voxel_file
from condseg_app.tasks.predict_folder import (
    FolderProgress,
    PredictionPlan,
    Stage,
    image_files,
    predict_folder,
    segment_here,
)
from condseg_app.tasks.predict_image import Request
from condseg_app.tasks.prediction_report import ImageRecord, read_report

Predict = Callable[..., list[ImageRecord]]


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Three small volumes."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for n in range(3):
        write_scan(folder / f"scan_{n}.nii.gz", n)
    return folder


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "masks"


@pytest.fixture
def predict(model: Path, scans: Path, output: Path) -> Predict:
    """Predicts the folder and returns the records in the order in which they came."""

    def run(*, overwrite: bool = False, **settings: object) -> list[ImageRecord]:
        options = PredictionOptions(**settings)  # type: ignore[arg-type]
        plan = PredictionPlan(str(model), output, options, "cpu", overwrite)
        return records(predict_folder(image_files([scans], output), plan))

    return run


def write_scan(path: Path, seed: int) -> None:
    voxels = np.random.default_rng(seed).normal(0, 50, (18, 20, 9)).astype(np.int16)
    nibabel.Nifti1Image(voxels, np.diag([-2.0, -2.0, 3.0, 1.0])).to_filename(path)


def records(progress: Iterator[FolderProgress]) -> list[ImageRecord]:
    return [step.record for step in progress if step.record is not None]


def statuses(found: Sequence[ImageRecord]) -> dict[str, str]:
    return {record.name: record.status for record in found}


def rows(output: Path) -> list[dict[str, str]]:
    with (output / "report.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def command(scans: Path, model: Path, output: Path, *more: str) -> list[str]:
    return ["predict", str(scans), "--model", str(model), "--output", str(output), "--device", "cpu", *more]


ALL_DONE = {"scan_0": "done", "scan_1": "done", "scan_2": "done"}
ALL_SKIPPED = dict.fromkeys(ALL_DONE, "skipped")


def test_a_second_run_skips_what_is_finished(predict: Predict, output: Path) -> None:
    assert statuses(predict()) == ALL_DONE
    before = {file: file.stat().st_mtime_ns for file in output.glob("*_labels*")}
    assert len(before) == 9
    assert statuses(predict()) == ALL_SKIPPED
    assert statuses(predict()) == ALL_SKIPPED, "what was skipped once is still finished"
    assert {file: file.stat().st_mtime_ns for file in before} == before
    assert [row["status"] for row in rows(output)] == ["skipped"] * 3
    assert all(float(row["seconds"]) > 0 for row in rows(output)), "what is known of a skipped image stays on record"


@pytest.mark.parametrize(
    "change",
    [
        {"classes": ("dark",)},
        {"post_processing": PostProcessing(threshold=0.4)},
        {"post_processing": PostProcessing(largest={"dark": 1})},
        {"masks": True},
        {"accurate": True},
        {"overwrite": True},
    ],
)
def test_other_settings_are_another_prediction(predict: Predict, change: dict[str, Any]) -> None:
    predict()
    assert statuses(predict(**change)) == ALL_DONE


def test_another_model_of_the_same_name_is_another_prediction(
    predict: Predict, model: Path, tmp_path: Path, scans: Path, output: Path
) -> None:
    predict()
    other = tmp_path / "other" / model.name
    other.parent.mkdir()
    other.write_bytes(model.read_bytes())
    files = image_files([scans], output)
    assert statuses(records(predict_folder(files, PredictionPlan(str(other), output)))) == ALL_SKIPPED
    change_weights(other)
    assert statuses(records(predict_folder(files, PredictionPlan(str(other), output)))) == ALL_DONE


def change_weights(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-4:] = b"\0\0\0\0"
    path.write_bytes(content)


def test_a_changed_image_and_a_lost_file_are_predicted_again(predict: Predict, scans: Path, output: Path) -> None:
    predict()
    write_scan(scans / "scan_0.nii.gz", 7)
    (output / "scan_1_labels.json").unlink()
    assert statuses(predict()) == {"scan_0": "done", "scan_1": "done", "scan_2": "skipped"}


def test_one_broken_file_stops_no_other(
    model: Path, scans: Path, output: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = (scans / "scan_1.nii.gz").read_bytes()
    (scans / "scan_1.nii.gz").write_bytes(whole[: len(whole) // 2])
    assert main(command(scans, model, output)) == 2
    *lines, last = filter(None, capfd.readouterr().err.splitlines())
    assert last == f"condseg: 1 of 3 images could not be predicted; see {output / 'report.csv'}"
    assert len(lines) == 1
    assert lines[0].startswith(f"{scans / 'scan_1.nii.gz'}: the compressed data are cut off")
    assert [row["status"] for row in rows(output)] == ["done", "failed", "done"]
    assert rows(output)[1]["error"].startswith("the compressed data are cut off or damaged")
    assert not list(output.glob("scan_1*"))
    (scans / "scan_1.nii.gz").write_bytes(whole)
    assert main(command(scans, model, output)) == 0
    assert "2 of 3 images were finished before" in capfd.readouterr().out
    assert statuses(read_report(output)) == {**ALL_SKIPPED, "scan_1": "done"}


def test_further_formats_are_written_and_are_part_of_the_method(predict: Predict, output: Path, scans: Path) -> None:
    formats = ("coco", "mesh-stl", "statistics", "cvat")
    found = predict(also=formats)
    assert set(statuses(found).values()) == {"done"}
    names = {"coco": "_coco.json", "mesh-stl": "_stl/classes.json", "statistics": "_statistics.json"}
    for record in found:
        files = {file.name for file in output.rglob("*")}
        assert set(record.files) >= {
            f"{record.name}{ending}" for ending in (*names.values(), "_statistics.csv", "_cvat.zip")
        }
        assert {Path(file).name for file in record.files} <= files
        labels = read_label_map(output / f"{record.name}_labels.nii.gz")
        for ending in names.values():
            registry = read_registry(output / f"{record.name}{ending}")
            assert registry.classes == labels.classes
            assert (registry.model, len(registry.model_sha256 or "")) == ("blobs", 64)
            assert set(registry.thresholds.values()) == {0.5}
        content = json.loads((output / f"{record.name}_statistics.json").read_text(encoding="utf-8"))
        counted = {row["class"]: row["voxels"] for row in content["statistics"]}
        assert counted == {volume.name: volume.voxels for volume in record.volumes}
    assert set(statuses(predict(also=formats)).values()) == {"skipped"}
    assert set(statuses(predict()).values()) == {"done"}


def test_a_format_that_is_not_there_or_not_for_an_image_is_told(predict: Predict) -> None:
    with pytest.raises(WriteError, match="there is no format 'gif'; choose one of: "):
        predict(also=("gif",))
    (failed, *_) = predict(also=("labelme",))
    assert failed.status == "failed"
    assert failed.error.endswith("the format 'Labelme JSON' is not for volumes; choose another one")
    assert failed.files == ()


def test_the_report_says_how_much_of_each_class_there_is(predict: Predict, output: Path, scans: Path) -> None:
    predict(masks=True)
    content = json.loads((output / "report.json").read_text(encoding="utf-8"))
    assert (content["schema"], content["version"]) == ("condseg-predictions", 1)
    for row, image in zip(rows(output), content["images"], strict=True):
        labels = read_label_map(output / f"{image['name']}_labels.nii.gz")
        assert row["image"] == image["image"] == str((scans / f"{image['name']}.nii.gz").resolve())
        assert row["model"] == "blobs"
        assert len(row["model_sha256"]) == 64
        assert row["device"].startswith("cpu")
        assert row["worker"]
        assert row["software"].startswith("condseg ")
        assert all((output / file).is_file() for file in row["files"].split("; "))
        for volume in image["volumes"]:
            voxels = int(labels.mask(volume["name"]).sum())
            assert volume["voxels"] == int(row[f"{volume['name']} (voxels)"]) == voxels
            assert volume["volume"] == pytest.approx(voxels * 0.012)
            assert float(row[f"{volume['name']} (ml)"]) == pytest.approx(voxels * 0.012, rel=1e-5)


def test_an_image_that_changes_while_it_is_predicted_is_noticed(
    model: Path, scans: Path, output: Path, predict: Predict
) -> None:
    def segment_slowly(files: Sequence[Path], request: Request) -> Iterator[Stage]:
        for stage in segment_here(files, request):
            if stage.outcome is not None and stage.outcome.file.name == "scan_1.nii.gz":
                write_scan(stage.outcome.file, 9)
            yield stage

    plan = PredictionPlan(str(model), output, device="cpu")
    found = records(predict_folder(image_files([scans], output), plan, segment_slowly))
    assert statuses(found) == {**ALL_DONE, "scan_1": "failed"}
    assert "changed while it was predicted" in found[1].error
    assert not list(output.glob("scan_1*"))
    assert statuses(predict()) == {**ALL_SKIPPED, "scan_1": "done"}


def test_a_full_disk_stops_at_once_and_leaves_nothing_half_written(
    predict: Predict, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_box(file: BinaryIO, *voxels: Any) -> None:
        if (output / "scan_0_labels.nii.gz").exists():
            file.write(b"half of them")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        voxel_file.write_box(file, *voxels)

    with monkeypatch.context() as patched:
        patched.setattr("condseg_app.io.nifti.writer.write_box", write_box)
        with pytest.raises(WriteError, match=r"scan_1_labels.*No space left on device.*free the disk"):
            predict()
    assert {file.name for file in output.iterdir()} == {
        *("scan_0_labels.nii.gz", "scan_0_labels.json", "scan_0_labels.label.txt", "report.json", "report.csv")
    }
    assert statuses(read_report(output)) == {"scan_0": "done"}
    assert statuses(predict()) == {**ALL_DONE, "scan_0": "skipped"}


def test_files_of_an_earlier_method_are_not_taken_for_finished_after_a_crash(
    predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict()

    def crash(folder: object, outcome: object, **known: object) -> ImageRecord:
        raise KeyboardInterrupt  # after the masks are written, before they are on record

    with monkeypatch.context() as patched:
        patched.setattr("condseg_app.tasks.predict_folder._Folder._record", crash)
        with pytest.raises(KeyboardInterrupt):
            predict(post_processing=PostProcessing(threshold=0.9))
    assert statuses(predict()) == {**ALL_SKIPPED, "scan_0": "done"}


def test_images_of_one_name_do_not_share_their_masks(model: Path, scans: Path, output: Path) -> None:
    (scans.parent / "more").mkdir()
    write_scan(scans.parent / "more" / "SCAN_1.nii", 5)
    files = image_files([scans, scans.parent / "more"], output)
    found = records(predict_folder(files, PredictionPlan(str(model), output)))
    assert statuses(found) == dict.fromkeys(("scan_0", "scan_2", "scans_scan_1", "more_SCAN_1"), "done")
    assert {record.name: Path(record.image).parent.name for record in found if "1" in record.name} == {
        "scans_scan_1": "scans",
        "more_SCAN_1": "more",
    }
    write_scan(scans / "patient.1.nii.gz", 3)
    write_scan(scans / "patient.2.nii.gz", 4)
    found = records(predict_folder(image_files([scans], output), PredictionPlan(str(model), output)))
    assert {"patient.1", "patient.2"} < statuses(found).keys()
    assert len(list(output.glob("*_labels.nii.gz"))) == 7


def test_an_image_named_twice_is_predicted_once(scans: Path, output: Path) -> None:
    assert len(image_files([scans, scans / "scan_0.nii.gz"], output)) == 3


def test_a_zarr_folder_is_an_image_and_no_folder_of_images(scans: Path, output: Path) -> None:
    path = scans / "scan_3.ome.zarr"
    write_image(path, read_image(scans / "scan_0.nii.gz"))
    assert image_files([scans], output)[-1] == path
    assert image_files([path], output) == [path]


def test_masks_do_not_go_where_the_images_are(scans: Path) -> None:
    with pytest.raises(WriteError, match="a folder of their own"):
        image_files([scans], scans)


def test_a_class_that_is_not_there_is_one_error(predict: Predict, output: Path) -> None:
    with pytest.raises(CondsegError, match="no class 'moon'"):
        predict(post_processing=PostProcessing(largest={"moon": 1}))
    assert not output.exists()


def test_a_report_of_something_else_is_left_alone(predict: Predict, output: Path) -> None:
    output.mkdir()
    (output / "report.json").write_text('{"patients": 12}')
    with pytest.raises(ReadError, match="is no report of predictions"):
        predict()
    assert (output / "report.json").read_text() == '{"patients": 12}'


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is no signal there")
def test_an_interrupted_run_keeps_what_is_finished(model: Path, scans: Path, output: Path) -> None:
    for n in range(3, 12):
        write_scan(scans / f"scan_{n}.nii.gz", n)
    process = subprocess.Popen(
        [sys.executable, "-m", "condseg_app", *command(scans, model, output)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=_as_in_a_terminal,
    )
    try:
        assert process.stdout is not None
        assert " -> " in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.communicate()
    done = statuses(read_report(output))
    assert 0 < len(done) < 12
    assert set(done.values()) == {"done"}
    assert not list(output.rglob(".condseg-*"))
    asked: list[Path] = []

    def only_note(files: Sequence[Path], request: Request) -> Iterator[Stage]:
        asked.extend(files)
        return iter(())

    plan = PredictionPlan(str(model), output)
    again = statuses(records(predict_folder(image_files([scans], output), plan, only_note)))
    assert again == dict.fromkeys(done, "skipped")
    assert len(asked) == 12 - len(done)


def _as_in_a_terminal() -> None:
    """A run in the background ignores Ctrl-C, and so would what it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_images_that_only_their_endings_tell_apart_have_masks_each(model: Path, scans: Path, output: Path) -> None:
    write_scan(scans / "scan_0.nii", 8)
    files = image_files([scans], output)
    found = records(predict_folder(files, PredictionPlan(str(model), output)))
    assert set(statuses(found).values()) == {"done"}
    assert len({file for record in found for file in record.files if file.endswith(".nii.gz")}) == 4
    again = records(predict_folder(files, PredictionPlan(str(model), output)))
    assert set(statuses(again).values()) == {"skipped"}


@pytest.mark.parametrize("name", ["n" * 240, "海" * 80])
def test_a_name_that_is_too_long_for_its_masks_is_cut(predict: Predict, scans: Path, output: Path, name: str) -> None:
    write_scan(scans / f"{name}.nii.gz", 5)
    found = predict(masks=True)
    assert set(statuses(found).values()) == {"done"}
    (cut,) = [record for record in found if Path(record.image).name == f"{name}.nii.gz"]
    assert cut.name.startswith(name[:40])
    assert all((output / file).exists() for file in cut.files)
    assert set(statuses(predict(masks=True)).values()) == {"skipped"}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_text_is_predicted_and_reported(predict: Predict, scans: Path, output: Path) -> None:
    write_scan(Path(os.fsdecode(os.fsencode(scans) + b"/br\xffn.nii.gz")), 5)
    found = predict(also=("statistics",))
    assert set(statuses(found).values()) == {"done"}
    assert any(row["image"].endswith("br\\udcffn.nii.gz") for row in rows(output))


@pytest.mark.parametrize("error", [errno.EACCES, errno.EINVAL, errno.ENAMETOOLONG, errno.EISDIR])
def test_files_that_cannot_be_written_stop_no_other_image(
    predict: Predict, output: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def write_box(file: BinaryIO, *voxels: Any) -> None:
        if (output / "scan_0_labels.nii.gz").exists() and not (output / "scan_2_labels.nii.gz").exists():
            monkeypatch.undo()
            raise OSError(error, os.strerror(error))
        voxel_file.write_box(file, *voxels)

    monkeypatch.setattr("condseg_app.io.nifti.writer.write_box", write_box)
    found = predict()
    assert statuses(found) == {"scan_0": "done", "scan_1": "failed", "scan_2": "done"}
    assert os.strerror(error) in found[1].error


def test_what_is_odd_about_an_image_is_told_once_and_reported(
    model: Path, scans: Path, output: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    voxels = np.random.default_rng(1).normal(0, 50, (18, 20, 9)).astype(np.float32)
    voxels[3, 4, 5] = np.nan
    nibabel.Nifti1Image(voxels, np.diag([-2.0, -2.0, 3.0, 1.0])).to_filename(scans / "scan_1.nii.gz")
    assert main(command(scans, model, output)) == 0
    told = [line for line in capfd.readouterr().err.splitlines() if line]
    assert len(told) == 1
    assert told[0].startswith(f"warning: {scans / 'scan_1.nii.gz'}: 1 of its voxels are not finite numbers")
    assert [row["warnings"][:15] for row in rows(output)] == ["", "1 of its voxels", ""]
    images = json.loads((output / "report.json").read_text(encoding="utf-8"))["images"]
    assert [len(image["warnings"]) for image in images] == [0, 1, 0]
    assert main(command(scans, model, output)) == 0
    assert capfd.readouterr().err.strip() == ""
    assert [row["warnings"][:15] for row in rows(output)] == ["", "1 of its voxels", ""]


def test_a_report_of_an_earlier_version_is_gone_on_with(predict: Predict, output: Path) -> None:
    predict()
    report = json.loads((output / "report.json").read_text(encoding="utf-8"))
    for image in report["images"]:
        del image["warnings"]
    (output / "report.json").write_text(json.dumps(report), encoding="utf-8")
    assert set(statuses(predict()).values()) == {"skipped"}


def test_hidden_files_are_no_images_and_folders_in_a_folder_are_told(
    scans: Path, output: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (scans / "._scan_0.nii.gz").write_bytes(b"Mac OS X")
    (scans / "more").mkdir()
    write_scan(scans / "more" / "scan_9.nii.gz", 9)
    assert [file.name for file in image_files([scans], output)] == ["scan_0.nii.gz", "scan_1.nii.gz", "scan_2.nii.gz"]
    assert "the folders in it are not searched (more); name them, too" in caplog.text
    with pytest.raises(ReadError, match="name the folders in it that do: scans"):
        image_files([scans.parent], output)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_to_a_file_that_is_not_here_is_told(scans: Path, output: Path, caplog: pytest.LogCaptureFixture) -> None:
    (scans / "annexed.nii.gz").symlink_to("../.git/annex/objects/nowhere")
    assert len(image_files([scans], output)) == 3
    assert "annexed.nii.gz: leads to a file that is not here" in caplog.text
