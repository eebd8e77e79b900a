"""What the old classes say of a new one: only what marks have shown, and nothing where a person has marked."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from condseg_app.data import Annotation, ClassTable, Image, Model
from condseg_app.engine.finetune.exact import ExactTeacher
from condseg_app.engine.finetune.exclusion_masks import ExclusionMask
from condseg_app.engine.finetune.learner import ExactRecipe

SHAPE = (12, 10, 8)
WHOLE = (slice(0, 12), slice(0, 10), slice(0, 8))
NOWHERE = np.zeros(SHAPE, bool)


def box(i: slice, j: slice = slice(None), k: slice = slice(None)) -> NDArray[np.bool_]:
    mask = NOWHERE.copy()
    mask[i, j, k] = True
    return mask


def claims(*masks: NDArray[np.bool_]) -> ExclusionMask:
    found = np.zeros(SHAPE, np.uint8)
    for number, mask in enumerate(masks, start=1):
        found[mask] = number
    return ExclusionMask(len(masks), ((WHOLE, found),))


def test_a_class_that_lies_beside_the_marks_excludes_the_new_one_elsewhere() -> None:
    neighbour = box(slice(0, 4))
    annotation = Annotation("new", box(slice(6, 10)), box(slice(None), k=slice(2, 3)))
    excluded = claims(neighbour).absent(annotation)
    assert np.array_equal(excluded, neighbour & ~annotation.supervised)


def test_a_class_that_shares_the_marks_or_was_not_seen_beside_them_excludes_nothing() -> None:
    known = box(slice(None), k=slice(2, 3))
    within = claims(box(slice(0, 12)))  # the new class is a part of it
    assert not within.absent(Annotation("new", box(slice(6, 10)), known)).any()
    elsewhere = claims(box(slice(0, 4), k=slice(5, 8)))  # the other kidney, on slices that nobody has marked yet
    assert not elsewhere.absent(Annotation("new", box(slice(6, 10)), known)).any()
    assert not ExclusionMask(0, ()).absent(Annotation("new", box(slice(6, 10)), known)).any()


@given(seed=st.integers(0, 10_000), classes=st.integers(1, 4))
def test_what_is_marked_is_never_claimed_by_another_class(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    found = rng.integers(0, classes + 1, SHAPE, np.uint8)
    annotation = Annotation("new", rng.random(SHAPE) < 0.3, rng.random(SHAPE) < 0.4)
    excluded = ExclusionMask(classes, ((WHOLE, found),)).absent(annotation)
    assert not (excluded & annotation.supervised).any()
    assert not (excluded & (found == 0)).any()


def test_a_class_of_which_it_is_a_part_is_not_even_looked_for(
    make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, image = make_model("2.5D", names=("liver",)), make_image("2.5D")
    known = np.zeros(image.geometry.shape, bool)
    known[..., 4:7] = True
    marks = Annotation("new", known & (np.arange(known.shape[0]) < 9)[:, None, None], known)
    tumour = replace(model.classes.propose("tumour"), part_of="liver")
    assert ExclusionMask.of(model, tumour, image, marks, "cpu").parts == ()
    vessel = model.classes.propose("vessel")
    assert len(ExclusionMask.of(model, vessel, image, marks, "cpu").parts) > 0
    assert ExclusionMask.of(model, vessel, image, replace(marks, supervised=np.ones_like(known)), "cpu").parts == ()
    whole = replace(model.classes["liver"], part_of="abdomen")
    within = replace(model, classes=ClassTable((whole,)))
    assert ExclusionMask.of(within, within.classes.propose("abdomen"), image, marks, "cpu").parts == ()


def test_the_class_learns_from_them_but_is_not_examined_on_them(
    make_model: Callable[..., Model], make_image: Callable[..., Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, image = make_model("2.5D"), make_image("2.5D")
    there = np.zeros(image.geometry.shape, np.uint8)
    there[:5] = 1
    i, j, k = (slice(0, n) for n in there.shape)
    mask, known = np.zeros(there.shape, bool), np.zeros(there.shape, bool)
    mask[8:14, 5:14], known[..., 2:12:4] = True, True
    shown = [(image, [Annotation("kidney", mask, known)])]

    def decided(found: ExclusionMask) -> list[NDArray[np.bool_]]:
        """Where the class is known: in all that is marked, in what a fold leaves of it, and in what it hides."""
        monkeypatch.setattr(ExclusionMask, "of", lambda *_: found)
        teacher = ExactTeacher(model, model.classes.propose("kidney"), shown, ExactRecipe(1, exam=2, folds=2))
        parts = [teacher._marks.cases[0], *(part[0] for part in teacher._marks.without(0))]
        return [np.asarray(part.supervised["kidney"]) for part in parts]

    more, fewer = decided(ExclusionMask(1, (((i, j, k), there),))), decided(ExclusionMask(0, ()))
    for learnt_from in (0, 1):
        assert (more[learnt_from] >= fewer[learnt_from]).all()
        assert more[learnt_from].mean() > fewer[learnt_from].mean() + 0.05
    assert np.array_equal(more[2], fewer[2])
