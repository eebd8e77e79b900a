"""Predicting an image with a model: choice and order of windows."""

import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from condseg_app.data import Block, ClassId, ClassLevels, Image
from condseg_app.errors import EngineLost
from condseg_app.jobs import Progress, Step, Steps
from condseg_app.remote import EngineLike, PredictorLike
from condseg_app.session.state import State

Voxel = tuple[int, int, int]
Groups = Sequence[tuple[str, ...]]
"""Classes, by the model's names, that are decoded together, group after group."""


@dataclass(frozen=True, eq=False)
class Delivery:
    """A block on its way to the session.

    Attributes:
        windows: of the block's image and model; identifies blocks that arrive late, after another was opened.
        block: by the model's names.
        parts: computed fractions of the block's classes, by the model's names.
    """

    windows: "WindowQueue"
    block: Block
    parts: Mapping[str, float]


class WindowQueue:
    """The windows of an image and model, each computed once for each class.

    Used in the threads of jobs; a job that begins during another job's last window waits for the end of
    that window. The engine adds windows up where they overlap, so an incomplete class begins again
    after a restart of the engine. Computed windows are noted here as well as in the state, which hears of them later.
    """

    def __init__(self, engine: EngineLike, model: Path, image: Image) -> None:
        self._engine, self._model, self._image = engine, model, image
        self._lock = threading.Lock()
        self._predictor: PredictorLike | None = None
        self._done: dict[str, set[int]] = {}
        self._near: Voxel | None = None

    def look_at(self, near: Voxel) -> None:
        """Go on with the windows nearest to a voxel, from the next window on."""
        self._near = near

    def opening(self) -> Steps:
        """Let the engine read and prepare the image, so that the first window comes sooner."""
        with self._lock:
            self._opened()
        yield Step(Progress(1.0))

    def steps(self, groups: Groups) -> Steps:
        """Compute the missing windows of some classes, group by group, nearest windows first.

        Args:
            groups: the model's names of classes that are to be decoded together.
        """
        yield Step(Progress(0.0, "Starting"))
        windows = len(self._order(self._near))
        missing = sum(windows - len(self._done.get(name, ())) for group in groups for name in group)
        done = 0
        for group in groups:
            for window in self._nearest_first():
                computed = self._compute(window, group)
                if computed is not None:
                    done += len(computed.block.probabilities)
                    yield Step(Progress(min(done / max(missing, 1), 1.0)), computed)

    def _nearest_first(self) -> Iterator[int]:
        at = self._near
        left = deque(self._order(at))
        while left:
            if self._near != at:
                at, still = self._near, set(left)
                left = deque(window for window in self._order(at) if window in still)
            yield left.popleft()

    def _order(self, near: Voxel | None) -> list[int]:
        with self._lock:
            if self._predictor is not None:
                try:
                    return self._predictor.order(near)
                except EngineLost:  # while idle: no reason to fail now
                    self._forget_partial()
            return self._opened().order(near)

    def _compute(self, window: int, group: Sequence[str]) -> Delivery | None:
        with self._lock:
            wanted = [name for name in group if window not in self._done.get(name, ())]
            if not wanted:
                return None
            try:
                predictor = self._opened()
                block = predictor.segment(window, wanted)
            except EngineLost:
                self._forget_partial()
                raise
            for name in wanted:
                self._done.setdefault(name, set()).add(window)
            return Delivery(self, block, {name: len(self._done[name]) / predictor.windows for name in wanted})

    def _opened(self) -> PredictorLike:
        if self._predictor is None:
            self._predictor = self._engine.predictor(self._model, self._image)
        return self._predictor

    def _forget_partial(self) -> None:
        windows = self._predictor.windows if self._predictor is not None else 0
        self._done = {name: done for name, done in self._done.items() if len(done) == windows}
        self._predictor = None


def regrouped(wanted: Sequence[ClassId], state: State) -> tuple[tuple[ClassId, ...], ...]:
    """Classes to compute after a new request: the requested ones, then unfinished classes of the prediction."""
    groups = () if state.job is None else state.job.classes
    rest = (tuple(i for i in group if i not in wanted and state.state_of(i) != "complete") for group in groups)
    return tuple(wanted), *filter(None, rest)


def pasted(state: State, delivery: Delivery) -> State:
    """The state with a block pasted into its own levels."""
    (_, model), levels = state.opened_model(), dict(state.levels)
    for name, block in delivery.block.probabilities.items():
        class_id = model.classes[name].id
        if class_id not in levels:
            levels[class_id] = ClassLevels(state.opened_image().geometry.shape)
        levels[class_id].paste(delivery.block.region, block)
    parts = {model.classes[name].id: part for name, part in delivery.parts.items()}
    return replace(state, levels=levels, parts={**state.parts, **parts})


def previewed(state: State, class_id: ClassId, block: Block) -> State:
    """The state with a preview of a class in training; the prediction stays beneath."""
    levels = state.previews.get(class_id)
    if levels is None:
        beneath = state.levels_of(class_id)
        levels = ClassLevels(state.opened_image().geometry.shape) if beneath is None else beneath.copy()
    for found in block.probabilities.values():
        levels.paste(block.region, found)
    return replace(state, previews={**state.previews, class_id: levels})


def with_predictions_of(state: State, old: State, but: ClassId) -> State:
    """The state with all predictions of an earlier model that answers the same.

    Args:
        state: with a model derived from the old model, or the old model's parent.
        old: with the model before.
        but: the only class that may answer differently.
    """
    _, model = state.opened_model()
    known = {*model.classes.ids} - {but}
    levels = {class_id: found for class_id, found in old.levels.items() if class_id in known}
    return replace(state, levels=levels, parts={class_id: old.parts[class_id] for class_id in levels})
