"""Predictions of the open image with the open model."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import ClassId, Measure, Region, as_level, measure
from condseg_app.jobs import Job
from condseg_app.session import fusing
from condseg_app.session.command import command
from condseg_app.session.computing import Computing
from condseg_app.session.jobs import Jobs
from condseg_app.session.may import refuse
from condseg_app.session.state import State
from condseg_app.session.store import Store
from condseg_app.session.window_queue import Delivery, Voxel, WindowQueue, pasted, regrouped
from condseg_app.session.work import Work, ignore


class Predictions:
    """Commands that predict classes, and the results.

    Args:
        store: of the session.
        jobs: of the session.
        computing: of the session.
    """

    def __init__(self, store: Store, jobs: Jobs, computing: Computing) -> None:
        self._store, self._jobs, self._computing = store, jobs, computing
        self._windows: WindowQueue | None = None  # of the engine, no state: another engine needs another
        self.changed = store.prediction_changed
        store.will_open.connect(self._forget_windows)
        computing.moved.connect(self._forget_windows)

    @property
    def _state(self) -> State:
        return self._store.state

    def get_ready(self) -> None:
        """Let the engine open the image in the background; errors are reported when a class is requested."""
        model, image = self._state.model, self._state.image
        if self._windows is None and model is not None and image is not None and model.misfit(image) is None:
            self._jobs.run(Job("Getting ready", self._windows_of_what_is_open().opening), ended=ignore)

    @command
    def start(self, classes: Sequence[ClassId] | None = None, near: Voxel | None = None) -> None:
        """Compute the missing parts of some classes (of all that the model knows if None).

        A prediction under way gives way: these classes come first, then unfinished classes.

        Args:
            classes: the classes.
            near: the voxel to begin at, in the slice in view, for example.
        """
        refuse(self._state, "predict_any")
        asked = filter(self._state.can_predict, self._state.classes.ids) if classes is None else classes
        current_first = sorted(dict.fromkeys(asked), key=lambda class_id: class_id != self._state.current_class)
        for class_id in current_first:
            refuse(self._state, "predict_any", class_id)
        missing = [class_id for class_id in current_first if self._state.state_of(class_id) != "complete"]
        if not missing:
            return
        text = "A class is being taught; stop the lesson to predict, or wait until it ends."
        if self._store.refuses_while_teaching(text):
            return
        groups = regrouped(missing, self._state)
        self._jobs.leave()  # the engine may be another from here on
        windows = self._windows_of_what_is_open()
        if near is not None:
            windows.look_at(near)
        what = self._state.name_of(missing[0]) if len(missing) == 1 else f"{len(missing)} classes"
        own = [tuple(map(self._state.model_class, group)) for group in groups]
        job = Job(f"Predicting {what}", partial(windows.steps, own))
        self._jobs.start(Work(job, "prediction", self._on_block, late=self._on_block, classes=groups))

    def look_at(self, near: Voxel) -> None:
        """Go on near a voxel."""
        if self._windows is not None:
            self._windows.look_at(near)

    # Results at present

    def volume(self, class_id: ClassId) -> Measure | None:
        """A class's volume by itself, corrections in; None where the class has no result."""
        state = self._state
        if state.image is None or not state.has_result(class_id):
            return None
        return measure(self._store.counts.voxels(state, class_id), state.image.geometry)

    def predicted_in(self, class_id: ClassId, region: Region) -> NDArray[np.bool_]:
        """Voxels of a region where a class reaches its threshold, without annotations: a new array."""
        return fusing.predicted(self._state, class_id, region)

    def may_be_predicted_in(self, class_id: ClassId, region: Region) -> bool:
        """Whether a region may hold a predicted class, without reading voxels; False is certain."""
        levels = self._state.levels_of(class_id)
        return levels is not None and levels.may_be_in(region, as_level(self._state.threshold(class_id)))

    def _windows_of_what_is_open(self) -> WindowQueue:
        if self._windows is None:
            path, _ = self._state.opened_model()
            self._windows = WindowQueue(self._computing.engine, path, self._state.opened_image())
        return self._windows

    def _forget_windows(self) -> None:
        self._windows = None

    def _on_block(self, delivery: Delivery) -> None:
        if delivery.windows is self._windows:
            _, model = self._state.opened_model()
            classes = [model.classes[own].id for own in delivery.block.probabilities]
            self._store.fill(classes, delivery.block, lambda state: pasted(state, delivery))
