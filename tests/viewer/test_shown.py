"""What the layers show follows from state and view alone; no viewer is needed."""

from dataclasses import replace

import numpy as np
import pytest

from condseg_app.data import ChunkedAnnotation, ClassId, ClassLevels, ClassTable, Image
from condseg_app.session import fusing
from condseg_app.session.state import State
from condseg_app.viewer.shown import Shown, ShownLabels, View, resolve

TABLE = ClassTable.from_names(["liver", "spleen", "kidney"])
LIVER, SPLEEN, KIDNEY = TABLE.ids
SLICE = (slice(0, 1), slice(None), slice(None))


@pytest.fixture
def state(scan: Image) -> State:
    """Liver and spleen are predicted on all voxels, the liver less surely; nothing is known of the kidney."""
    shape = scan.geometry.shape
    levels = {}
    for class_id, level in ((LIVER, 150), (SPLEEN, 220)):
        levels[class_id] = ClassLevels(shape)
        levels[class_id].paste((slice(None), slice(None), slice(None)), np.full(shape, level, np.uint8))
    return State(image=scan, classes=TABLE, levels=levels)


def test_without_an_image_nothing_is_shown(state: State) -> None:
    assert resolve(replace(state, image=None), View()) == Shown()
    assert not resolve(replace(state, levels={}), View()).has_results


@pytest.mark.parametrize(
    ("current", "view", "fused", "on_top"),
    [
        (None, View(), TABLE.ids, None),
        (LIVER, View(), (SPLEEN, KIDNEY), LIVER),
        (KIDNEY, View(), TABLE.ids, None),  # nothing is known of it
        (LIVER, View(in_3d=True), TABLE.ids, None),
        (LIVER, View(painted=LIVER), (SPLEEN, KIDNEY), None),
        (LIVER, View(in_3d=True, painted=SPLEEN), (LIVER, KIDNEY), None),
        (LIVER, View(in_3d=True, is_reduced=True), (), None),
    ],
)
def test_the_current_class_is_on_top_of_a_slice_and_a_painted_class_is_left_to_the_brush(
    state: State, current: ClassId | None, view: View, fused: tuple[ClassId, ...], on_top: ClassId | None
) -> None:
    shown = resolve(replace(state, current_class=current), view)
    assert (shown.fused, shown.on_top) == (fused, on_top)


def test_a_hidden_class_is_not_on_top_and_conflicts_are_shown_if_asked_for(state: State) -> None:
    shown = resolve(replace(state, current_class=LIVER, hidden=frozenset({LIVER}), shows_conflicts=True), View())
    assert (shown.on_top, shown.hidden, shown.conflicts) == (None, frozenset({LIVER}), True)


def test_an_annotated_class_has_something_to_be_seen(state: State) -> None:
    drawn = ChunkedAnnotation.empty(state.opened_image().geometry.shape)
    assert resolve(replace(state, levels={}, annotations={KIDNEY: drawn}), View()).has_results


def test_the_drawing_is_the_fused_map_with_the_current_class_above(state: State) -> None:
    labels = ShownLabels()
    fused = labels.draw(state, resolve(state, View()), SLICE)
    assert (fused == fusing.labels(state, None, SLICE).values).all()
    assert set(np.unique(fused)) == {2}, "the spleen is more probable"
    chosen = replace(state, current_class=LIVER)
    assert set(np.unique(labels.draw(chosen, resolve(chosen, View()), SLICE))) == {1}


def test_classes_beneath_are_kept_for_a_slice_until_forgotten_and_never_for_a_volume(state: State) -> None:
    labels, chosen = ShownLabels(), replace(state, current_class=LIVER)
    labels.draw(chosen, resolve(chosen, View()), SLICE)
    assert labels.is_kept
    above = replace(chosen, thresholds={LIVER: 0.9})
    assert set(np.unique(labels.draw(above, resolve(above, View()), SLICE))) == {2}
    labels.forget()
    labels.draw(chosen, resolve(chosen, View(in_3d=True)), SLICE)
    assert not labels.is_kept
