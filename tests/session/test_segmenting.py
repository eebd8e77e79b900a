"""Labels from a file become annotations: which class of the table each of them is."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from condseg_app.data import ClassEntry, ClassId, ClassTable
from condseg_app.io.labels.segmentations import Segmentation
from condseg_app.session import table
from condseg_app.session.segmenting import annotation_of, segmented
from condseg_app.session.state import State
from tests.classes import id_of
from tests.session.test_table import SHAPE, image, start


def used(state: State, *entries: ClassEntry) -> State:
    """The state with a segmentation in use, each class on a slice of its own."""
    masks = {entry.name: np.zeros(SHAPE, bool) for entry in entries}
    for k, mask in enumerate(masks.values()):
        mask[..., k] = True
    found = Segmentation(Path("a"), image().geometry, ClassTable(entries), masks, named=True)
    return segmented(state, found, {name: annotation_of(found, name) for name in masks})


def slices(state: State) -> dict[str, list[int]]:
    return {
        state.name_of(class_id): np.flatnonzero(a.mask.any(axis=(0, 1))).tolist()
        for class_id, a in state.annotations.items()
    }


def test_a_class_that_was_renamed_is_recognised_by_its_id() -> None:
    state = start("liver", "spleen")
    row = state.classes["liver"]
    state = used(
        table.renaming(state, id_of(state, "liver"), "Leber"), row, replace(state.classes["spleen"], name="Milz")
    )
    assert state.classes.names == ("Leber", "spleen")
    assert slices(state) == {"Leber": [0], "spleen": [1]}


def test_a_name_goes_before_an_id_and_no_class_is_lost() -> None:
    """Two classes of the file would be the same one in the table: one by its name, the other by its id."""
    state = start("liver", "spleen")
    liver = state.classes["liver"]
    state = used(state, ClassEntry(7, "liver", id=ClassId("other")), replace(liver, name="hepar"))
    assert state.classes.names == ("liver", "spleen", "hepar")
    assert slices(state) == {"liver": [0], "hepar": [1]}
    assert state.classes["liver"] == replace(liver, color=state.classes["liver"].color)
