"""The open model: choice of another, and its classes as files.

Every change of a model makes a new file, so that choosing the old file undoes the change.
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from condseg_app import io
from condseg_app.data import ClassId, Model
from condseg_app.io.models.class_file import CLASS_SUFFIX, is_class_file, read_class, write_class
from condseg_app.jobs import Progress, Step, Steps
from condseg_app.remote import EngineLike
from condseg_app.session import table
from condseg_app.session.advice import FindModels, ModelAdvice
from condseg_app.session.command import command
from condseg_app.session.computing import Computing
from condseg_app.session.derived_models import save_derived_model
from condseg_app.session.jobs import Jobs
from condseg_app.session.may import refuse
from condseg_app.session.state import State
from condseg_app.session.store import Store
from condseg_app.session.work import FileJob


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


class Models:
    """Commands on the open model.

    Args:
        store: of the session.
        jobs: of the session.
        computing: of the session.
        folder: where derived models are saved.
        find: finds the available models.

    Attributes:
        advice: tells which of the available models suits the image.
    """

    def __init__(self, store: Store, jobs: Jobs, computing: Computing, folder: Path, find: FindModels) -> None:
        self._store, self._jobs, self._computing, self._folder = store, jobs, computing, folder
        self.advice = ModelAdvice(store, jobs, find)
        self.changed = store.model_changed

    @command
    def open(self, name_or_path: str | Path) -> None:
        """Open a model; annotations stay, predictions go."""
        path = io.find_model(name_or_path)
        self._store.open_model(partial(table.with_model, path=path, model=io.read_model_description(path)))

    @command
    def export_class(self, class_id: ClassId, path: Path) -> None:
        """Write the model's data on a class into a small file, in the background."""
        state, file = self._store.state, class_file(path)
        refuse(state, "export_class", class_id)
        steps, name = (
            partial(export_class_steps, self._computing.engine, state, class_id, file),
            state.name_of(class_id),
        )
        self._jobs.run(
            FileJob(f"Exporting the class {name}", steps),
            lambda written: self._store.notice.emit(f"The class {name} was written to {written.name}."),
        )

    @command
    def import_class(self, file: Path) -> None:
        """Derive a model from the open model and a class file, and go on with the new model."""
        state = self._store.state
        refuse(state, "import_class")
        steps = partial(import_class_steps, self._computing.engine, state, file, self._folder)
        self._jobs.run(FileJob(f"Importing {file.name}", steps), self._on_derived)

    @command
    def remove_class(self, class_id: ClassId) -> None:
        """Derive a model from the open model without a class, and go on with the new model."""
        state = self._store.state
        refuse(state, "remove_from_model", class_id)
        steps = partial(removal_steps, self._computing.engine, state, class_id, self._folder)
        self._jobs.run(FileJob(f"Removing {state.name_of(class_id)}", steps), self._on_derived)

    @command
    def _on_derived(self, derived: DerivedModel) -> None:
        """Go on with a new model, unless another model was opened in the meantime."""
        if self._store.state.model_path == derived.parent:
            self._store.open_model(partial(table.with_derived_model, path=derived.path, model=derived.model))
            self._store.notice.emit(f"The new model is {derived.model.name}; the one before stays as it is.")
        else:
            self._store.notice.emit(f"The new model {derived.model.name} is among your models.")


def class_file(path: Path) -> Path:
    """The path, with the ending of a class file."""
    return path if is_class_file(path) else path.with_name(f"{path.name}{CLASS_SUFFIX}")


def export_class_steps(engine: EngineLike, state: State, class_id: ClassId, path: Path) -> Steps:
    """Write a class into a file, with the user's name and colour."""
    model, _ = state.opened_model()
    taught, shown = engine.class_of(model, state.model_class(class_id)), state.entry(class_id)
    write_class(path, replace(taught, entry=replace(taught.entry, name=shown.name, color=shown.color)))
    yield Step(Progress(1.0), path)


def import_class_steps(engine: EngineLike, state: State, file: Path, folder: Path) -> Steps:
    """Make a model that has the class of a file, too."""
    model, _ = state.opened_model()
    taught = read_class(file)
    yield _saved(engine.with_class(model, taught), state, f"+{taught.entry.name}", folder)


def removal_steps(engine: EngineLike, state: State, class_id: ClassId, folder: Path) -> Steps:
    """Make a model that does not have a class."""
    model, _ = state.opened_model()
    made = engine.without_class(model, state.model_class(class_id))
    yield _saved(made, state, f"-{state.name_of(class_id)}", folder)


def _saved(made: Model, state: State, ending: str, folder: Path) -> Step:
    parent, _ = state.opened_model()
    path = save_derived_model(made, state, ending, folder)
    return Step(Progress(1.0), DerivedModel(parent, path, io.read_model_description(path)))
