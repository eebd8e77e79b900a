"""Every class of a model before and after a lesson."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Annotation, ClassChange, Lesson, Model, dice
from condseg_app.engine.predict.predictor import Predictor


def compare_on_lesson(
    before: Model, after: Model, lesson: Lesson, device: str = "auto", most_windows: int = 8
) -> tuple[ClassChange, ...]:
    """Every class of the new model before and after, on the windows with most annotated voxels.

    An annotated class is compared with the annotation; any other with the old model's own answer.
    """
    old, new = Predictor(before, lesson.image, device), Predictor(after, lesson.image, device)
    windows = new.holding_most(lesson.annotation.supervised, most_windows)
    answers_old = _answers(old, windows, before.classes.names)
    answers_new = _answers(new, windows, after.classes.names)
    annotations = {a.class_name: a for a in lesson.annotations if a.state != "unlabelled"}
    return tuple(
        _change(name, answers_old.get(name), answers_new[name], annotations.get(name)) for name in after.classes.names
    )


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
