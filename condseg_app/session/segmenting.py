"""A segmentation from a file as annotations of its classes on the image in view."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from condseg_app.data import ChunkedAnnotation, ClassEntry, Image
from condseg_app.io.labels.segmentations import Segmentation
from condseg_app.session import table
from condseg_app.session.marking import marking
from condseg_app.session.state import State

_NAMED = 4


AnnotatedSlices = Mapping[str, ChunkedAnnotation]


def annotation_of(segmentation: Segmentation, name: str) -> ChunkedAnnotation:
    """A class as an annotation: fully supervised, except a partly predicted class. Takes a while."""
    mask = segmentation.masks[name]
    everywhere = np.broadcast_to(np.True_, segmentation.geometry.shape)
    return ChunkedAnnotation.of(name, mask, mask if name in segmentation.incomplete else everywhere)


def segmented(state: State, segmentation: Segmentation, marks: AnnotatedSlices) -> State:
    """The state with each class of a segmentation annotated, unless the file says otherwise.

    Raises:
        CondsegError: there is no image, or the masks are not on its grid.
    """
    names: list[str] = []
    for entry in (segmentation.classes[name] for name in segmentation.in_order):
        state, name = _with_row(state, entry, segmentation)
        state = marking(state, replace(marks[entry.name], class_name=name))
        names.append(name)
    return replace(state, current_class=names[0] if names else state.current_class)


def told(segmentation: Segmentation, image: Image) -> str:
    """A notice on the segmentation's use, and how to undo the import."""
    names = segmentation.classes.names
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    odd = f" {segmentation.warnings[0][:1].upper()}{segmentation.warnings[0][1:]}." if segmentation.warnings else ""
    return f"Annotated on {image.name}: {', '.join(names[:_NAMED])}{more}. Ctrl+Z undoes it.{odd}"


def _with_row(state: State, entry: ClassEntry, segmentation: Segmentation) -> tuple[State, str]:
    """The state with a row for a class, and the class's name there.

    A class that the table or the model knows by that name, in capitals or not, or by the id, is that class.
    """
    others = {e.color for e in state.classes if e.name not in segmentation.classes}
    rows = (*table.removed(state), *state.classes)
    taken = {name.casefold() for name in segmentation.classes.names}
    by_id = {e.id: e for e in rows if e.name.casefold() not in taken}
    known = {e.name.casefold(): e for e in rows}.get(entry.name.casefold(), by_id.get(entry.id))
    if known is None:
        color = table.propose(state, entry.name).color if entry.color in others else entry.color
        return replace(state, classes=table.appended(state.classes, replace(entry, color=color))), entry.name
    if known.name not in state.classes:
        state = table.adding(state, known)
    if entry.color not in others:
        state = replace(state, classes=state.classes.replacing(known.name, color=entry.color))
    return state, known.name
