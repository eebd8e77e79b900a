"""Classes of the open model: export to a file, import from a file, and removal.

Every change of a model makes a new file, so that choosing the old file undoes the change.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from condseg_app import io
from condseg_app.data import Model
from condseg_app.errors import ModelError
from condseg_app.io.models.class_file import CLASS_SUFFIX, is_class_file, read_class, write_class
from condseg_app.jobs import Progress, Step, Steps
from condseg_app.remote import EngineLike
from condseg_app.session.derived_models import save_derived_model
from condseg_app.session.state import State


@dataclass(frozen=True)
class ExportedClass:
    """A class that was written to a file."""

    name: str
    path: Path


@dataclass(frozen=True, eq=False)
class DerivedModel:
    """A new model derived from an open model.

    Attributes:
        parent: the parent model's file.
        path: the derived model's file.
        model: description of the derived model.
    """

    parent: Path
    path: Path
    model: Model


def class_file(path: Path) -> Path:
    """The path, with the ending of a class file."""
    return path if is_class_file(path) else path.with_name(f"{path.name}{CLASS_SUFFIX}")


def known_as(state: State, name: str) -> str:
    """The model's name for a class.

    Raises:
        CondsegError: no model is open, or the model does not know the class.
    """
    _, model = state.opened_model()
    state.classes.row(name)
    if name not in state.asked_as:
        raise ModelError(f"model '{model.name}' does not know '{name}' yet; annotate it and teach it first")
    return state.asked_as[name]


def export_class_steps(engine: EngineLike, state: State, name: str, path: Path) -> Steps:
    """Write a class into a file, with the user's name and colour."""
    model, _ = state.opened_model()
    taught = engine.class_of(model, known_as(state, name))
    shown = state.classes[name]
    write_class(path, replace(taught, entry=replace(taught.entry, name=name, color=shown.color)))
    yield Step(Progress(1.0), ExportedClass(name, path))


def import_class_steps(engine: EngineLike, state: State, file: Path, folder: Path) -> Steps:
    """Make a model that has the class of a file, too."""
    model, _ = state.opened_model()
    taught = read_class(file)
    yield _saved(engine.with_class(model, taught), state, f"+{taught.entry.name}", folder)


def removal_steps(engine: EngineLike, state: State, name: str, folder: Path) -> Steps:
    """Make a model that does not have a class."""
    model, _ = state.opened_model()
    yield _saved(engine.without_class(model, known_as(state, name)), state, f"-{name}", folder)


def _saved(made: Model, state: State, ending: str, folder: Path) -> Step:
    parent, _ = state.opened_model()
    path = save_derived_model(made, state, ending, folder)
    return Step(Progress(1.0), DerivedModel(parent, path, io.read_model_description(path)))
