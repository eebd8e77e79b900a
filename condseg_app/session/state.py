"""Everything that is open, as one frozen value, and what it means for a class to be shown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from condseg_app.data import ChunkedAnnotation, ClassLevels, ClassTable, Image, Levels, Model, Prediction
from condseg_app.errors import CondsegError, ModelError

ClassState = Literal["not asked", "filling", "complete"]
Annotations = Mapping[str, ChunkedAnnotation]

DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True, eq=False)
class Marked:
    """An image that was open before, kept for a lesson.

    Attributes:
        image: it.
        annotations: what is marked on it.
    """

    image: Image
    annotations: Annotations


@dataclass(frozen=True, eq=False)
class State:
    """What is open. A command makes a new one of it; an earlier one is never changed.

    Only what is in `levels` and `previews` is written to, by the session alone and on its own thread: blocks that
    come from the engine are pasted there, which a copy of the class for each of them would be too slow for.

    Attributes:
        image: the image in view.
        model: the model's description, without weights.
        model_path: its file.
        classes: the rows on screen: the model's, as the person has named and coloured them, then their own.
        asked_as: class name -> the model's name for it. A class that is not here cannot be predicted.
        levels: the model's name for a class -> its probabilities so far.
        complete: the model's names of those classes whose every voxel is computed.
        previews: class name -> what a class shows while it is taught, in place of its prediction.
        annotations: class name -> what is marked on the image; the latest last.
        elsewhere: images opened earlier on which something is marked, by their key and shape: the same image may be
            opened on another grid.
        thresholds: class name -> threshold, where it is not the default.
        hidden: names of classes that are not to be shown.
        shows_conflicts: whether the voxels that several classes claim are shown.
        priority: classes in the order in which they win where they overlap; None where the most probable one does.
        current_class: the class in hand.
    """

    image: Image | None = None
    model: Model | None = None
    model_path: Path | None = None
    classes: ClassTable = field(default_factory=ClassTable)
    asked_as: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, ClassLevels] = field(default_factory=dict)
    complete: frozenset[str] = frozenset()
    previews: Mapping[str, ClassLevels] = field(default_factory=dict)
    annotations: Annotations = field(default_factory=dict)
    elsewhere: Mapping[str, Marked] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    shows_conflicts: bool = False
    priority: tuple[str, ...] | None = None
    current_class: str | None = None

    @property
    def prediction(self) -> Prediction | None:
        """What is predicted so far, by the names on screen; None without an image."""
        if self.image is None:
            return None
        named = {name: own for name, own in self.asked_as.items() if own in self.levels}
        return Prediction(
            self.image.geometry,
            Levels(self.image.geometry.shape, {name: self.levels[own] for name, own in named.items()}),
            frozenset(name for name, own in named.items() if own in self.complete),
        )

    def threshold(self, name: str) -> float:
        """From which probability on a voxel counts as the class."""
        return self.thresholds.get(name, DEFAULT_THRESHOLD)

    def state_of(self, name: str) -> ClassState:
        """How much of a class is predicted."""
        own = self.asked_as.get(name)
        if own in self.complete:
            return "complete"
        return "filling" if own in self.levels else "not asked"

    def levels_of(self, name: str) -> ClassLevels | None:
        """What is shown of a class, None where it was not asked for: of one that is taught, what it has learnt."""
        return self.previews.get(name, self.levels.get(self.asked_as.get(name, "")))

    def names_on_screen(self, own: Iterable[str]) -> list[str]:
        """The names on screen of classes by the model's names, where they have one."""
        wanted = set(own)
        return [name for name, asked in self.asked_as.items() if asked in wanted]

    def askable(self, names: Sequence[str] | None) -> tuple[str, ...]:
        """Check classes (all that the model knows if None) before they are asked for; the one in hand comes first."""
        _, model = self.opened_model()
        model.check_fits(self.opened_image())
        asked = [name for name in self.classes.names if name in self.asked_as] if names is None else [*names]
        for name in asked:
            self.classes.row(name)
            if name not in self.asked_as:
                raise ModelError(f"model '{model.name}' does not know '{name}' yet; mark it and teach it first")
        return tuple(dict.fromkeys(sorted(asked, key=lambda name: name != self.current_class)))

    def marked_elsewhere(self, name: str) -> list[Marked]:
        """The other images on which a class is marked, as far as the open model can see them."""
        return [
            other
            for other in self.elsewhere.values()
            if name in other.annotations
            and other.annotations[name].state != "unlabelled"
            and (self.model is None or self.model.misfit(other.image) is None)
        ]

    def opened_image(self) -> Image:
        """The image; an error where there is none."""
        if self.image is None:
            raise CondsegError("no image is open; open one first")
        return self.image

    def opened_model(self) -> tuple[Path, Model]:
        """The model's file and description; an error where there is none."""
        if self.model is None or self.model_path is None:
            raise CondsegError("no model is open; choose one first")
        return self.model_path, self.model


def with_image(state: State, image: Image | None) -> State:
    """Another image in view: nothing predicted, and what was marked on it when it was open before."""
    elsewhere = dict(state.elsewhere)
    if state.image is not None and state.annotations:
        elsewhere[_key_on_grid(state.image)] = Marked(state.image, state.annotations)
    kept = None if image is None else elsewhere.pop(_key_on_grid(image), None)
    restored: Annotations = {} if kept is None else kept.annotations
    nothing = replace(state, levels={}, complete=frozenset(), previews={})
    return replace(nothing, image=image, annotations=restored, elsewhere=elsewhere)


def _key_on_grid(image: Image) -> str:
    return f"{image.key} {image.geometry.shape}"
