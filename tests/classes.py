"""Classes by name, for tests that know names only."""

from collections.abc import Iterable

from condseg_app.data import ClassId
from condseg_app.session import Session
from condseg_app.session.state import State


def id_of(of: Session | State, name: str) -> ClassId:
    """The id of the class of a name; the name itself, as the id of no class, where there is none."""
    classes = (of.state if isinstance(of, Session) else of).classes
    return classes[name].id if name in classes else ClassId(name)


def ids_of(of: Session | State, names: Iterable[str]) -> list[ClassId]:
    """The ids of several classes."""
    return [id_of(of, name) for name in names]


def names_of(of: Session | State, classes: Iterable[ClassId]) -> list[str]:
    """The names of classes that are in the table."""
    state = of.state if isinstance(of, Session) else of
    return [state.entry(one).name for one in classes]


def complete_names(of: Session | State) -> set[str]:
    """The names of the classes that are predicted everywhere."""
    state = of.state if isinstance(of, Session) else of
    return {entry.name for entry in state.classes if state.state_of(entry.id) == "complete"}
