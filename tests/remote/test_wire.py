"""Marks that change while a class is taught: what is sent of them, and what the engine makes of it."""

import pickle

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from condseg_app.data import Annotation
from condseg_app.remote.wire import SentAnnotation

SHAPE = (5, 4, 6)
MARKS = st.tuples(hnp.arrays(bool, SHAPE), hnp.arrays(bool, SHAPE)).map(lambda both: Annotation("leaf", *both))


@given(MARKS, MARKS)
def test_the_other_side_has_the_same_marks_after_a_change(before: Annotation, after: Annotation) -> None:
    change = SentAnnotation.between(before, after)
    there = before if change is None else change.onto(before)
    assert np.array_equal(there.supervised, after.supervised)
    assert np.array_equal(there.mask & there.supervised, after.mask & after.supervised)
    assert SentAnnotation.between(there, after) is None


def test_what_is_not_decided_is_no_change() -> None:
    mask, nothing = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    assert SentAnnotation.between(Annotation("leaf", mask, nothing), Annotation("leaf", ~mask, nothing)) is None


def test_a_stroke_on_one_slice_of_a_large_volume_is_a_small_message() -> None:
    shape = (256, 256, 60)
    mask, known = np.zeros(shape, bool), np.zeros(shape, bool)
    before = Annotation("leaf", mask.copy(), known.copy())
    mask[100:140, 80:120, 30] = known[:, :, 30] = True
    change = SentAnnotation.between(before, Annotation("leaf", mask, known))
    assert change is not None
    assert change.region == (slice(0, 256), slice(0, 256), slice(30, 31))
    assert len(pickle.dumps(change)) < 20_000
