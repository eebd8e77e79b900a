"""Teaching a model a class, with the old model as the teacher of all the others.

"A new entry to the look-up table and a simple fine-tuning" (Dmitriev & Kaufman, section 3.2). The paper does not
say what keeps the old classes; here the old model's own answers on the lesson's image are their targets (learning
without forgetting, Li & Hoiem, 2016).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condseg_app.data import Annotation, ClassChange, ClassEntry, Image, Lesson, Model, dice
from condseg_app.engine.augment import Augmentation, augmenter
from condseg_app.engine.devices import pick_device
from condseg_app.engine.networks import add_class, build_network, condition_for
from condseg_app.engine.predictor import Predictor
from condseg_app.engine.recipes import Recipe
from condseg_app.engine.samples import Cropping, PreparedCase, SampleSource, TrainingSample, crop, prepare_case
from condseg_app.engine.train import Trainer
from condseg_models import ConditionedModule

Shown = tuple[Image, Sequence[Annotation]]

# The trunk is good already and moves slowly; the new row has everything to learn.
_LESSON_RECIPE = Recipe(
    learning_rate=5e-4,
    row_rate=20.0,
    warm_up=10,
    ema=0.98,
    centred=0.9,
    augmentation=Augmentation(rotation=10.0, zoom=0.1, shift=0.05, intensity=0.5),
)


def start_teaching(model: Model, lesson: Lesson, device: str = "auto") -> Trainer:
    """A trainer for a lesson.

    Raises:
        ModelError: the model does not fit the image, or is not conditioned on a class.
    """
    return start_teaching_from(model, lesson.entry, [(lesson.image, lesson.annotations)], lesson.steps, device)


def start_teaching_from(
    model: Model, entry: ClassEntry, shown: Iterable[Shown], steps: int, device: str = "auto"
) -> Trainer:
    """A trainer for a class that is shown on several images: half of its samples show it, half keep the old ones.

    Raises:
        ModelError: the model does not fit an image, or is not conditioned on a class.
    """
    taught = entry.name
    pupil = model if taught in model.classes else add_class(model, entry)
    teacher = build_network(model, pick_device(device))
    recipe = replace(_LESSON_RECIPE, steps=steps)
    augment = augmenter(recipe.augmentation, model.preprocessing, model.preprocessing.window)
    cropping = Cropping(model.preprocessing, teacher.stride, augment, recipe.centred)
    cases = []
    for image, annotations in shown:
        model.check_fits(image)
        cases.append(prepare_case(image, annotations, model.preprocessing))
    sources: list[SampleSource] = [AnnotationSource(taught, tuple(cases), cropping)]
    if set(model.classes.names) != {taught}:
        sources.append(TeacherSource(model, taught, teacher, tuple(cases), cropping))
    return Trainer(pupil, sources, recipe, device)


@dataclass(frozen=True, eq=False)
class AnnotationSource:
    """Samples of what a person marked of one class; nothing is learnt where nothing was marked."""

    class_name: str
    cases: tuple[PreparedCase, ...]
    cropping: Cropping

    @property
    def name(self) -> str:
        """What it shows."""
        return f"annotation of {self.class_name}"

    @property
    def size(self) -> int:
        """Images."""
        return len(self.cases)

    def draw(self, rng: np.random.Generator) -> TrainingSample:
        """A window about a voxel of the class."""
        return crop(_one_of(self.cases, rng), self.class_name, self.cropping, rng)


@dataclass(frozen=True, eq=False)
class TeacherSource:
    """Samples of the old classes: what the old model says of a window is the target.

    The target is made from the varied window, as the pupil sees it. Where a person has marked an old class, the
    mark takes the place of the old model's answer.
    """

    model: Model
    taught: str
    teacher: ConditionedModule
    cases: tuple[PreparedCase, ...]
    cropping: Cropping

    @property
    def name(self) -> str:
        """What it shows."""
        return f"{self.model.name}'s own answers"

    @property
    def size(self) -> int:
        """Images."""
        return len(self.cases)

    def draw(self, rng: np.random.Generator) -> TrainingSample:
        """A window near what was marked, for a random old class."""
        others = [name for name in self.model.classes.names if name != self.taught]
        class_name = others[rng.integers(len(others))]
        case = _one_of(self.cases, rng)
        marked = class_name if class_name in case.masks else self.taught
        sample = crop(case, marked, self.cropping, rng)
        target = self._answer(sample.image, class_name)
        if marked == class_name:
            target = torch.where(sample.supervised > 0, sample.target, target)
        return TrainingSample(sample.image, target, torch.ones_like(target), (class_name,))

    @torch.no_grad()
    def _answer(self, image: Tensor, class_name: str) -> Tensor:
        device = next(self.teacher.parameters()).device
        condition = condition_for(self.model.classes, [class_name], device)
        logits = self.teacher.decode(self.teacher.encode(image[None].to(device)), condition)[0]
        return logits.sigmoid().float().cpu()


def _one_of(cases: Sequence[PreparedCase], rng: np.random.Generator) -> PreparedCase:
    return cases[int(rng.integers(len(cases)))]


def compare_on_lesson(
    before: Model, after: Model, lesson: Lesson, device: str = "auto", most_windows: int = 8
) -> tuple[ClassChange, ...]:
    """Every class of the new model before and after, on the windows that hold most of what was marked.

    A class that a person marked is compared with the marks; any other with the old model's own answer.
    """
    old, new = Predictor(before, lesson.image, device), Predictor(after, lesson.image, device)
    marked = next(a for a in lesson.annotations if a.class_name == lesson.entry.name)
    windows = new.holding_most(marked.supervised, most_windows)
    answers_old = _answers(old, windows, before.classes.names)
    answers_new = _answers(new, windows, after.classes.names)
    annotations = {a.class_name: a for a in lesson.annotations if a.state != "unlabelled"}
    return tuple(
        _change(name, answers_old.get(name), answers_new[name], annotations.get(name)) for name in after.classes.names
    )


Answer = tuple[NDArray[np.bool_], NDArray[np.bool_]]


def _answers(predictor: Predictor, windows: Sequence[int], names: Sequence[str]) -> dict[str, Answer]:
    """Per class its mask, and where it was computed, on the image's grid."""
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
