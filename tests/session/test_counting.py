"""Sizes that follow every change are those of the whole masks."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from condseg_app.data import (
    EVERYWHERE,
    ChunkedAnnotation,
    ClassEntry,
    ClassLevels,
    ClassTable,
    Geometry,
    Image,
    Region,
    as_level,
)
from condseg_app.session import fusing
from condseg_app.session.counting import VoxelCounts
from condseg_app.session.state import State

SHAPE = (70, 66, 9)
TABLE = ClassTable((ClassEntry(1, "a", (1, 2, 3)),))
(A,) = TABLE.ids
IMAGE = Image(np.broadcast_to(np.int16(0), (1, *SHAPE)), Geometry(SHAPE, np.eye(4)))


@st.composite
def boxes(draw: st.DrawFn) -> Region:
    ends = [sorted(draw(st.tuples(st.integers(0, n - 1), st.integers(1, n)))) for n in SHAPE]
    i, j, k = (slice(min(a, b - 1), b) for a, b in ends)
    return i, j, k


class Desk:
    """A class that is predicted, painted and declared complete, as a session does."""

    def __init__(self, seed: int) -> None:
        self.rng, self.counts = np.random.default_rng(seed), VoxelCounts()
        self.levels = ClassLevels(SHAPE)
        self.state = State(IMAGE, classes=TABLE, levels={A: self.levels})
        self.annotation = ChunkedAnnotation.empty(SHAPE)
        self.before = [self.annotation]

    def put(self, annotation: ChunkedAnnotation) -> None:
        self.before.append(self.annotation)
        self.annotation = annotation
        self.state = replace(self.state, annotations={A: annotation})

    def predict(self, box: Region) -> None:
        shape = self.annotation.read(box).shape
        block = np.full(shape, 10, np.uint8)  # far from a class
        block[self.rng.random(shape) < self.rng.choice([0, 0.3])] = 200

        def fill(state: State) -> State:
            self.levels.paste(box, block)
            return replace(state)

        self.state = self.counts.following(self.state, [A], box, fill)

    def paint(self, box: Region) -> None:
        shape = self.annotation.read(box).shape
        self.put(self.annotation.edited(box, self.rng.integers(0, 3, shape, dtype=np.uint8)))

    def complete(self, box: Region) -> None:
        state, levels = self.state, self.levels
        reaches = as_level(state.threshold(A))
        self.put(
            self.annotation.completed(
                box,
                lambda part: fusing.corrected(state, A, part) >= reaches,
                lambda part: levels.may_be_in(part, reaches),
            )
        )

    def complete_all(self, box: Region) -> None:
        del box
        self.complete(EVERYWHERE)

    def go_back(self, box: Region) -> None:
        del box
        self.put(self.before.pop())

    def move_threshold(self, box: Region) -> None:
        del box
        self.state = replace(self.state, thresholds={A: float(self.rng.choice([0.02, 0.5, 0.9]))})


ACTIONS = ("predict", "paint", "complete", "complete_all", "go_back", "move_threshold")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), boxes()), max_size=8), st.integers(0, 2**32 - 1))
def test_after_any_series_of_changes(actions: list[tuple[str, Region]], seed: int) -> None:
    desk = Desk(seed)
    for name, box in actions:
        mask, reached = fusing.mask(desk.state, A), desk.annotation.supervised
        getattr(desk, name)(box)
        if name.startswith("complete"):  # the same voxels as before are shown, and all are decided there
            part = EVERYWHERE if name == "complete_all" else box
            np.testing.assert_array_equal(desk.annotation.mask[part], mask[part])
            reached[part] = True
            np.testing.assert_array_equal(desk.annotation.supervised, reached)
            assert desk.annotation.decided == reached.sum()
            for axis in range(3):
                others = tuple(other for other in range(3) if other != axis)
                assert desk.annotation.decided_on[axis].tolist() == reached.sum(axis=others).tolist()
                assert desk.annotation.present_on[axis].tolist() == desk.annotation.mask.sum(axis=others).tolist()
        assert desk.counts.voxels(desk.state, A) == fusing.mask(desk.state, A).sum()


def test_undoing_that_all_is_complete_does_not_look_at_all_of_the_image() -> None:
    desk = Desk(0)
    desk.predict(EVERYWHERE)
    desk.paint((slice(0, 4), slice(0, 4), slice(0, 1)))
    desk.counts.voxels(desk.state, A)
    desk.complete_all(EVERYWHERE)
    looked_at: list[Region] = []
    levels = desk.levels
    read = levels.read
    levels.read = lambda region: looked_at.append(region) or read(region)  # type: ignore[method-assign,func-returns-value]
    desk.counts.voxels(desk.state, A)
    desk.predict((slice(60, 64), slice(60, 64), slice(0, 1)))
    desk.go_back(EVERYWHERE)
    desk.counts.voxels(desk.state, A)
    assert len(looked_at) <= 3, "the predicted box before and after, and the painted chunk"
