"""What is said about data before a training."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from condseg_app.cli import main
from condseg_app.tasks.check_data import Report, check
from condseg_app.tasks.training_data import Choice

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


def test_after_a_file_that_cannot_be_read_no_class_is_said_to_be_missing(make_set: MakeSet) -> None:
    folder = make_set("a", {"1": "liver"})
    (folder / "imagesTr" / "0.nii.gz").write_bytes(b"no image")
    report = checked(folder)
    assert len(report.wrong) == 1
    assert "0.nii.gz" in report.wrong[0]


@pytest.mark.parametrize("splits", [("train", "val"), ("train", "test"), ("val", "test")])
def test_the_same_image_in_two_splits_is_told(make_set: MakeSet, splits: tuple[str, str]) -> None:
    first, second = splits
    others = {first: ["0"], second: ["again"], "train": ["0", "1"] if first == "train" else ["1"]}
    folder = make_set("a", {"1": "liver"}, split=others)
    copied(folder, "0", "again")
    (said,) = pairs(folder)
    assert said.startswith(f"again (a, {second}) holds the same image as 0 (a, {first}): what is learnt in")


def test_the_same_voxels_in_another_file_are_the_same_image(make_set: MakeSet) -> None:
    folder = make_set("a", {"1": "liver"})
    copied(folder, "0", "again", np.float32)
    (said,) = pairs(folder)
    assert said == "again (a, train) holds the same image as 0 (a, train), and is learnt from twice"


def test_the_same_image_in_two_data_sets_is_told_unless_each_labels_its_own_class(make_set: MakeSet) -> None:
    one, other = make_set("one", {"1": "liver"}), make_set("other", {"1": "liver"})
    assert sum("the same image" in sentence for sentence in checked(one, other).odd) == 2
    (other / "dataset.json").write_text(json.dumps({"labels": {"1": "spleen"}}))
    assert not any("the same image" in sentence for sentence in checked(one, other).odd)


def test_a_long_list_of_pairs_is_cut(make_set: MakeSet) -> None:
    folder = make_set("a", {"1": "liver"})
    for n in range(4):
        copied(folder, "0", f"copy_{n}")
    said = pairs(folder)
    assert len(said) == 6
    assert said[-1] == "and 5 more pairs like these"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("sub-01_ses-1_T1w", "sub-01_ses-2_T1w", True),
        ("patient001_frame01", "patient001_frame12", True),
        ("TCGA-AB-1234-2001", "TCGA-AB-1234-2003", True),
        ("sub-01_T1w", "sub-011_T1w", False),
        ("case_001", "case_002", False),
        ("hippocampus_001", "hippocampus_003", False),
    ],
)
def test_images_of_one_patient_in_two_splits_are_told(make_set: MakeSet, one: str, other: str, same: bool) -> None:
    folder = make_set("a", {"1": "liver"}, split={"train": [one], "val": [other]})
    for old, new in (("0", one), ("1", other)):
        for part in ("imagesTr", "labelsTr"):
            (folder / part / f"{old}.nii.gz").rename(folder / part / f"{new}.nii.gz")
    said = [sentence for sentence in checked(folder).odd if "one patient's" in sentence]
    assert len(said) == same


def pairs(folder: Path) -> list[str]:
    return [sentence for sentence in checked(folder).odd if "marks no voxel" not in sentence]


def copied(folder: Path, name: str, new: str, kind: type = np.int16) -> None:
    for part in ("imagesTr", "labelsTr"):
        image = nibabel.Nifti1Image.from_filename(folder / part / f"{name}.nii.gz")
        voxels = np.asarray(image.dataobj)
        stored = voxels.astype(kind) if part == "imagesTr" else voxels
        nibabel.Nifti1Image(stored, image.affine).to_filename(folder / part / f"{new}.nii.gz")
