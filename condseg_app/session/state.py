"""The session's state as a frozen value, and the meaning of a shown class."""

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
class AnnotatedImage:
    """An image that was open before, kept for a lesson.

    Attributes:
        image: the image.
        annotations: of the image.
    """

    image: Image
    annotations: Annotations


@dataclass(frozen=True, eq=False)
class State:
    """Everything that is open. A command makes a new state; an earlier state is never changed.

    Only the arrays in `levels` and `previews` are written to, by the session alone and on its own thread: blocks that
    come from the engine are pasted there, as copying the class for each block would be too slow.

    Attributes:
        image: the image in view.
        model: the model's description, without weights.
        model_path: the model's file.
        classes: the rows on screen: the model's, as named and coloured by the user, then the user's own.
        asked_as: class name -> the model's name for the class. A class that is missing here cannot be predicted.
        levels: the model's name for a class -> its probabilities so far.
        complete: the model's names of those classes whose every voxel is computed.
        previews: class name -> preview of a class in training, in place of its prediction.
        annotations: class name -> annotation of the image; the latest last.
        elsewhere: annotated images opened earlier, by their key and shape: the same image may be
            opened on another grid.
        thresholds: class name -> threshold, where not the default.
        hidden: names of classes that are not to be shown.
        shows_conflicts: whether the voxels that several classes claim are shown.
        priority: classes in order of priority; None where the most probable class has priority.
        current_class: the current class.
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
    elsewhere: Mapping[str, AnnotatedImage] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    shows_conflicts: bool = False
    priority: tuple[str, ...] | None = None
    current_class: str | None = None

    @property
    def prediction(self) -> Prediction | None:
        """The prediction so far, by the names on screen; None without an image."""
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
        """State of a class's prediction."""
        own = self.asked_as.get(name)
        if own in self.complete:
            return "complete"
        return "filling" if own in self.levels else "not asked"

    def levels_of(self, name: str) -> ClassLevels | None:
        """The probabilities shown of a class, a preview if in training; None where not requested."""
        return self.previews.get(name, self.levels.get(self.asked_as.get(name, "")))

    def names_on_screen(self, own: Iterable[str]) -> list[str]:
        """The names on screen of classes by the model's names, where they exist."""
        wanted = set(own)
        return [name for name, asked in self.asked_as.items() if asked in wanted]

    def askable(self, names: Sequence[str] | None) -> tuple[str, ...]:
        """Check classes (all that the model knows if None) before a request; the current class comes first."""
        _, model = self.opened_model()
        model.check_fits(self.opened_image())
        asked = [name for name in self.classes.names if name in self.asked_as] if names is None else [*names]
        for name in asked:
            self.classes.row(name)
            if name not in self.asked_as:
                raise ModelError(f"model '{model.name}' does not know '{name}' yet; annotate it and teach it first")
        return tuple(dict.fromkeys(sorted(asked, key=lambda name: name != self.current_class)))

    def marked_elsewhere(self, name: str) -> list[AnnotatedImage]:
        """The other annotated images of a class, as far as they fit the open model."""
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
    """The state with another image: no prediction, and the annotations from when the image was open before."""
    elsewhere = dict(state.elsewhere)
    if state.image is not None and state.annotations:
        elsewhere[_key_on_grid(state.image)] = AnnotatedImage(state.image, state.annotations)
    kept = None if image is None else elsewhere.pop(_key_on_grid(image), None)
    restored: Annotations = {} if kept is None else kept.annotations
    nothing = replace(state, levels={}, complete=frozenset(), previews={})
    return replace(nothing, image=image, annotations=restored, elsewhere=elsewhere)


def _key_on_grid(image: Image) -> str:
    return f"{image.key} {image.geometry.shape}"
