import numpy as np
import pytest

from condseg_app.data import Annotation
from condseg_app.viewer.draft import Draft


@pytest.fixture
def start() -> np.ndarray:
    mask = np.zeros((4, 4, 3), bool)
    mask[1:3, 1:3, 1] = True
    return mask


def test_untouched_says_nothing(start: np.ndarray) -> None:
    draft = Draft.begin(7, start, None)
    assert not draft.supervised().any()
    assert not draft.differs_from(None)
    assert np.array_equal(draft.mask(), start)


def test_only_what_changed_is_decided(start: np.ndarray) -> None:
    draft = Draft.begin(7, start, None)
    draft.work[0, 0, 1] = 7
    draft.work[1, 1, 1] = 0
    assert np.argwhere(draft.supervised()).tolist() == [[0, 0, 1], [1, 1, 1]]
    assert draft.differs_from(None)


def test_an_undone_stroke_leaves_no_trace(start: np.ndarray) -> None:
    draft = Draft.begin(7, start, None)
    before = draft.work.copy()
    draft.work[:2] = 7
    draft.work[...] = before  # what napari's undo does, without telling anybody
    assert not draft.supervised().any()


def test_a_complete_region_is_decided_with_its_background(start: np.ndarray) -> None:
    draft = Draft.begin(7, start, None)
    draft.complete((slice(None), slice(None), slice(1, 2)))
    assert draft.supervised()[..., 1].all()
    assert not draft.supervised()[..., 0].any()


def test_what_was_decided_before_stays_decided(start: np.ndarray) -> None:
    known = np.zeros_like(start)
    known[0] = True
    draft = Draft.begin(300, start, known)
    assert draft.work.dtype == np.uint16
    assert np.array_equal(draft.supervised(), known)
    assert not draft.differs_from(Annotation("x", start, known))


def test_restart_keeps_the_array(start: np.ndarray) -> None:
    draft = Draft.begin(7, start, None)
    array = draft.work
    draft.restart(~start, None)
    assert draft.work is array
    assert np.array_equal(draft.mask(), ~start)
    assert not draft.supervised().any()


def test_it_follows_a_prediction_but_where_the_person_has_decided(start: np.ndarray) -> None:
    known = np.zeros_like(start)
    known[3, 3, 1] = True
    draft = Draft.begin(7, start, known)
    draft.work[0, 0, 1] = 7
    draft.work[1, 1, 1] = 0
    part = (slice(0, 4), slice(0, 4), slice(1, 2))
    draft.follow(part, ~start[part])
    decided = {(0, 0, 1): True, (1, 1, 1): False, (3, 3, 1): False}
    for voxel in np.ndindex(4, 4, 1):
        at = (voxel[0], voxel[1], 1)
        assert draft.mask()[at] == decided.get(at, not start[at])
        assert draft.supervised()[at] == (at in decided)
    assert not draft.mask()[..., 0].any()
    assert not draft.supervised()[..., [0, 2]].any()
    draft.follow(part, start[part])
    assert draft.followed == [part]
