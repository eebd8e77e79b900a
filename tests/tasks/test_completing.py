"""Completing labels: what a person marked stays, what a model marked is known as such."""

import json
from pathlib import Path

import nibabel
import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from condseg_app.cli import main
from condseg_app.data import Annotation, ClassEntry, ClassTable, Geometry, Prediction
from condseg_app.errors import ClassTableError, WriteError
from condseg_app.io import read_case, read_data_set, read_image, read_label_map, write_label_map
from condseg_app.io.image_files import write_image
from condseg_app.tasks.complete_labels import CompletionPlan, complete_labels, gated

SHAPE = (4, 3, 2)
GRID = Geometry.with_spacing(SHAPE, (1, 1, 1))
EVERYWHERE = np.ones(SHAPE, np.bool_)
TABLE = ClassTable(
    (ClassEntry(1, "liver"), ClassEntry(2, "tumour", part_of="liver"), ClassEntry(3, "spleen"), ClassEntry(4, "kidney"))
)
levels = hnp.arrays(np.uint8, SHAPE)
masks = hnp.arrays(np.bool_, SHAPE)


@given(levels, masks, st.floats(0.55, 1.0))
def test_a_mark_is_made_only_where_the_model_is_sure_and_no_person_says_otherwise(
    level: NDArray[np.uint8], human: NDArray[np.bool_], confidence: float
) -> None:
    marks = gated(
        Prediction(GRID, {"spleen": level}), "spleen", (Annotation("liver", human, EVERYWHERE),), TABLE, confidence
    )
    assert not marks[human].any()
    free = ~human
    assert (level[free & (marks == 1)] >= 255 * confidence - 0.5).all()
    assert (level[free & (marks == 0)] <= 255 * (1 - confidence) + 0.5).all()
    between = (level > 255 * (1 - confidence) + 0.5) & (level < 255 * confidence - 0.5)
    assert (marks[free & between] == 255).all()


def test_a_part_may_lie_in_the_whole_that_a_person_marked() -> None:
    sure = Prediction(GRID, {"tumour": np.full(SHAPE, 255, np.uint8)})
    inside = gated(sure, "tumour", (Annotation("liver", EVERYWHERE, EVERYWHERE),), TABLE, 0.9)
    assert (inside == 1).all()
    elsewhere = gated(sure, "tumour", (Annotation("spleen", EVERYWHERE, EVERYWHERE),), TABLE, 0.9)
    assert (elsewhere == 0).all()


def test_parts_and_wholes_follow_what_a_person_marked() -> None:
    some = np.zeros(SHAPE, np.bool_)
    some[:2] = True
    unsure = np.full(SHAPE, 128, np.uint8)
    whole = gated(Prediction(GRID, {"liver": unsure}), "liver", (Annotation("tumour", some, EVERYWHERE),), TABLE, 0.9)
    assert np.array_equal(whole == 1, some)
    part = gated(Prediction(GRID, {"tumour": unsure}), "tumour", (Annotation("liver", some, EVERYWHERE),), TABLE, 0.9)
    assert np.array_equal(part == 0, ~some)


def completed(blobs: Path, model: Path, output: Path, confidence: float = 0.9) -> CompletionPlan:
    return CompletionPlan(blobs, str(model), output, groups="single", confidence=confidence, device="cpu")


def test_human_labels_are_the_same_bytes_and_machine_marks_are_named(blobs: Path, model: Path, tmp_path: Path) -> None:
    plan = completed(blobs, model, tmp_path / "done", confidence=0.55)
    assert [(n, of) for n, of, _case in complete_labels(plan)] == [(1, 3), (2, 3), (3, 3)]
    data = read_data_set(plan.output)
    assert [c.name for c in data.cases] == ["case_0", "case_1", "case_2"]
    assert [c.machine_made for c in data.cases] == [{"dark"}, {"bright"}, {"bright"}]
    for case in data.cases:
        assert case.labels is not None
        assert case.labels.read_bytes() == (blobs / "labelsTr" / case.labels.name).read_bytes()
        image, annotations = read_case(case, data.classes)
        found = {a.class_name: a for a in annotations}
        assert set(found) == {"bright", "dark"}
        (machine,), (human,) = case.machine_made, case.labelled - case.machine_made
        truth = np.asarray(nibabel.load(case.labels).dataobj) == data.classes[human].value  # type: ignore[attr-defined]
        assert np.array_equal(found[human].mask, truth)
        assert found[human].supervised.all()
        assert not (found[machine].mask & truth).any()
        assert image.geometry.shape == (18, 20, 9)
    assert json.loads((plan.output / "dataset.json").read_text())["confidence"] == 0.55


@pytest.mark.parametrize("ending", [".nrrd", ".mha"])
def test_volumes_of_any_format_are_completed(blobs: Path, model: Path, tmp_path: Path, ending: str) -> None:
    data = read_data_set(blobs)
    names = [case.name for case in data.cases]
    for folder in ("imagesTr", "labelsTr"):
        (tmp_path / "set" / folder).mkdir(parents=True)
    for case in data.cases:
        write_image(tmp_path / "set" / "imagesTr" / f"{case.name}{ending}", read_image(case.image))
        assert case.labels is not None
        write_label_map(tmp_path / "set" / "labelsTr" / f"{case.name}{ending}", read_label_map(case.labels))
    content = json.loads((blobs / "dataset.json").read_text())
    files = [{"image": f"imagesTr/{name}{ending}", "label": f"labelsTr/{name}{ending}"} for name in names]
    (tmp_path / "set" / "dataset.json").write_text(json.dumps({**content, "training": files}))
    plan = completed(tmp_path / "set", model, tmp_path / "done", confidence=0.55)
    assert len(list(complete_labels(plan))) == 3
    assert sorted(path.name for path in (plan.output / "machineTr").iterdir()) == [
        "case_0_dark.nii.gz",
        "case_1_bright.nii.gz",
        "case_2_bright.nii.gz",
    ]
    for case in read_data_set(plan.output).cases:
        image, annotations = read_case(case, data.classes)
        assert {a.class_name for a in annotations} == {"bright", "dark"}
        assert image.geometry.shape == (18, 20, 9)


def test_what_is_done_is_not_done_again(blobs: Path, model: Path, tmp_path: Path) -> None:
    plan = completed(blobs, model, tmp_path / "done")
    list(complete_labels(plan))
    files = sorted((plan.output / "machineTr").iterdir())
    files[0].unlink()
    before = {path: path.stat().st_mtime_ns for path in files[1:]}
    list(complete_labels(plan))
    assert files[0].exists()
    assert before == {path: path.stat().st_mtime_ns for path in files[1:]}


def test_the_completed_set_can_be_trained_on(blobs: Path, model: Path, tmp_path: Path, quick: list[str]) -> None:
    done = tmp_path / "done"
    command = ["complete-labels", str(blobs), "--model", str(model), "--output", str(done), "--groups", "single"]
    assert main([*command, "--confidence", "0.6", "--device", "cpu"]) == 0
    assert main(["train", str(done), "--output", str(tmp_path / "second.safetensors"), *quick]) == 0


def test_a_set_cannot_be_completed_into_itself(blobs: Path, model: Path) -> None:
    with pytest.raises(WriteError, match="folder of its own"):
        next(complete_labels(CompletionPlan(blobs, str(model), blobs)))


def test_classes_that_the_model_does_not_know_are_refused(blobs: Path, model: Path, tmp_path: Path) -> None:
    with pytest.raises(ClassTableError, match="does not know 'lung'"):
        next(complete_labels(CompletionPlan(blobs, str(model), tmp_path / "x", classes=("lung",))))
    assert not (tmp_path / "x").exists()


def test_pictures_whose_first_class_is_zero_keep_their_labels(tmp_path: Path, quick: list[str]) -> None:
    for kind in ("images", "labels"):
        (tmp_path / "scenes" / "train" / kind).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        ids = rng.integers(0, 3, (20, 24)).astype(np.uint8)
        PIL.Image.fromarray(ids).save(tmp_path / "scenes" / "train" / "labels" / f"{name}.png")
        PIL.Image.fromarray(ids * 80).save(tmp_path / "scenes" / "train" / "images" / f"{name}.png")
    rows = [{"id": 0, "name": "sky"}, {"id": 1, "name": "road"}, {"id": 2, "name": "void"}]
    described = {"classes": rows, "ignore_id": 2, "labelled": {"a": ["sky"], "b": ["road"]}}
    (tmp_path / "scenes" / "dataset.json").write_text(json.dumps(described))
    model, done = tmp_path / "scenes.safetensors", tmp_path / "done"
    assert main(["train", str(tmp_path / "scenes"), "--output", str(model), *quick, "--window", "32,32,1"]) == 0
    list(complete_labels(CompletionPlan(tmp_path / "scenes", str(model), done, device="cpu")))
    before, after = read_data_set(tmp_path / "scenes"), read_data_set(done)
    assert [c.machine_made for c in after.cases] == [{"road"}, {"sky"}]
    for old, new in zip(before.cases, after.cases, strict=True):
        (human,) = read_case(old, before.classes)[1]
        (kept,) = (a for a in read_case(new, after.classes)[1] if a.class_name == human.class_name)
        assert human.mask.any()
        assert np.array_equal(kept.mask, human.mask)
        assert np.array_equal(kept.supervised, human.supervised)
