"""A segmentation from a file as annotations of its classes on the image in view."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from condseg_app.data import ChunkedAnnotation, ClassEntry, ClassId, Image
from condseg_app.io.labels.segmentations import Segmentation
from condseg_app.session import table
from condseg_app.session.marking import marking
from condseg_app.session.state import State

_NAMED = 4


def annotation_of(segmentation: Segmentation, name: str) -> ChunkedAnnotation:
    """A class as an annotation: fully supervised, except a partly predicted class. Takes a while."""
    mask = segmentation.masks[name]
    everywhere = np.broadcast_to(np.True_, segmentation.geometry.shape)
    return ChunkedAnnotation.of(mask, mask if name in segmentation.incomplete else everywhere)


def segmented(state: State, segmentation: Segmentation, marks: Mapping[str, ChunkedAnnotation]) -> State:
    """The state with each class of a segmentation annotated, unless the file says otherwise.

    Raises:
        CondsegError: there is no image, or the masks are not on its grid.
    """
    marked: list[ClassId] = []
    for entry in (segmentation.classes[name] for name in segmentation.in_order):
        state, class_id = _with_row(state, entry, segmentation)
        state = marking(state, class_id, marks[entry.name])
        marked.append(class_id)
    return replace(state, current_class=marked[0] if marked else state.current_class)


def told(segmentation: Segmentation, image: Image) -> str:
    """A notice on the segmentation's use, and how to undo the import."""
    names = segmentation.classes.names
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    odd = f" {segmentation.warnings[0][:1].upper()}{segmentation.warnings[0][1:]}." if segmentation.warnings else ""
    return f"Annotated on {image.name}: {', '.join(names[:_NAMED])}{more}. Ctrl+Z undoes it.{odd}"


def _with_row(state: State, entry: ClassEntry, segmentation: Segmentation) -> tuple[State, ClassId]:
    """The state with a row for a class, and the class's id there.

    A class that the table or the model knows by that name, in capitals or not, or by the id, is that class.
    """
    others = {e.color for e in state.classes if e.name not in segmentation.classes}
    rows = (*table.removed(state), *state.classes)
    taken = {name.casefold() for name in segmentation.classes.names}
    by_id = {e.id: e for e in rows if e.name.casefold() not in taken}
    known = {e.name.casefold(): e for e in rows}.get(entry.name.casefold(), by_id.get(entry.id))
    if known is None:
        color = table.propose(state, entry.name).color if entry.color in others else entry.color
        state = replace(state, classes=table.appended(state.classes, replace(entry, color=color)))
        return state, state.classes.ids[-1]
    if state.classes.by_id(known.id) is None:
        state = table.adding(state, known)
    if entry.color not in others:
        state = replace(state, classes=state.classes.replacing(known.name, color=entry.color))
    return state, known.id
