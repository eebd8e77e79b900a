"""What is said about data before a training."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from condseg_app.cli import main
from condseg_app.compute.checking import Report, check
from condseg_app.compute.training_data import Choice

SHAPE = (8, 8, 4)
MakeSet = Callable[..., Path]


@pytest.fixture
def make_set(tmp_path: Path) -> MakeSet:
    """A data set of two cases; its label map marks value 1 in the first one only."""

    def make(name: str, labels: dict[str, str], spacing: float = 1.0, **content: object) -> Path:
        folder = tmp_path / name
        for part in ("imagesTr", "labelsTr"):
            (folder / part).mkdir(parents=True)
        affine = np.diag([spacing, spacing, spacing, 1.0])
        for number in range(2):
            marks = np.zeros(SHAPE, np.uint8)
            marks[2:5] = 1 - number
            voxels = np.random.default_rng(number).integers(-100, 200, SHAPE).astype(np.int16)
            nibabel.Nifti1Image(voxels, affine).to_filename(folder / "imagesTr" / f"{number}.nii.gz")
            nibabel.Nifti1Image(marks, affine).to_filename(folder / "labelsTr" / f"{number}.nii.gz")
        (folder / "dataset.json").write_text(json.dumps({"labels": {"0": "background", **labels}, **content}))
        return folder

    return make


def checked(*folders: Path, **choice: object) -> Report:
    return check(Choice(folders, **choice), lambda _done, _total, _name: None)  # type: ignore[arg-type]


def test_every_case_is_counted_by_what_it_says_of_a_class(make_set: MakeSet) -> None:
    one = make_set("one", {"1": "liver"})
    other = make_set("other", {"1": "spleen"})
    report = checked(one, other)
    assert [s.name for s in report.sets] == ["one", "other"]
    liver = report.sets[0].classes["liver"]
    assert (liver.labelled, liver.absent, liver.unlabelled, liver.voxels) == (1, 1, 0, 3 * 8 * 4)
    unknown = report.sets[0].classes["spleen"]
    assert (unknown.labelled, unknown.absent, unknown.unlabelled, unknown.voxels) == (0, 0, 2, 0)
    assert report.sets[0].spacing == [(1.0, 1.0)] * 3
    assert report.sets[0].intensity is not None
    assert report.sets[0].intensity[0] >= -100
    assert report.wrong == ()


@pytest.mark.parametrize("other", ["Kidney Left", "left kidneys", "leftKidney", "LEFT-KIDNEY"])
def test_one_class_under_two_names_gets_a_mapping(make_set: MakeSet, other: str) -> None:
    folders = make_set("a", {"1": "left_kidney"}), make_set("b", {"1": other})
    said = checked(*folders).odd
    assert any(f"--rename '{other}=left_kidney'" in sentence for sentence in said)
    assert not any("--rename" in s for s in checked(*folders, rename={other: "left_kidney"}).odd)


def test_different_classes_are_not_taken_for_one(make_set: MakeSet) -> None:
    folders = make_set("a", {"1": "left_kidney"}), make_set("b", {"1": "right_kidney"})
    assert not any("--rename" in sentence for sentence in checked(*folders).odd)


def test_voxel_sizes_that_differ_tenfold_are_told(make_set: MakeSet) -> None:
    folders = make_set("fine", {"1": "liver"}, spacing=0.5), make_set("coarse", {"1": "liver"}, spacing=5.0)
    (said,) = [s for s in checked(*folders).odd if "voxel sizes" in s]
    assert "0.5 mm (fine, 0)" in said
    assert "5 mm (coarse, 1)" in said


def test_a_class_that_is_never_marked_and_a_value_without_a_name_are_told(make_set: MakeSet) -> None:
    report = checked(make_set("a", {"2": "liver"}))
    assert any("no case marks a voxel of 'liver'" in s for s in report.wrong)
    assert any("label 1 is not in the class table" in s for s in report.odd)


def test_an_empty_group_is_told(make_set: MakeSet) -> None:
    folder = make_set("a", {"1": "liver", "2": "spleen"}, single_class_groups={"liver": ["0"], "spleen": []})
    assert any("single/spleen is without a case" in s for s in checked(folder, groups="single").odd)


def test_a_damaged_file_is_told_and_the_others_are_still_read(make_set: MakeSet) -> None:
    folder = make_set("a", {"1": "liver"})
    (folder / "imagesTr" / "1.nii.gz").write_bytes(b"no image")
    report = checked(folder)
    assert len(report.wrong) == 1
    assert "1.nii.gz" in report.wrong[0]
    assert report.sets[0].classes["liver"].labelled == 1


def test_the_command_shows_it_and_its_exit_code_says_whether_something_is_wrong(
    make_set: MakeSet, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = make_set("a", {"1": "liver"})
    assert main(["train", str(folder), "--check"]) == 0
    assert "liver" in capfd.readouterr().out
    shutil.rmtree(folder)
    assert main(["train", str(make_set("a", {"2": "liver"})), "--check"]) == 2
    assert "wrong: no case marks a voxel of 'liver'" in capfd.readouterr().out


def test_a_training_says_what_looks_odd_before_it_starts(
    make_set: MakeSet, tmp_path: Path, quick: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    folders = make_set("a", {"1": "left_kidney"}), make_set("b", {"1": "Left Kidney"})
    command = ["train", *map(str, folders), "--output", str(tmp_path / "m.safetensors"), *quick]
    assert main([*command, "--steps", "1"]) == 0
    assert any("--rename" in record.getMessage() for record in caplog.records)
