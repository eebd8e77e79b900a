"""What is painted box by box comes to what a plain definition on whole arrays says."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from condseg_app.data import EVERYWHERE, ChunkedAnnotation, ClassEntry, ClassId, Geometry, Region
from condseg_app.viewer.draft import Draft
from condseg_app.viewer.lazy import PaintedView
from condseg_app.viewer.placement import Placement

LIVER = ClassId("liver-1")
SHAPE = (40, 6, 35)  # more than one chunk along two axes


@dataclass
class Predictions:
    """Where the class is predicted; may be replaced while it is painted."""

    mask: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(SHAPE, bool))

    def predicted_in(self, class_id: ClassId, region: Region) -> NDArray[np.bool_]:
        assert class_id == LIVER
        return self.mask[region].copy()

    def may_be_predicted_in(self, class_id: ClassId, region: Region) -> bool:
        return bool(self.mask[region].any())


class Plain:
    """The definition, on whole arrays."""

    def __init__(self, predictions: Predictions, mask: NDArray[np.bool_], supervised: NDArray[np.bool_]) -> None:
        self.predictions = predictions
        self.restart(mask, supervised)

    def restart(self, mask: NDArray[np.bool_], supervised: NDArray[np.bool_]) -> None:
        self.mask, self.supervised, self.known = mask & supervised, supervised.copy(), supervised.copy()

    def shown(self) -> NDArray[np.bool_]:
        return np.where(self.supervised, self.mask, self.predictions.mask)

    def paint(self, wanted: NDArray[np.bool_]) -> None:
        changed = wanted != self.shown()
        decided = self.known | (wanted != self.predictions.mask)
        self.supervised = np.where(changed, decided, self.supervised)
        self.mask = np.where(changed, wanted, self.mask) & self.supervised

    def complete(self, region: Region) -> None:
        self.mask[region] = self.shown()[region]
        self.supervised[region] = self.known[region] = True


def entry(value: int = 7) -> ClassEntry:
    return ClassEntry(value, "liver", (1, 2, 3), 0.5, id=LIVER)


def everywhere(class_id: ClassId, region: Region) -> NDArray[np.bool_]:
    return np.ones(ChunkedAnnotation.empty(SHAPE).read(region).shape, bool)


def begun(predictions: Predictions, value: int = 7) -> Draft:
    return Draft(predictions, entry(value), ChunkedAnnotation.empty(SHAPE), everywhere)


def view_of(draft: Draft) -> PaintedView:
    placement = Placement.of(Geometry.with_spacing(SHAPE, (1, 1, 1)))
    return PaintedView(draft.read, draft.write, placement, draft.dtype)


@pytest.fixture
def predictions() -> Predictions:
    found = Predictions()
    found.mask[10:34, 1:4, 20:34] = True
    return found


@st.composite
def boxes(draw: st.DrawFn) -> Region:
    ends = [sorted(draw(st.tuples(st.integers(0, n - 1), st.integers(1, n)))) for n in SHAPE]
    i, j, k = (slice(min(a, b - 1), b) for a, b in ends)
    return i, j, k


Actions = st.lists(
    st.tuples(st.sampled_from(["paint", "erase", "undo", "redo", "complete", "predict", "take back"]), boxes()),
    max_size=12,
)


@given(Actions, st.integers(0, 2**32 - 1))
def test_any_series_of_actions_comes_to_the_plain_definition(actions: list[tuple[str, Region]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    predictions = Predictions(rng.random(SHAPE) < 0.3)
    start = ChunkedAnnotation.of(rng.random(SHAPE) < 0.5, rng.random(SHAPE) < 0.1)
    draft, plain = Draft(predictions, entry(), start, everywhere), Plain(predictions, start.mask, start.supervised)
    before: list[ChunkedAnnotation] = []
    after: list[ChunkedAnnotation] = []
    for kind, box in actions:
        earlier = draft.annotation
        if kind in ("paint", "erase"):
            wanted = plain.shown()
            wanted[box] = np.where(rng.random(wanted[box].shape) < 0.8, kind == "paint", wanted[box])
            draft.write(box, np.where(wanted[box], 7, 0).astype(np.uint8))
            plain.paint(wanted)
        elif kind == "complete":
            draft.complete(box)
            plain.complete(box)
        elif kind == "predict":
            predictions.mask = predictions.mask.copy()
            predictions.mask[box] = rng.random(predictions.mask[box].shape) < 0.5
        elif kind == "take back":  # to an earlier one, as the session's undo does
            draft.restart(start)
            plain.restart(start.mask, start.supervised)
        else:
            source, target = (before, after) if kind == "undo" else (after, before)
            if source:
                target.append(draft.annotation)
                draft.restart(source.pop())
                plain.restart(draft.annotation.mask, draft.annotation.supervised)
            continue
        if draft.annotation is not earlier:
            before.append(earlier)
            after.clear()
        np.testing.assert_array_equal(draft.shown(EVERYWHERE), plain.shown())
        np.testing.assert_array_equal(draft.annotation.supervised, plain.supervised)
        np.testing.assert_array_equal(draft.annotation.mask, plain.mask)


def test_untouched_says_nothing(predictions: Predictions) -> None:
    draft = begun(predictions)
    assert draft.annotation.state == "unlabelled"
    assert draft.annotation.says_as(None)
    np.testing.assert_array_equal(draft.shown(EVERYWHERE), predictions.mask)


def test_only_what_changed_is_decided(predictions: Predictions) -> None:
    draft = begun(predictions)
    data = view_of(draft)
    data[...] = np.asarray(data)
    assert draft.annotation.decided == 0
    draft.write((slice(0, 20), slice(1, 2), slice(20, 21)), np.full((20, 1, 1), 7, np.uint8))
    assert draft.annotation.decided == draft.annotation.present == 10
    assert draft.annotation.supervised[:10, 1, 20].all()


def test_an_undone_stroke_leaves_no_trace(predictions: Predictions) -> None:
    draft = begun(predictions)
    data = view_of(draft)
    before = np.asarray(data)
    data[:2] = 7
    assert not draft.annotation.says_as(None)
    data[...] = before  # what napari's undo does, without telling anybody
    assert draft.annotation.says_as(None)


def test_a_prediction_that_comes_is_shown_but_where_the_person_has_decided(predictions: Predictions) -> None:
    draft, there = begun(predictions), (slice(0, 1), slice(0, 1), slice(0, 1))
    draft.write(there, np.full((1, 1, 1), 7, np.uint8))
    predictions.mask = np.ones(SHAPE, bool)
    assert draft.shown(EVERYWHERE).all()
    assert draft.annotation.decided == 1
    predictions.mask = np.zeros(SHAPE, bool)
    assert np.argwhere(draft.shown(EVERYWHERE)).tolist() == [[0, 0, 0]]


def test_a_large_value_has_room(predictions: Predictions) -> None:
    assert view_of(begun(predictions, 300)).dtype == np.uint16
    assert np.asarray(view_of(begun(predictions, 300))).max() == 300


Keys = st.sampled_from(["box", "slice", "voxel", "picked", "mask", "all", "steps", "from the end"])


@given(Keys, boxes(), st.integers(0, 2**32 - 1))
def test_whatever_is_assigned_to_the_layer_is_painted(kind: str, box: Region, seed: int) -> None:
    draft, rng = begun(Predictions()), np.random.default_rng(seed)
    data, expected = view_of(draft), np.zeros(SHAPE[::-1], np.uint8)
    expected[...] = np.asarray(data)
    z, y, x = box[2], box[1], box[0]
    keys = {
        "box": (z, y, x),
        "slice": z.start,
        "voxel": (np.int64(z.start), y.start, x.start),
        "picked": tuple(rng.integers(0, n, 9) for n in expected.shape),
        "mask": rng.random(expected.shape) < 0.5,
        "all": ...,
        "steps": (slice(None, None, 3), y, slice(x.start, None, 2)),
        "from the end": (-1, slice(-3, None)),
    }
    data[keys[kind]] = expected[keys[kind]] = 7
    np.testing.assert_array_equal(np.asarray(data), expected)
    np.testing.assert_array_equal(data[keys[kind]], expected[keys[kind]])


def test_a_slice_is_not_read_for_its_type(monkeypatch: pytest.MonkeyPatch, predictions: Predictions) -> None:
    data = view_of(begun(predictions))
    whole = np.asarray(data)
    np.testing.assert_array_equal(data[25], whole[25])
    np.testing.assert_array_equal(data[25] == 7, whole[25] == 7)
    assert (data[25].sum(), len(data[25]), data[-1][0, 0]) == (whole[25].sum(), SHAPE[1], whole[-1, 0, 0])
    with pytest.raises(IndexError):
        data[SHAPE[2]]
    monkeypatch.setattr(Predictions, "predicted_in", lambda *_: pytest.fail("it was read"))
    assert (data[0].dtype, data[0].shape, data[0].ndim) == (np.uint8, SHAPE[1::-1], 2)
