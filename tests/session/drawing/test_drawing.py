"""Tools on the classes of a session: one step of undo each, on what is shown, and nothing lost."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from condseg_app.data import ChunkedAnnotation, ClassId, ClassLevels, ClassTable, Geometry, Image
from condseg_app.data.chunked_annotation import ABSENT, PRESENT, UNDECIDED, said
from condseg_app.session import fusing
from condseg_app.session.drawing.allowed import allowed
from condseg_app.session.drawing.drawn import drawn, shown_extent
from condseg_app.session.drawing.growing import Grow, Shrink, Smooth
from condseg_app.session.drawing.intensities import KeepRange
from condseg_app.session.drawing.parts import FillHoles, KeepLargest, RemoveSmall
from condseg_app.session.drawing.piece import Mask, Piece, Spacing, Tool, Voxel
from condseg_app.session.drawing.slices import CopySlice, FillBetween
from condseg_app.session.state import State
from tests.classes import id_of
from tests.session.conftest import CLASSES, JobRunner

SHAPE = (70, 40, 12)  # several chunks
TABLE = ClassTable.from_names(CLASSES)
LIVER = TABLE["liver"].id
TOOLS: list[Tool] = [
    Grow(2.0),
    Shrink(1.0),
    Smooth(1.0),
    FillHoles(),
    FillHoles(2),
    KeepLargest(),
    RemoveSmall(20.0),
    KeepRange(33, 60),
    FillBetween(2),
    CopySlice(2, 4, 5),
]


def drawing() -> Mask:
    """A box with a hole, a speck apart, and a second slice far above."""
    mask = np.zeros(SHAPE, bool)
    mask[30:40, 10:20, 2:5] = True
    mask[34, 14, 3] = False
    mask[50, 30, 4] = True
    mask[32:38, 12:18, 9] = True
    return mask


def picture_of(shape: tuple[int, int, int] = SHAPE) -> Image:
    ramp = np.broadcast_to(np.arange(shape[0], dtype=np.int16)[:, None, None], shape)
    return Image(ramp[None], Geometry.with_spacing(shape, (1.0, 1.0, 1.5)), "ramp")


def predicted_as(mask: Mask, image: Image) -> State:
    """A state in which the liver is predicted."""
    levels = ClassLevels(image.geometry.shape)
    levels.paste((slice(0, mask.shape[0]), slice(0, mask.shape[1]), slice(0, mask.shape[2])), mask * np.uint8(200))
    return State(image=image, classes=TABLE, levels={LIVER: levels}, parts={LIVER: 1.0})


def shown(state: State, class_id: ClassId = LIVER) -> Mask:
    return fusing.mask(state, class_id)


def whole(mask: Mask, state: State) -> Piece:
    """All of the image as a piece: the plain definition of a tool's effect."""
    image, annotation = state.opened_image(), state.annotations.get(LIVER)
    annotated = np.zeros_like(mask) if annotation is None else annotation.supervised
    return Piece(mask, annotated, lambda: np.asarray(image.array[0], np.float32), image.geometry.spacing)


def with_annotation(state: State, mask: Mask, supervised: Mask) -> State:
    return replace(state, annotations={LIVER: ChunkedAnnotation.of(mask, supervised)})


def as_drawn(state: State, tool: Tool) -> State:
    return replace(state, annotations={LIVER: drawn(state, LIVER, tool).annotation})


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: type(tool).__name__)
def test_a_box_is_enough_for_what_a_tool_makes_of_all_of_the_image(tool: Tool) -> None:
    state = predicted_as(drawing(), picture_of())
    marked = np.zeros(SHAPE, bool)
    marked[..., [4, 9]] = True
    state = with_annotation(state, drawing(), marked)
    before = shown(state)
    after = as_drawn(state, tool)
    expected = tool(whole(before, state))
    np.testing.assert_array_equal(shown(after), expected)
    assert not np.array_equal(expected, before), "the tool does something here"
    changed = expected != before
    assert after.annotations[LIVER].supervised[changed].all()
    more = after.annotations[LIVER].supervised & ~changed & ~marked
    assert not more.any() or (isinstance(tool, FillBetween) and not (more & ~expected).any())


@given(mask=arrays(np.bool_, (9, 8, 4)), says=arrays(np.uint8, (9, 8, 4), elements=st.integers(0, 2)))
def test_the_annotation_shows_what_the_tool_said(mask: Mask, says: NDArray[np.uint8]) -> None:
    state = predicted_as(mask, picture_of((9, 8, 4)))
    state = with_annotation(state, says == PRESENT, says != UNDECIDED)
    before = shown(state)
    for tool in (Grow(1.0), Shrink(1.0), FillHoles(0), KeepLargest(), RemoveSmall(4.0)):
        expected = tool(whole(before, state))
        found = drawn(state, LIVER, tool)
        after = replace(state, annotations={LIVER: found.annotation})
        np.testing.assert_array_equal(shown(after), expected)
        assert (found.added, found.removed) == ((expected & ~before).sum(), (before & ~expected).sum())
        untouched = expected == before
        np.testing.assert_array_equal(said_by(found.annotation)[untouched], says[untouched])


def said_by(annotation: ChunkedAnnotation) -> NDArray[np.uint8]:
    return said(annotation.mask, annotation.supervised)


@given(mask=arrays(np.bool_, (70, 5, 6)))
def test_the_extent_holds_the_class_and_reads_no_more(mask: Mask) -> None:
    state = predicted_as(mask, picture_of((70, 5, 6)))
    region = shown_extent(state, LIVER)
    if not mask.any():
        assert region is None
        return
    assert region is not None
    assert mask[region].sum() == mask.sum()
    assert [part.stop - part.start for part in region] == (np.ptp(np.argwhere(mask), axis=0) + 1).tolist()


def test_nothing_outside_of_the_box_is_read() -> None:
    class Guarded:
        """Voxels of which only a part may be read."""

        shape, dtype = (1, 4000, 4000, 500), np.dtype(np.int16)

        def __getitem__(self, key: tuple[int, slice, slice, slice]) -> NDArray[np.int16]:
            assert all(part.stop - part.start < 40 for part in key[1:])
            return np.full([part.stop - part.start for part in key[1:]], 7, np.int16)

    shape = Guarded.shape[1:]
    image = Image(Guarded(), Geometry.with_spacing(shape, (1, 1, 1)))
    annotation = ChunkedAnnotation.empty(shape).edited(
        (slice(2000, 2020),) * 2 + (slice(300, 303),), np.full((20, 20, 3), PRESENT, np.uint8)
    )
    state = State(image=image, classes=TABLE, annotations={LIVER: annotation})
    assert drawn(state, LIVER, KeepRange(8, 9)).removed == 20 * 20 * 3
    assert drawn(state, LIVER, Grow(1.0)).added > 0


def test_a_colour_picture_has_the_mean_of_its_colours() -> None:
    values = np.zeros((3, 4, 3, 1), np.uint8)
    values[:, 0] = np.array([30, 60, 90])[:, None, None]
    image = Image(values, Geometry.of_picture(4, 3), channels=("red", "green", "blue"))
    state = with_annotation(State(image=image, classes=TABLE), np.ones((4, 3, 1), bool), np.ones((4, 3, 1), bool))
    assert shown(as_drawn(state, KeepRange(60, 60)))[..., 0].all(axis=1).tolist() == [True, False, False, False]


def test_a_picture_s_small_parts_are_measured_by_area() -> None:
    shape = (20, 20, 1)
    mask = np.zeros(shape, bool)
    mask[:2, :2] = mask[10:15, 10:15] = True
    image = Image(np.zeros((1, *shape), np.uint8), Geometry.with_spacing(shape, (2.0, 2.0, 9.0)))
    state = with_annotation(State(image=image, classes=TABLE), mask, mask)
    assert shown(as_drawn(state, RemoveSmall(17.0))).sum() == 25
    assert shown(as_drawn(state, RemoveSmall(16.0))).sum() == 29


def test_filled_slices_are_a_person_s_where_the_prediction_agrees_too() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[10:20, 10:20, 2:7] = True
    marked = np.zeros(SHAPE, bool)
    marked[..., [2, 6]] = True
    predicted = mask.copy()
    predicted[10:15, 10:20, 4] = False
    state = with_annotation(predicted_as(predicted, picture_of()), mask, marked)
    annotation = as_drawn(state, FillBetween(2)).annotations[LIVER]
    assert annotation.mask[10:20, 10:20, 4].all()
    assert not annotation.supervised[..., 3].any(), "nothing changed there"
    assert (said_by(annotation)[..., 4] != ABSENT).all(), "what is not drawn is not said to be absent"


# in a session


def liver(desk: JobRunner) -> ClassId:
    return id_of(desk.session, "liver")


def mark(desk: JobRunner, mask: Mask) -> None:
    desk.session.annotations.put(liver(desk), ChunkedAnnotation.of(mask, mask))


def block(desk: JobRunner) -> Mask:
    """The middle of the volume, painted."""
    mask = np.zeros(desk.session.state.opened_image().geometry.shape, bool)
    mask[2:4, 2, 1:3] = True
    mark(desk, mask)
    return mask


@pytest.mark.parametrize("tool", [Grow(2.0), Shrink(2.0), KeepRange(1, 2), CopySlice(0, 3, 4)])
def test_a_tool_is_a_single_step_of_undo(desk: JobRunner, tool: Tool) -> None:
    before = block(desk)
    desk.session.drawing.apply(tool, liver(desk))
    desk.finish()
    after = shown(desk.session.state, liver(desk))
    assert not np.array_equal(after, before)
    assert desk.heard.notices[-1].startswith(f"{tool.title} (liver): ")
    desk.session.undo()
    np.testing.assert_array_equal(shown(desk.session.state, liver(desk)), before)
    desk.session.redo()
    np.testing.assert_array_equal(shown(desk.session.state, liver(desk)), after)
    assert desk.heard.failures == []


def test_a_prediction_is_corrected_and_stays(desk: JobRunner) -> None:
    desk.session.predictions.start([liver(desk)])
    desk.finish()
    before = shown(desk.session.state, liver(desk))
    desk.session.drawing.apply(KeepLargest(), liver(desk))
    desk.finish()
    after = shown(desk.session.state, liver(desk))
    assert 0 < after.sum() < before.sum()
    annotation = desk.session.state.annotations[liver(desk)]
    np.testing.assert_array_equal(annotation.supervised, before & ~after)
    desk.session.annotations.clear(liver(desk))
    np.testing.assert_array_equal(shown(desk.session.state, liver(desk)), before)


def test_a_tool_that_changes_nothing_says_so_and_is_no_step(desk: JobRunner) -> None:
    block(desk)
    annotation = desk.session.state.annotations[liver(desk)]
    desk.session.drawing.apply(KeepLargest(), liver(desk))
    desk.finish()
    assert desk.session.state.annotations[liver(desk)] is annotation
    assert desk.heard.notices == ["Keep the largest part (liver) changed nothing."]
    desk.session.undo()
    assert not desk.session.state.annotations


@dataclass
class Slow:
    """A tool that takes until it may go on."""

    go_on: threading.Event
    title: str = "Slow"

    def margin(self, spacing: Spacing) -> Voxel:
        return 0, 0, 0

    def __call__(self, piece: Piece) -> Mask:
        assert self.go_on.wait(20)
        return np.zeros_like(piece.mask)


def begin(desk: JobRunner) -> threading.Event:
    """Begin to use a slow tool."""
    go_on = threading.Event()
    desk.session.drawing.apply(Slow(go_on), liver(desk))
    told = desk.session.state.job
    assert told is not None
    assert (told.kind, told.title) == ("drawing", "Slow (liver)")
    return go_on


def test_a_cancelled_tool_changes_nothing(desk: JobRunner) -> None:
    before, go_on = block(desk), begin(desk)
    assert desk.session.jobs.can_cancel
    desk.session.jobs.cancel()
    assert desk.session.state.job is None
    go_on.set()
    desk.finish()
    np.testing.assert_array_equal(shown(desk.session.state, liver(desk)), before)
    assert desk.heard.notices == ["Slow (liver) was stopped."]


def other_image(desk: JobRunner) -> None:
    desk.session.images.show(replace(desk.session.state.opened_image(), name="other"))


def other_annotation(desk: JobRunner) -> None:
    mark(desk, np.ones(desk.session.state.opened_image().geometry.shape, bool))


def no_class(desk: JobRunner) -> None:
    desk.session.classes.remove(liver(desk))


def locked(desk: JobRunner) -> None:
    desk.session.classes.set_locked(id_of(desk.session, "spleen"), True)


@pytest.mark.parametrize("change", [other_image, other_annotation, no_class, locked])
def test_a_late_result_is_dropped(desk: JobRunner, change: Callable[[JobRunner], None]) -> None:
    block(desk)
    go_on = begin(desk)
    change(desk)
    annotations = desk.session.state.annotations
    go_on.set()
    desk.finish()
    assert desk.session.state.annotations is annotations
    assert (
        desk.heard.notices[-1] == "Slow (liver) was dropped: the image, the annotation or a lock has changed meanwhile."
    )
    assert desk.heard.failures == []


def test_what_is_painted_meanwhile_counts(desk: JobRunner) -> None:
    block(desk)
    go_on = begin(desk)
    desk.session.drawing.collecting.connect(lambda: other_annotation(desk))
    go_on.set()
    desk.finish()
    assert shown(desk.session.state, liver(desk)).all()


def test_one_tool_at_a_time(desk: JobRunner) -> None:
    block(desk)
    go_on = begin(desk)
    desk.session.drawing.apply(Grow(9.0), liver(desk))
    assert "still at work" in desk.heard.notices[-1]
    go_on.set()
    desk.finish()
    assert not shown(desk.session.state, liver(desk)).any()


def test_a_lesson_and_a_prediction_of_another_class_go_on(desk: JobRunner) -> None:
    block(desk)
    desk.hold()
    desk.session.predictions.start([id_of(desk.session, "spleen")])
    desk.session.drawing.apply(Grow(2.0), liver(desk))
    desk.until(lambda: len(desk.heard.notices) == 1)
    assert desk.session.jobs.current is not None
    desk.finish()
    assert desk.session.state.state_of(id_of(desk.session, "spleen")) == "complete"


def test_why_not_is_said(desk: JobRunner) -> None:
    drawing = desk.session.drawing
    drawing.apply(Grow(2.0), liver(desk))
    assert "liver has no mask on this image yet" in str(desk.heard.failures[-1])
    desk.hold()
    desk.session.predictions.start([liver(desk)])
    drawing.apply(Grow(2.0), liver(desk))
    assert "is being predicted" in str(desk.heard.failures[-1])
    desk.finish()
    flat = Image(np.zeros((1, 5, 4, 1), np.uint8), Geometry.of_picture(5, 4), "flat")
    desk.session.images.show(flat)
    drawing.apply(FillBetween(2), liver(desk), "draw_slices")
    assert "no depth" in str(desk.heard.failures[-1])
    desk.session.images.close()
    drawing.apply(Grow(2.0), liver(desk))
    assert str(desk.heard.failures[-1]) == "Open an image first"


# where drawing is allowed

_VOXELS = arrays(np.uint8, (6, 5, 3), elements=st.integers(0, 7))


@given(
    voxels=_VOXELS,
    is_locked=st.sets(st.sampled_from(CLASSES)),
    free=st.booleans(),
    inside=st.sampled_from((None, *CLASSES)),
)
def test_drawing_is_allowed_where_the_plain_rule_says(
    voxels: NDArray[np.uint8], is_locked: set[str], free: bool, inside: str | None
) -> None:
    masks = {name: voxels & (1 << bit) > 0 for bit, name in enumerate(CLASSES)}
    ids = {name: TABLE[name].id for name in CLASSES}
    state = replace(
        State(image=picture_of((6, 5, 3)), classes=TABLE),
        annotations={ids[name]: ChunkedAnnotation.of(mask, mask) for name, mask in masks.items()},
        locked=frozenset(ids[name] for name in is_locked),
        only_free=free,
        only_inside=None if inside is None else ids[inside],
    )
    expected = np.full(voxels.shape, "liver" not in is_locked)
    for name in ("spleen", "kidney"):
        if name in is_locked or (free and name != inside):
            expected &= ~masks[name]
    if inside is not None:
        expected &= masks[inside]
    region = (slice(1, 5), slice(0, 5), slice(1, 3))
    np.testing.assert_array_equal(allowed(state, ids["liver"], region), expected[region])
    found = drawn(state, LIVER, Grow(1.0))
    after = replace(state, annotations={**state.annotations, LIVER: found.annotation})
    wanted = Grow(1.0)(whole(masks["liver"], state))
    np.testing.assert_array_equal(shown(after), np.where(expected, wanted, masks["liver"]))
    assert found.left_alone == ((wanted != masks["liver"]) & ~expected).sum()
    for name in is_locked:
        np.testing.assert_array_equal(shown(after, ids[name]), masks[name])


def test_a_whole_that_is_locked_does_not_keep_its_part_out() -> None:
    table = ClassTable.from_names(CLASSES)
    table = table.replacing("spleen", part_of="liver")
    everywhere = np.ones((4, 4, 2), bool)
    state = State(
        image=picture_of((4, 4, 2)),
        classes=table,
        annotations={table["liver"].id: ChunkedAnnotation.of(everywhere, everywhere)},
        locked=frozenset({table["liver"].id}),
    )
    region = (slice(0, 4), slice(0, 4), slice(0, 2))
    assert allowed(state, table["spleen"].id, region).all()
    assert not allowed(state, table["kidney"].id, region).any()


def test_a_class_that_is_gone_confines_nothing(desk: JobRunner) -> None:
    spleen, region = id_of(desk.session, "spleen"), (slice(0, 2),) * 3
    desk.session.drawing.confine(only_inside=spleen)
    assert not desk.session.drawing.allowed_in(liver(desk), region).any()
    desk.session.classes.remove(spleen)
    assert desk.session.drawing.allowed_in(liver(desk), region).all()
    desk.session.undo()
    assert not desk.session.drawing.allowed_in(liver(desk), region).any()


def test_a_locked_class_is_drawn_no_more(desk: JobRunner) -> None:
    before = block(desk)
    desk.session.classes.set_locked(liver(desk), True)
    desk.session.drawing.apply(Grow(2.0), liver(desk))
    assert "liver is locked" in str(desk.heard.failures[-1])
    desk.session.classes.set_locked(liver(desk), False)
    desk.session.drawing.apply(Grow(2.0), liver(desk))
    desk.finish()
    assert shown(desk.session.state, liver(desk)).sum() > before.sum()
