"""Predictions of the open image with the open model."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Measure, Region, as_level, measure
from condseg_app.jobs import Job
from condseg_app.session import fusing
from condseg_app.session.command import command
from condseg_app.session.computing import Computing
from condseg_app.session.jobs import Jobs, Work, ignore
from condseg_app.session.may import refuse
from condseg_app.session.state import State
from condseg_app.session.store import Store
from condseg_app.session.window_queue import Delivery, Groups, Voxel, WindowQueue, pasted, regrouped


class Predictions:
    """Commands that predict classes, and the results.

    Args:
        store: of the session.
        jobs: of the session.
        computing: of the session.
    """

    def __init__(self, store: Store, jobs: Jobs, computing: Computing) -> None:
        self._store, self._jobs, self._computing = store, jobs, computing
        self._windows: WindowQueue | None = None
        self._job: Job | None = None
        self._groups: Groups = []
        self.changed = store.prediction_changed
        store.will_open.connect(self._forget_windows)
        computing.moved.connect(self._forget_windows)

    @property
    def _state(self) -> State:
        return self._store.state

    @property
    def _asked(self) -> Groups:
        """The classes of the prediction under way."""
        return self._groups if self._job is not None and self._job is self._jobs.current else []

    @property
    def _finished(self) -> frozenset[str]:
        """The model's names of the classes that are complete."""
        classes = () if self._state.model is None else self._state.model.classes
        return frozenset(entry.name for entry in classes if entry.id in self._state.complete)

    def get_ready(self) -> None:
        """Let the engine open the image in the background; errors are reported when a class is requested."""
        model, image = self._state.model, self._state.image
        if self._windows is None and model is not None and image is not None and model.misfit(image) is None:
            self._jobs.run(Job("Getting ready", self._windows_of_what_is_open().opening), ended=ignore)

    @command
    def start(self, names: Sequence[str] | None = None, near: Voxel | None = None) -> None:
        """Compute the missing parts of some classes (of all that the model knows if None).

        A prediction under way gives way: these classes come first, then unfinished classes.

        Args:
            names: names of classes.
            near: the voxel to begin at, in the slice in view, for example.
        """
        refuse(self._state, "predict_any")
        asked = (
            [name for name in self._state.classes.names if self._state.can_predict(name)] if names is None else names
        )
        for name in asked:
            refuse(self._state, "predict_any", name)
        current_first = sorted(dict.fromkeys(asked), key=lambda name: name != self._state.current_class)
        missing = [name for name in current_first if self._state.state_of(name) != "complete"]
        if not missing:
            return
        text = "A class is being taught; stop the lesson to predict, or wait until it ends."
        if self._store.refuses_while_teaching(text):
            return
        own = [self._state.model_class(name) for name in missing]
        self._groups = regrouped(own, self._asked, self._finished)
        self._jobs.leave()  # the engine may be another from here on
        windows = self._windows_of_what_is_open()
        if near is not None:
            windows.look_at(near)
        what = missing[0] if len(missing) == 1 else f"{len(missing)} classes"
        self._job = Job(f"Predicting {what}", partial(windows.steps, self._groups))
        self._jobs.start(Work(self._job, "prediction", self._on_block, late=self._on_block))

    def look_at(self, near: Voxel) -> None:
        """Go on near a voxel."""
        if self._windows is not None:
            self._windows.look_at(near)

    def is_under_way(self, name: str) -> bool:
        """Whether the prediction under way will complete a class."""
        own = self._state.can_predict(name) and self._state.model_class(name)
        return any(own in group for group in self._asked)

    def part_of(self, name: str) -> float:
        """Predicted fraction of a class, 0 to 1."""
        if self._state.state_of(name) == "complete":
            return 1.0
        if self._windows is None or not self._state.can_predict(name):
            return 0.0
        return self._windows.part_of(self._state.model_class(name))

    # Results at present

    def volume(self, name: str) -> Measure | None:
        """A class's volume by itself, corrections in; None where the class has no result."""
        state = self._state
        if state.image is None or name not in state.classes or not state.has_result(name):
            return None
        return measure(self._store.counts.voxels(state, name), state.image.geometry)

    def predicted_in(self, name: str, region: Region) -> NDArray[np.bool_]:
        """Voxels of a region where a class reaches its threshold, without annotations: a new array."""
        return fusing.predicted(self._state, name, region)

    def may_be_predicted_in(self, name: str, region: Region) -> bool:
        """Whether a region may hold a predicted class, without reading voxels; False is certain."""
        levels = self._state.levels_of(name)
        return levels is not None and levels.may_be_in(region, as_level(self._state.threshold(name)))

    def _windows_of_what_is_open(self) -> WindowQueue:
        if self._windows is None:
            path, _ = self._state.opened_model()
            self._windows = WindowQueue(self._computing.engine, path, self._state.opened_image())
        return self._windows

    def _forget_windows(self) -> None:
        self._windows = None

    def _on_block(self, delivery: Delivery) -> None:
        if delivery.windows is self._windows:
            shown = map(self._state.shown_class, delivery.block.probabilities)
            names = [name for name in shown if name in self._state.classes]
            self._store.fill(names, delivery.block, lambda state: pasted(state, delivery))
