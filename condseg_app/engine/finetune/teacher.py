"""Lessons of the window: a class, taught on annotated images."""

from dataclasses import replace
from typing import Any

from condseg_app.data import Annotation, Certificate, ClassChange, Lesson, Model
from condseg_app.engine.finetune.compare import compare_on_lesson
from condseg_app.engine.finetune.exact import certify
from condseg_app.engine.finetune.full import FullTeacher
from condseg_app.engine.finetune.live_preview import LiveTeacher
from condseg_app.errors import ModelError


class Teacher:
    """A lesson under way: the training of its mode, and the comparison with the model before.

    Methods that are not defined here are the training's own: `advance` and `model` in both modes; `examine`, `state`,
    `go_to`, `look_at` and `segment` in the mode 'exact'.

    Args:
        model: with its weights.
        lesson: the class, the annotated images, steps and mode.
        device: 'auto', 'cpu', 'cuda', ...

    Raises:
        ModelError: the model does not fit an image, or cannot be taught in the lesson's mode.
    """

    def __init__(self, model: Model, lesson: Lesson, device: str = "auto") -> None:
        self._before, self._lesson, self._device = model, lesson, device
        self._training = (
            FullTeacher(model, lesson.entry, lesson.shown, lesson.steps, device)
            if lesson.mode == "full"
            else LiveTeacher(model, lesson, device)
        )

    def __getattr__(self, method: str) -> Any:
        if method.startswith("_"):
            raise AttributeError(method)
        return self._of_training(method)

    def compare(self) -> tuple[ClassChange, ...]:
        """Each class before and after, on the lesson's image."""
        return compare_on_lesson(self._before, self._training.model(), self._lesson, self._device)

    def certificate(self) -> Certificate:
        """Proof that the other classes answer on the lesson's image as before."""
        after, taught = self._training.model(), self._lesson.entry.name
        return certify(self._before, after, [self._lesson.image], self._device, taught)

    def annotation(self) -> Annotation:
        """The class's annotation on the lesson's image, as shown last."""
        return self._lesson.annotation

    def show(self, annotation: Annotation) -> None:
        """Go on with another annotation of the class on the lesson's image."""
        others = tuple(a for a in self._lesson.annotations if a.class_name != annotation.class_name)
        lesson = replace(self._lesson, annotations=(*others, annotation))
        self._of_training("show")(lesson.shown)
        self._lesson = lesson

    def _of_training(self, method: str) -> Any:
        """A method of the training; ModelError in the mode 'full' for the methods of 'exact'."""
        try:
            return getattr(self._training, method)
        except AttributeError:
            raise ModelError("the whole model is taught, not a class alone; choose the mode 'exact'") from None
