"""The session's commands: all changes of the open image and model."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from condseg_app import io
from condseg_app.data import ChunkedAnnotation, ClassEntry, Color, Region
from condseg_app.jobs import Job, Progress
from condseg_app.remote import Engine, EngineLike
from condseg_app.session import table
from condseg_app.session.class_files import (
    DerivedModel,
    ExportedClass,
    class_file,
    export_class_steps,
    import_class_steps,
    known_as,
    removal_steps,
)
from condseg_app.session.command import command
from condseg_app.session.exporting import ExportPlan
from condseg_app.session.exports import Exports
from condseg_app.session.job_runner import FileJob, ignore
from condseg_app.session.marks import marking, unmarking
from condseg_app.session.opening import Opening
from condseg_app.session.predicting import Delivery, Voxel, WindowQueue, pasted, regrouped
from condseg_app.session.proposing import ImageProposal, Proposal, next_image_steps, proposal_steps
from condseg_app.session.unsaved import Unsaved, plans_of_marks, unsaved_marks


class Session(Opening):
    """The open image and model, with the commands that change them.

    All calls and all emissions are on one thread. Errors that the user can act on are not raised:
    `failed` is emitted. Long work runs in `job` (one prediction or lesson at a time) and brings its results back
    through psygnal's queue: a window calls `psygnal.qt.start_emitting_from_queue`, a script `wait`.

    Args:
        engine: computes; an engine in a process of its own, started when first needed, if None.
        models_folder: where taught models are saved; the user's folder for models if None.
    """

    def __init__(self, engine: EngineLike | None = None, models_folder: Path | None = None) -> None:
        folder = io.user_models_folder() if models_folder is None else models_folder
        super().__init__(Engine() if engine is None else engine, folder)
        self._windows: WindowQueue | None = None
        self._exports = Exports(self._runner, self.export_changed, self.exported, self._on_end)

    # The current class, and how classes are shown

    @command
    def choose_class(self, name: str | None) -> None:
        """Choose the current class, or none."""
        if name is not None:
            self.classes.row(name)
        self._become(replace(self._state, current_class=name))

    @command
    def set_threshold(self, name: str, value: float) -> None:
        """Say from which probability on, 0 to 1, a voxel counts as the class."""
        self.classes.row(name)
        thresholds = {**self._state.thresholds, name: float(min(max(value, 0.0), 1.0))}
        self._become(replace(self._state, thresholds=thresholds))

    @command
    def set_hidden(self, name: str, hidden: bool) -> None:
        """Hide a class, or show a hidden class."""
        self.classes.row(name)
        names = self._state.hidden
        self._become(replace(self._state, hidden=names | {name} if hidden else names - {name}))

    @command
    def show_only(self, name: str | None) -> None:
        """Hide all other classes; None shows all."""
        hidden = frozenset(self.classes.names) - {name} if name is not None else frozenset()
        self._become(replace(self._state, hidden=hidden))

    @command
    def show_conflicts(self, shown: bool) -> None:
        """Show or hide the voxels that several classes claim."""
        self._become(replace(self._state, shows_conflicts=shown))

    @command
    def set_priority(self, names: Sequence[str] | None) -> None:
        """Set the priority of overlapping classes, unnamed classes last; None: the most probable class has priority."""
        for name in names or ():
            self.classes.row(name)
        self._become(replace(self._state, priority=None if names is None else tuple(names)))

    # The class table and the annotations: all changes can be undone

    def propose_class(self, name: str, color: Color | None = None) -> ClassEntry:
        """The row that `add_class` would add; ClassTableError if the name cannot be used."""
        return table.propose(self._state, name, color)

    @command
    def add_class(self, name: str, color: Color | None = None) -> ClassEntry:
        """Add a class of the user's, or a removed class of the model's."""
        entry = table.propose(self._state, name, color)
        self._edit(table.adding(self._state, entry))
        return entry

    @command
    def rename_class(self, name: str, new_name: str) -> None:
        """Give a class another name; the model's file keeps its own."""
        self._edit(table.renaming(self._state, name, new_name))

    @command
    def recolor_class(self, name: str, color: Color) -> None:
        """Give a class another colour."""
        self._edit(replace(self._state, classes=self.classes.replacing(name, color=color)))

    @command
    def remove_class(self, name: str) -> None:
        """Remove a class from the table, with its annotation."""
        self._edit(table.removing(self._state, name))

    @command
    def annotate(self, name: str, mask: NDArray[np.bool_], supervised: NDArray[np.bool_]) -> None:
        """Annotate a class by its mask and supervised mask, both (I, J, K)."""
        self.put_annotation(ChunkedAnnotation.of(name, mask, supervised))

    @command
    def put_annotation(self, annotation: ChunkedAnnotation) -> None:
        """Replace a class's annotation."""
        self._edit(marking(self._state, annotation))

    @command
    def clear_annotation(self, name: str) -> None:
        """Remove a class's annotation."""
        self._edit(unmarking(self._state, name))

    @command
    def undo(self) -> None:
        """Undo the last change of the class table or of the annotations."""
        self._become(self._history.undone(self._state))

    @command
    def redo(self) -> None:
        """Redo the last undone change."""
        self._become(self._history.redone(self._state))

    # Predicting

    def get_ready(self) -> None:
        """Let the engine open the image in the background; errors are reported when a class is requested."""
        model, image = self.model, self.image
        if self._windows is None and model is not None and image is not None and model.misfit(image) is None:
            self._runner.run(Job("Getting ready", self._windows_of_what_is_open().opening), ignore, ignore)

    @command
    def predict(self, names: Sequence[str] | None = None, near: Voxel | None = None) -> None:
        """Compute the missing parts of some classes (of all that the model knows if None).

        A prediction under way gives way: these classes come first, then unfinished classes.

        Args:
            names: names of classes.
            near: the voxel to begin at, in the slice in view, for example.
        """
        missing = [name for name in self._state.askable(names) if self.state_of(name) != "complete"]
        if not missing:
            return
        if self.is_teaching:
            self.notice.emit("A class is being taught; stop the lesson to predict, or wait until it ends.")
            return
        groups = regrouped([self._state.asked_as[name] for name in missing], self._asked, self._state.complete)
        self._drop_job()
        windows = self._windows_of_what_is_open()
        if near is not None:
            windows.look_at(near)
        self._asked = groups
        what = missing[0] if len(missing) == 1 else f"{len(missing)} classes"
        self._take_up(Job(f"Predicting {what}", partial(windows.steps, groups)), self._on_block)

    def predicted_part(self, name: str) -> float:
        """Predicted fraction of a class, 0 to 1."""
        if self.state_of(name) == "complete":
            return 1.0
        return 0.0 if self._windows is None else self._windows.part_of(self._state.asked_as.get(name, ""))

    def look_at(self, near: Voxel, seen: Region | None = None) -> None:
        """Direct the work under way to the present view.

        Args:
            near: the voxel in the middle of the view; a prediction goes on nearby.
            seen: the slice in view, on which a lesson shows its class; None without a slice.
        """
        self._look_from(seen)
        if self._windows is not None:
            self._windows.look_at(near)

    @command
    def propose_slice(self, name: str, axis: int) -> None:
        """Find in the background the slice to mark next, of those along an axis, then emit `slice_proposed`."""
        self.classes.row(name)
        self._run(Job("Looking for the least certain slice", partial(proposal_steps, self._state, name, axis)))

    @command
    def propose_image(self, name: str, axis: int) -> None:
        """Look for the image to annotate next and emit `image_proposed` after each image; other work gives way.

        Args:
            name: a class that the model knows.
            axis: slice axis of the image in view.
        """
        self._state.askable([name])
        if self._refuses_while_teaching():
            return
        steps = partial(next_image_steps, self.engine, self._state, name, axis, check=self.checks_files)
        self._drop_job()
        self._take_up(Job(f"Looking where {name} is least certain", steps), self._on_answer)

    @command
    def cancel(self) -> None:
        """Stop the job and any image being read. Incomplete predictions stay; a lesson is not saved.

        For the user the job ends at once, whatever the engine is doing; the work ends in the background, or is dropped.
        """
        taught = self.is_teaching
        self._stop_opening()
        self._give_up_job()
        if taught:
            self._leave_lesson()

    @property
    def can_cancel(self) -> bool:
        """Whether there is anything for `cancel` to stop."""
        return self._job is not None or (self._opening is not None and self._opening.state != "failed")

    # Classes of the model as files

    @command
    def export_class(self, name: str, path: Path) -> None:
        """Write the model's data on a class into a small file, in the background."""
        known_as(self._state, name)
        steps = partial(export_class_steps, self.engine, self._state, name, class_file(path))
        self._run(FileJob(f"Exporting the class {name}", steps))

    @command
    def import_class(self, file: Path) -> None:
        """Derive a model from the open model and a class file, and go on with the new model."""
        self._state.opened_model()
        steps = partial(import_class_steps, self.engine, self._state, file, self._models_folder)
        self._run(FileJob(f"Importing {file.name}", steps))

    @command
    def remove_from_model(self, name: str) -> None:
        """Derive a model from the open model without a class, and go on with the new model."""
        known_as(self._state, name)
        steps = partial(removal_steps, self.engine, self._state, name, self._models_folder)
        self._run(FileJob(f"Removing {name}", steps))

    # Files, and the end

    @command
    def export(self, path: Path, format_key: str, names: Sequence[str] | None = None) -> None:
        """Write masks in the background, then emit `exported`.

        Args:
            path: the file, or the folder for one file a class.
            format_key: a key of `condseg_app.io.EXPORT_FORMATS`.
            names: classes to write; all classes with a result if None.
        """
        settled = replace(self._state, previews={})  # a preview during a lesson is no result yet
        self._exports.begin(ExportPlan.of(settled, Path(path), format_key, names))

    @command
    def export_marks(self, folder: Path) -> None:
        """Write all annotations that no file keeps into a folder, a mask for each image and class."""
        for plan in plans_of_marks(self._state, self.unsaved.marks, folder):
            self._exports.begin(plan)

    @property
    def export_progress(self) -> Progress | None:
        """Progress of the latest export under way; None without an export."""
        return self._exports.progress

    @command
    def cancel_export(self) -> None:
        """Stop the exports under way; their files are not written."""
        self._exports.cancel()

    @property
    def unsaved(self) -> Unsaved:
        """Work that closing the program would lose."""
        marks = unsaved_marks(self._state, self._exports.written_marks)
        return Unsaved(tuple(marks), self.unsaved_lesson, self._runner.writing)

    def _keep_in_mind(self, marks: Sequence[ChunkedAnnotation]) -> None:
        self._exports.written_marks.update(marks)

    def _succeed(self, successor: DerivedModel) -> None:
        """Go on with a new model, unless another model was opened in the meantime."""
        if self.model_path == successor.parent:
            self._open_model(partial(table.with_derived_model, path=successor.path, model=successor.model))
            self.notice.emit(f"The new model is {successor.model.name}; the one before stays as it is.")
        else:
            self.notice.emit(f"The new model {successor.model.name} is among your models.")

    def _windows_of_what_is_open(self) -> WindowQueue:
        if self._windows is None:
            path, _ = self._state.opened_model()
            self._windows = WindowQueue(self.engine, path, self._state.opened_image())
        return self._windows

    def _forget_windows(self) -> None:
        self._windows = None

    def _on_block(self, _job: Job, delivery: object) -> None:
        if isinstance(delivery, Delivery) and delivery.windows is self._windows:
            block = delivery.block
            names = self._state.names_on_screen(block.probabilities)
            self._fill(names, block, lambda state: pasted(state, delivery))

    @command
    def _on_answer(self, job: Job, answer: object) -> None:
        if isinstance(answer, Proposal):
            self.slice_proposed.emit(answer)
        if isinstance(answer, ImageProposal) and job is self._job:
            self.image_proposed.emit(answer)
        if isinstance(answer, ExportedClass):
            self.notice.emit(f"The class {answer.name} was written to {answer.path.name}.")
        if isinstance(answer, DerivedModel):
            self._succeed(answer)
