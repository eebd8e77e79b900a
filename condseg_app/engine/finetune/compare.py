"""Every class of a model before and after a lesson."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Annotation, ClassChange, Lesson, Model, dice
from condseg_app.engine.predict.predictor import Predictor

_MOST_WINDOWS = 8


def compare_on_lesson(
    before: Model, after: Model, lesson: Lesson, device: str = "auto", names: Sequence[str] | None = None
) -> tuple[ClassChange, ...]:
    """Classes of the new model (all if None) before and after, on the windows with most annotated voxels.

    An annotated class is compared with the annotation; any other with the old model's own answer.
    """
    old, new = Predictor(before, lesson.image, device), Predictor(after, lesson.image, device)
    windows = new.holding_most(lesson.annotation.supervised, _MOST_WINDOWS)
    asked = after.classes.names if names is None else names
    answers_old = _answers(old, windows, [name for name in asked if name in before.classes])
    answers_new = _answers(new, windows, asked)
    annotations = {a.class_name: a for a in lesson.annotations if a.state != "unlabelled"}
    return tuple(_change(name, answers_old.get(name), answers_new[name], annotations.get(name)) for name in asked)


Answer = tuple[NDArray[np.bool_], NDArray[np.bool_]]


def _answers(predictor: Predictor, windows: Sequence[int], names: Sequence[str]) -> dict[str, Answer]:
    """Class name -> mask and computed voxels, on the image's grid."""
    shape = predictor.shape
    masks = {name: np.zeros(shape, bool) for name in names}
    computed = np.zeros(shape, bool)
    for window in windows:
        block = predictor.segment(window, names)
        computed[block.region] = True
        for name, levels in block.probabilities.items():
            masks[name][block.region] = levels > 127
    return {name: (mask, computed) for name, mask in masks.items()}


def _change(name: str, old: Answer | None, new: Answer, annotation: Annotation | None) -> ClassChange:
    mask, computed = new
    if annotation is None:
        # Only the taught class can be new, and a lesson always holds its annotation.
        reference = mask if old is None else old[0]
        return ClassChange(name, None if old is None else 1.0, dice(mask, reference), "prediction")
    known = annotation.supervised & computed
    truth = annotation.mask & known
    before = None if old is None else dice(old[0] & known, truth)
    return ClassChange(name, before, dice(mask & known, truth), "annotation")
