"""What a data set declares about its labels: which classes, parts of wholes, machine-made marks, odd values."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from condseg_app.data import Annotation, Case
from condseg_app.errors import ReadError
from condseg_app.io import read_case, read_data_set

SaveNifti = Callable[..., Path]
SharedData = Callable[[str], Path]

LIVER, TUMOUR, SPLEEN = 1, 2, 3
LABELS = np.zeros((4, 4, 4), np.uint8)
LABELS[0], LABELS[1, :2], LABELS[2] = LIVER, TUMOUR, SPLEEN


@pytest.fixture
def data_set(tmp_path: Path, save_nifti: SaveNifti) -> Callable[..., Path]:
    def make(**content: Any) -> Path:
        for name in ("a", "b"):
            save_nifti(np.zeros(LABELS.shape, np.int16), name=f"set/imagesTr/{name}.nii.gz")
            save_nifti(LABELS, name=f"set/labelsTr/{name}.nii.gz")
        described = {"labels": {"0": "background", "1": "liver", "2": "tumour", "3": "spleen"}, **content}
        (tmp_path / "set" / "dataset.json").write_text(json.dumps(described), encoding="utf-8")
        return tmp_path / "set"

    return make


def read(folder: Path, case: int = 0) -> dict[str, Annotation]:
    data = read_data_set(folder)
    return {a.class_name: a for a in read_case(data.cases[case], data.classes)[1]}


def test_an_organ_contains_its_tumour(data_set: Callable[..., Path]) -> None:
    found = read(data_set(part_of={"tumour": "liver"}))
    assert np.array_equal(found["liver"].mask, (LABELS == LIVER) | (LABELS == TUMOUR))
    assert np.array_equal(found["tumour"].mask, LABELS == TUMOUR)
    assert np.array_equal(found["spleen"].mask, LABELS == SPLEEN)


def test_without_a_declaration_no_class_contains_another(data_set: Callable[..., Path]) -> None:
    assert np.array_equal(read(data_set())["liver"].mask, LABELS == LIVER)


@pytest.mark.parametrize(
    ("part_of", "reason"),
    [
        ({"tumour": "liver", "liver": "tumour"}, "part of"),
        ({"tumour": "kidney"}, "kidney"),
        ({"tumour": "tumour"}, "part of"),
        (["tumour"], "'part_of' must be an object"),
    ],
)
def test_parts_that_cannot_be_are_refused(data_set: Callable[..., Path], part_of: Any, reason: str) -> None:
    with pytest.raises(ReadError, match=reason):
        read_data_set(data_set(part_of=part_of))


def test_a_set_says_which_classes_it_labels(data_set: Callable[..., Path]) -> None:
    assert set(read(data_set(labelled=["liver"]))) == {"liver"}
    by_case = data_set(labelled={"a": ["spleen", "liver"]})
    assert set(read(by_case, 0)) == {"spleen", "liver"}
    assert set(read(by_case, 1)) == {"liver", "tumour", "spleen"}


def test_a_labelled_class_without_a_name_is_refused(data_set: Callable[..., Path]) -> None:
    with pytest.raises(ReadError, match="'labelled' names class 'lung'"):
        read_data_set(data_set(labelled=["lung"]))


def test_machine_made_marks_are_known_where_the_model_was_sure(
    data_set: Callable[..., Path], save_nifti: SaveNifti
) -> None:
    marks = np.zeros(LABELS.shape, np.uint8)
    marks[0], marks[1] = 1, 255
    save_nifti(marks, name="set/machineTr/a_spleen.nii.gz")
    folder = data_set(labelled=["liver"], machine_made={"a": {"spleen": "machineTr/a_spleen.nii.gz"}})
    case: Case = read_data_set(folder).cases[0]
    assert case.labelled == {"liver", "spleen"}
    assert case.machine_made == {"spleen"}
    found = read(folder)
    assert np.array_equal(found["spleen"].mask, marks == 1)
    assert np.array_equal(found["spleen"].supervised, marks != 255)
    assert found["liver"].supervised.all()


def test_a_machine_made_mask_outside_of_the_folder_is_not_followed(data_set: Callable[..., Path]) -> None:
    folder = data_set(labelled=["liver"], machine_made={"a": {"spleen": "../elsewhere.nii.gz"}})
    assert read_data_set(folder).cases[0].labelled == {"liver"}


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """Two splits of pictures whose class 0 is a class, and whose value 2 says nothing."""
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (tmp_path / split / kind).mkdir(parents=True)
        PIL.Image.fromarray(np.zeros((3, 4, 3), np.uint8)).save(tmp_path / split / "images" / f"{split}1.jpg")
        ids = np.array([[0, 0, 1, 1], [0, 2, 2, 1], [0, 0, 0, 0]], np.uint8)
        PIL.Image.fromarray(ids).save(tmp_path / split / "labels" / f"{split}1.png")
    rows = [{"id": 0, "name": "sky"}, {"id": 1, "name": "road"}, {"id": 2, "name": "void"}]
    (tmp_path / "dataset.json").write_text(json.dumps({"classes": rows, "ignore_id": 2}))
    return tmp_path


def test_a_folder_for_each_split(scenes: Path) -> None:
    data = read_data_set(scenes)
    assert [(c.name, c.split) for c in data.cases] == [("train1", "train"), ("val1", "val")]
    assert data.classes.names == ("road", "sky")


def test_a_class_at_zero_is_no_background_and_an_ignored_value_says_nothing(scenes: Path) -> None:
    found = read(scenes)
    assert found["sky"].mask.sum() == 7
    assert found["road"].mask.sum() == 3
    assert not (found["sky"].mask & found["road"].mask).any()
    for annotation in found.values():
        assert annotation.supervised.sum() == 10
        assert not (annotation.mask & ~annotation.supervised).any()


def test_a_picture_in_two_splits_is_refused(scenes: Path) -> None:
    for kind, ending in (("images", "jpg"), ("labels", "png")):
        (scenes / "train" / kind / f"train1.{ending}").rename(scenes / "train" / kind / f"val1.{ending}")
    with pytest.raises(ReadError, match="'val1' is in splits train and val"):
        read_data_set(scenes)


def test_real_street_scenes(shared_data: SharedData) -> None:
    data = read_data_set(shared_data("street"))
    assert [len(data.part(split).cases) for split in ("train", "val")] == [367, 101]
    assert data.classes["Sky"].value not in {0, 11}
    found = {a.class_name: a for a in read_case(data.cases[0], data.classes)[1]}
    assert "Unlabelled" not in found
    assert found["Sky"].mask.mean() > 0.05
    covered = sum(a.mask.astype(int) for a in found.values())
    assert np.array_equal(covered == 1, found["Sky"].supervised)
