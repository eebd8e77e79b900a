"""A renaming changes the class table alone, whatever is under way."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from condseg_app import io
from condseg_app.data import ChunkedAnnotation, ClassId, ClassTable
from condseg_app.session import Session, fusing
from tests.classes import complete_names, id_of
from tests.session.conftest import Tools, make_model, make_volume

MASK = np.zeros((6, 5, 4), bool)
MASK[:3] = True
SEEN = np.ones_like(MASK)


def test_a_class_renamed_during_its_prediction_is_completed_under_the_new_name(desk: Any) -> None:
    gate, session = desk.hold(), desk.session
    liver = id_of(session, "liver")
    session.predictions.start([liver])
    gate.release(2)
    desk.until(lambda: session.state.parts.get(liver) == 0.5)
    levels = session.state.levels[liver]
    session.classes.rename(liver, "Leber")
    assert session.state.levels[liver] is levels
    assert session.state.will_predict(liver)
    desk.finish()
    assert complete_names(session) == {"Leber"}
    assert desk.heard.failures == []


def test_marks_without_a_file_are_told_by_the_new_name(desk: Any) -> None:
    session = desk.session
    liver = id_of(session, "liver")
    session.annotations.put(liver, ChunkedAnnotation.of(MASK, SEEN))
    annotation = session.state.annotations[liver]
    session.classes.rename(liver, "Leber")
    assert session.state.annotations[liver] is annotation
    (marks,) = session.unsaved.marks
    assert [entry.name for entry in marks.classes] == ["Leber"]


def test_a_class_renamed_during_its_lesson_learns_on_and_keeps_its_new_name(desk: Any) -> None:
    session = desk.session
    cyst = session.classes.add("cyst").id
    session.annotations.put(cyst, ChunkedAnnotation.of(MASK, SEEN))
    gate = desk.hold()
    session.lessons.start(cyst, steps=100)
    gate.release(6)
    desk.until(lambda: session.state.lesson.progress is not None)
    session.classes.rename(cyst, "Zyste")
    assert session.unsaved.lesson.name == "Zyste"
    session.annotations.put(cyst, ChunkedAnnotation.of(~MASK, SEEN))
    desk.finish()
    assert set(session.state.lesson.progress.dice) <= {cyst}
    session.lessons.accept()
    assert session.state.can_predict(cyst)
    assert session.state.name_of(cyst) == "Zyste", "the name by which the person knows the class"
    assert session.state.classes.names == ("liver", "spleen", "kidney", "Zyste")
    session.lessons.take_back()
    assert session.state.name_of(cyst) == "Zyste"
    assert desk.heard.failures == []


def test_undo_crosses_a_renaming(desk: Any) -> None:
    session = desk.session
    liver = id_of(session, "liver")
    for mask in (MASK, ~MASK):
        session.annotations.put(liver, ChunkedAnnotation.of(mask, SEEN))
        session.classes.rename(liver, f"{session.state.name_of(liver)}+")
    names = []
    while session.can_undo:
        session.undo()
        names.append(session.state.name_of(liver))
    assert names == ["liver+", "liver+", "liver", "liver"]
    while session.can_redo:
        session.redo()
    assert session.state.name_of(liver) == "liver++"
    np.testing.assert_array_equal(session.state.annotations[liver].mask, ~MASK)


NAMES = st.sampled_from(["liver", "spleen", "a", "b"])
CLASSES = st.integers(0, 5)


class Edits(RuleBasedStateMachine):
    """Edits of a session in any order, compared with a plain account of names and masks by class."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "m.safetensors"
        io.write_model(path, make_model(ClassTable.from_names(["liver", "spleen"])))
        self.volume = make_volume()
        self.session = Session(Tools(), Path(self.folder.name) / "models")
        self.session.models.open(path)
        self.session.images.show(self.volume)
        self.predicted: set[ClassId] = set()
        self.before: list[tuple[dict[ClassId, str], dict[ClassId, bool]]] = []
        self.after: list[tuple[dict[ClassId, str], dict[ClassId, bool]]] = []

    def account(self) -> tuple[dict[ClassId, str], dict[ClassId, bool]]:
        """Names and annotations: whether the first half is inside."""
        state = self.session.state
        halves = {class_id: bool(found.mask[0, 0, 0]) for class_id, found in state.annotations.items()}
        return {entry.id: entry.name for entry in state.classes}, halves

    def edit(self, do: Any) -> None:
        """Edit, and keep the account from before, unless the edit was refused or changed nothing."""
        before, state = self.account(), self.session.state
        do()
        if self.session.state is not state:
            self.before.append(before)
            self.after.clear()

    def one(self, number: int) -> ClassId:
        ids = self.session.state.classes.ids
        return ids[number % len(ids)]

    @precondition(lambda self: bool(self.session.state.classes.entries))
    @rule(number=CLASSES, name=NAMES)
    def rename(self, number: int, name: str) -> None:
        chosen, before = self.one(number), self.session.state
        self.edit(lambda: self.session.classes.rename(chosen, name))
        after = self.session.state
        assert after.annotations is before.annotations
        assert after.levels is before.levels
        assert after.current_class == before.current_class

    @precondition(lambda self: bool(self.session.state.classes.entries))
    @rule(number=CLASSES, first=st.booleans())
    def paint(self, number: int, first: bool) -> None:
        chosen = self.one(number)
        self.edit(lambda: self.session.annotations.put(chosen, ChunkedAnnotation.of(MASK if first else ~MASK, SEEN)))
        assert self.session.state.annotations[chosen].mask[0, 0, 0] == first

    @rule(name=NAMES)
    def add_or_add_back(self, name: str) -> None:
        self.edit(lambda: self.session.classes.add(name))

    @precondition(lambda self: bool(self.session.state.classes.entries))
    @rule(number=CLASSES)
    def remove(self, number: int) -> None:
        chosen = self.one(number)
        self.edit(lambda: self.session.classes.remove(chosen))

    @rule()
    def predict(self) -> None:
        self.session.predictions.start()
        assert self.session.wait(20)
        self.predicted |= {i for i in self.session.state.classes.ids if self.session.state.can_predict(i)}

    @precondition(lambda self: self.before)
    @rule()
    def undo(self) -> None:
        self.after.append(self.account())
        self.session.undo()
        assert self.account() == self.before.pop()

    @precondition(lambda self: self.after)
    @rule()
    def redo(self) -> None:
        self.before.append(self.account())
        self.session.redo()
        assert self.account() == self.after.pop()

    @invariant()
    def every_class_shows_its_own(self) -> None:
        state = self.session.state
        assert set(state.annotations) <= set(state.classes.ids)
        for class_id in self.predicted & set(state.classes.ids):
            assert state.state_of(class_id) == "complete"
            if class_id not in state.annotations:
                assert state.model is not None
                value = state.model.classes[state.model_class(class_id)].value
                np.testing.assert_array_equal(fusing.mask(state, class_id), self.volume.voxels()[0] == value)

    def teardown(self) -> None:
        self.session.close()
        self.session.wait(20)
        self.folder.cleanup()


TestEdits = Edits.TestCase
TestEdits.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
