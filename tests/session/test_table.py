"""Changes of the class table, and taking them back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condseg_app.data import ChunkedAnnotation, ClassTable, Geometry, Image, Model, Preprocessing
from condseg_app.errors import ClassTableError
from condseg_app.session import table
from condseg_app.session.history import Edit, History
from condseg_app.session.state import State, with_image
from tests.classes import id_of, ids_of, names_of

SHAPE = (2, 3, 4)
LIVER, SPLEEN = ClassTable.from_names(["liver", "spleen"]).ids
PATH = Path("m.safetensors")


def model(*names: str) -> Model:
    return Model("m", "dense_unet", {}, Preprocessing("3D", (4, 4, 4)), ClassTable.from_names(names))


def image(name: str = "a") -> Image:
    return Image(np.zeros((1, *SHAPE), np.int16), Geometry.with_spacing(SHAPE, (1, 1, 1)), name)


def start(*names: str) -> State:
    return table.with_model(State(image=image()), PATH, model(*names))


def asked_as(state: State) -> dict[str, str]:
    """The model's names of the classes on screen that it knows."""
    return {
        name: state.model_class(id_of(state, name))
        for name in state.classes.names
        if state.can_predict(id_of(state, name))
    }


def marked(state: State, name: str) -> State:
    mask = np.ones(SHAPE, bool)
    mask[0] = False
    return replace(
        state, annotations={**state.annotations, id_of(state, name): ChunkedAnnotation.of(mask, np.ones_like(mask))}
    )


def test_a_new_class_gets_a_free_value_and_cannot_be_predicted() -> None:
    state = start("liver", "spleen")
    entry = table.propose(state, "tumour")
    state = table.adding(state, entry)
    assert state.classes.names == ("liver", "spleen", "tumour")
    assert entry.value == 3
    assert not state.can_predict(id_of(state, "tumour"))


@pytest.mark.parametrize("name", ["liver", "Liver", "LIVER", " liver", ""])
def test_a_name_in_use_or_no_name_is_refused(name: str) -> None:
    with pytest.raises(ClassTableError):
        table.propose(start("liver"), name)


def test_renaming_takes_everything_along() -> None:
    state = marked(start("liver", "spleen"), "spleen")
    own = state.classes["spleen"].id
    state = replace(state, thresholds={own: 0.3}, hidden=frozenset({own}), priority=(own,), current_class=own)
    state = with_image(state, image("b"))
    before = marked(state, "spleen")
    state = table.renaming(before, own, "Milz")
    assert vars(replace(state, classes=before.classes)) == vars(before), "nothing but the table changes"
    assert state.classes.names == ("liver", "Milz")
    assert asked_as(state) == {"liver": "liver", "Milz": "spleen"}
    assert state.threshold(id_of(state, "Milz")) == 0.3
    assert state.hidden == set(ids_of(state, {"Milz"}))
    assert state.in_priority == tuple(ids_of(state, ("Milz", "liver")))
    assert state.current_class == id_of(state, "Milz")
    assert state.annotations.keys() == with_image(state, image("a")).annotations.keys() == {own}


def test_a_class_may_not_take_the_name_of_another_one_of_the_models() -> None:
    state = table.removing(start("liver", "spleen"), SPLEEN)
    with pytest.raises(ClassTableError, match="knows another class"):
        table.renaming(state, id_of(state, "liver"), "Spleen")


def test_renaming_back_is_allowed() -> None:
    state = table.renaming(start("liver"), LIVER, "Leber")
    assert table.renaming(state, id_of(state, "Leber"), "liver").classes.names == ("liver",)


@pytest.mark.parametrize("name", ["liver", "Liver", "SPLEEN"])
def test_a_new_class_may_not_take_a_name_by_which_the_model_knows_another(name: str) -> None:
    state = table.removing(table.renaming(start("liver", "spleen"), LIVER, "Leber"), SPLEEN)
    with pytest.raises(ClassTableError, match="knows another class"):
        table.propose(state, name)


def test_adding_a_removed_class_of_the_models_brings_that_class_back() -> None:
    before = start("liver", "spleen")
    state = table.removing(before, id_of(before, "spleen"))
    assert not state.can_predict(id_of(state, "spleen"))
    state = table.adding(state, table.propose(state, "spleen"))
    assert state.classes == before.classes
    assert state.model_class(id_of(state, "spleen")) == "spleen"


def test_a_new_class_never_takes_the_value_of_a_removed_one_of_the_models() -> None:
    state = table.removing(start("liver", "spleen"), SPLEEN)
    assert table.propose(state, "tumour").value == 3


def test_another_model_keeps_own_classes_and_marked_ones() -> None:
    state = start("liver", "spleen", "kidney")
    state = table.adding(state, table.propose(state, "tumour"))
    state = table.with_model(marked(state, "spleen"), PATH, model("heart", "liver"))
    assert state.classes.names == ("heart", "liver", "spleen", "tumour")
    assert len({entry.value for entry in state.classes}) == 4
    assert asked_as(state) == {"heart": "heart", "liver": "liver"}


def test_a_class_keeps_its_threshold_in_a_model_that_has_it_under_another_id_or_name() -> None:
    state = start("liver", "spleen")
    liver, spleen = state.classes.entries
    state = replace(
        state, thresholds={liver.id: 0.2, spleen.id: 0.3}, hidden=frozenset({spleen.id}), priority=(liver.id,)
    )
    state = marked(table.renaming(state, id_of(state, "spleen"), "Milz"), "Milz")
    other = model("heart", "Liver", "spleen")
    rows = (other.classes["Liver"], replace(spleen, value=9, name="lien"), other.classes["heart"])
    state = table.with_model(state, PATH, replace(other, classes=ClassTable(rows)))
    assert state.classes.names == ("Liver", "lien", "heart")
    assert (
        state.threshold(id_of(state, "Liver")),
        state.threshold(id_of(state, "lien")),
        state.threshold(id_of(state, "heart")),
    ) == (0.2, 0.3, 0.5)
    assert state.hidden == set(ids_of(state, {"lien"}))
    assert state.in_priority == tuple(ids_of(state, ("Liver", "lien", "heart")))
    assert names_of(state, state.annotations) == ["lien"]


def test_a_name_goes_before_an_id_and_no_annotation_is_lost() -> None:
    """The model has the user's own class by name, and a class that the user renamed by id."""
    state = marked(table.renaming(start("liver"), LIVER, "Leber"), "Leber")
    lacking = table.with_model(state, PATH, model("heart"))
    state = marked(table.adding(lacking, table.propose(lacking, "liver")), "liver")
    state = table.with_model(state, PATH, model("liver"))
    assert state.classes.names == ("liver", "Leber")
    assert {*names_of(state, state.annotations)} == {"liver", "Leber"}
    assert not state.can_predict(id_of(state, "Leber"))


def test_a_renamed_and_marked_class_stays_where_the_model_is_opened_again() -> None:
    state = marked(table.renaming(start("liver", "spleen"), SPLEEN, "Milz"), "Milz")
    state = table.with_model(state, PATH, model("liver", "spleen"))
    assert set(state.annotations) <= set(state.classes.ids)
    assert len({entry.id for entry in state.classes}) == len(state.classes)


def test_a_taught_models_table_is_the_persons() -> None:
    state = table.renaming(start("liver", "spleen"), LIVER, "Leber")
    state = replace(state, classes=state.classes.replacing("spleen", color=(1, 2, 3)))
    taught = ClassTable.from_names(["liver", "spleen", "tumour"])
    personal = taught.labelled_as(state.classes)
    assert personal.names == ("Leber", "spleen", "tumour")
    assert personal["spleen"].color == (1, 2, 3)
    assert [e.code for e in personal] == [e.code for e in taught]


def test_a_successor_does_not_bring_back_what_was_removed() -> None:
    state = table.removing(start("liver", "spleen"), SPLEEN)
    state = table.with_derived_model(state, PATH, model("liver", "spleen", "tumour"))
    assert state.classes.names == ("liver", "tumour")


def test_marks_belong_to_their_image() -> None:
    state = marked(start("liver"), "liver")
    other = with_image(state, image("b"))
    assert other.annotations == {}
    assert with_image(other, image("a")).annotations == state.annotations
    assert with_image(with_image(other, None), image("a")).annotations == state.annotations


def test_marks_for_another_shape_are_kept_but_not_shown() -> None:
    other = with_image(marked(start("liver"), "liver"), image("b"))
    reshaped = Image(np.zeros((1, 9, 9, 9), np.int16), Geometry.with_spacing((9, 9, 9), (1, 1, 1)), "a")
    changed = with_image(other, reshaped)
    assert changed.annotations == {}
    assert with_image(changed, image("a")).annotations.keys() == {LIVER}


NAMES = st.sampled_from(["a", "b", "c", "d"])
Edits = st.lists(
    st.one_of(
        st.tuples(st.just("add"), NAMES, NAMES),
        st.tuples(st.just("rename"), NAMES, NAMES),
        st.tuples(st.just("remove"), NAMES, NAMES),
        st.tuples(st.just("mark"), NAMES, NAMES),
    ),
    max_size=20,
)


def edited(state: State, kind: str, name: str, other: str) -> State:
    """The state after an edit, the same where it is refused."""
    try:
        if kind == "add":
            return table.adding(state, table.propose(state, name))
        if kind == "rename":
            return table.renaming(state, id_of(state, name), other)
        if kind == "remove":
            return table.removing(state, id_of(state, name))
        return marked(state, name) if name in state.classes else state
    except ClassTableError:
        return state


def content(state: State) -> tuple[object, ...]:
    edit = Edit.of(state, 0)
    return edit.classes, dict(edit.annotations), edit.current_class


@given(Edits)
def test_every_edit_leaves_a_sound_table_and_can_be_taken_back(edits: list[tuple[str, str, str]]) -> None:
    state = start("a", "b")
    history, seen = History(), [state]
    for kind, name, other in edits:
        new = edited(state, kind, name, other)
        if new is not state:
            history.keep(state, new)
            state = new
            seen.append(state)
        assert set(asked_as(state).values()) <= {"a", "b"}
        assert len(set(asked_as(state).values())) == len(asked_as(state))
        assert set(state.annotations) <= set(state.classes.ids)
        model_rows = [e.value for e in table.removed(state)]
        assert not set(model_rows) & {e.value for e in state.classes}
    for earlier in reversed(seen[:-1]):
        state = history.undone(state)
        assert content(state) == content(earlier)
    assert not history.can_undo
    assert history.undone(state) is state
    for later in seen[1:]:
        state = history.redone(state)
        assert content(state) == content(later)
    assert not history.can_redo


def test_large_masks_are_forgotten_before_they_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("condseg_app.session.history._MOST_BYTES", 1000)
    history, state = History(), start("liver")
    for _ in range(60):  # 24 bytes for each new one
        new = marked(state, "liver")
        history.keep(state, new)
        state = new
    steps = 0
    while history.can_undo:
        state = history.undone(state)
        steps += 1
    assert 35 <= steps <= 42
