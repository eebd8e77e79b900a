"""Completing labels: what a person marked stays, what a model marked is known as such."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from condseg_app.cli import main
from condseg_app.compute.completing import CompletionPlan, complete_labels, gated
from condseg_app.data import Annotation, ClassEntry, ClassTable, Geometry, Prediction
from condseg_app.errors import ClassTableError, WriteError
from condseg_app.io import read_case, read_data_set

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
