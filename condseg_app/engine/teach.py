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
from condseg_app.engine.augment import FOR_FEW, Augmentation, augmenter
from condseg_app.engine.claims import Claims
from condseg_app.engine.class_rows import encoded_for_itself, row_of, with_row
from condseg_app.engine.devices import pick_device
from condseg_app.engine.losses import LossSettings
from condseg_app.engine.marks import Shown
from condseg_app.engine.networks import add_class, build_network, condition_for, with_room
from condseg_app.engine.predictor import Predictor
from condseg_app.engine.recipes import Recipe
from condseg_app.engine.samples import (
    Cropping,
    PreparedCase,
    SampleSource,
    TrainingSample,
    crop,
    crop_anywhere,
    prepare_case,
)
from condseg_app.engine.train import Trainer
from condseg_models import OWN_ENCODER, ConditionedModule

# Old classes that a window is asked for at most.
_ASKED = 8
_RANK = 8  # of the updates of convolutions that a class with an encoder of its own has
# The trunk is good already and moves slowly; the new row has everything to learn. Without an encoder of its own that is
# too little for most classes, and the trunk has to move. A row that was learnt before is nearly where it belongs.
_RATE, _ROW_RATE = 5e-4, 0.01
_ROW_RATE_OF_KNOWN = 0.002
_RATE_BESIDE_OWN_ENCODER = 4e-5
_LESSON_RECIPE = Recipe(
    warm_up=10,
    ema=0.98,
    centred=0.9,
    augmentation=Augmentation(rotation=10.0, zoom=0.1, shift=0.05, intensity=0.5),
)


def start_teaching(model: Model, lesson: Lesson, device: str = "auto") -> Trainer:
    """A trainer for a lesson.

    Raises:
        ModelError: the model does not fit an image, or is not conditioned on a class.
    """
    return start_teaching_from(model, lesson.entry, lesson.shown, lesson.steps, device)


def start_teaching_from(
    model: Model,
    entry: ClassEntry,
    shown: Iterable[Shown],
    steps: int,
    device: str = "auto",
    beside: Iterable[Image] = (),
) -> Trainer:
    """A trainer for a class that is shown on several images: half of its samples show it, half keep the old ones.

    Args:
        model: with its weights.
        entry: the class, new to the model or not.
        shown: images with what is marked.
        steps: to take.
        device: 'auto', 'cpu', 'cuda', ...
        beside: more images, on which the old classes are kept as well.

    Raises:
        ModelError: the model does not fit an image, or is not conditioned on a class.
    """
    taught = entry.name
    pupil = _pupil(model, entry)
    own_encoder = OWN_ENCODER in pupil.weights
    rate = _RATE_BESIDE_OWN_ENCODER if own_encoder else _RATE
    teacher = build_network(model, pick_device(device))
    others = [name for name in model.classes.names if name != taught]
    # The loss is a mean over classes: without a weight, the one that is taught would be one of many.
    alpha = tuple(float(min(len(others), _ASKED)) if name == taught else 1.0 for name in pupil.classes.names)
    loss = LossSettings(alpha=alpha if others else ())
    row_rate = _ROW_RATE_OF_KNOWN if taught in model.classes else _ROW_RATE
    recipe = replace(_LESSON_RECIPE, steps=steps, learning_rate=rate, row_rate=row_rate / rate, loss=loss)
    plan = model.preprocessing
    cropping = Cropping(plan, teacher.stride, augmenter(recipe.augmentation, plan), recipe.centred)
    for_few = replace(cropping, augment=augmenter(FOR_FEW, plan))
    cases = []
    for image, annotations in shown:
        model.check_fits(image)
        known = [
            Claims.of(model, entry, image, a, device).added_to(a) if a.class_name == taught else a for a in annotations
        ]
        cases.append(prepare_case(image, known, model.preprocessing))
    sources: list[SampleSource] = [AnnotationSource(taught, tuple(cases), for_few)]
    if others:
        unmarked = tuple(prepare_case(image, [], model.preprocessing) for image in beside)
        sources.append(TeacherSource(model, taught, teacher, tuple(cases), unmarked, cropping))
    trainer = Trainer(pupil, sources, recipe, device)
    if own_encoder:
        trainer.keep_rows(others)
    return trainer


def _pupil(model: Model, entry: ClassEntry) -> Model:
    """The model with the class, encoded for itself where the network has a place for that."""
    pupil = with_room(model if entry.name in model.classes else add_class(model, entry), _RANK, own_encoders=True)
    if OWN_ENCODER not in pupil.weights:
        return pupil
    return with_row(pupil, pupil.classes[entry.name], encoded_for_itself(row_of(pupil, entry.name)))


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

    The target is made from the varied window, as the pupil sees it; a window is encoded once and asked for several
    classes. Half of the windows lie near what was marked, where the new class may take from the old ones, the others
    anywhere. Where a person has marked an old class, the mark takes the place of the old model's answer.
    """

    model: Model
    taught: str
    teacher: ConditionedModule
    cases: tuple[PreparedCase, ...]
    beside: tuple[PreparedCase, ...]
    cropping: Cropping

    @property
    def name(self) -> str:
        """What it shows."""
        return f"{self.model.name}'s own answers"

    @property
    def size(self) -> int:
        """Images."""
        return len(self.cases) + len(self.beside)

    def draw(self, rng: np.random.Generator) -> TrainingSample:
        """A window for some random old classes."""
        others = [name for name in self.model.classes.names if name != self.taught]
        asked = tuple(str(name) for name in rng.permutation(others)[:_ASKED])
        if rng.random() < 0.5:
            image = crop_anywhere(_one_of((*self.cases, *self.beside), rng), self.cropping, rng)
            return _everywhere(image, self._answers(image, asked), asked)
        sample = crop(_one_of(self.cases, rng), self.taught, replace(self.cropping, asked=None), rng)
        answers = self._answers(sample.image, asked)
        for number, name in enumerate(asked):
            if name in sample.classes:
                row = sample.classes.index(name)
                answers[number] = torch.where(sample.supervised[row] > 0, sample.target[row], answers[number])
        return _everywhere(sample.image, answers, asked)

    @torch.no_grad()
    def _answers(self, image: Tensor, asked: Sequence[str]) -> Tensor:
        """(classes asked, *spatial), 0 to 1."""
        device = next(self.teacher.parameters()).device
        features = self.teacher.encode(image[None].to(device))
        logits = self.teacher.decode(features, condition_for(self.model.classes, asked, device))
        return logits[:, 0].sigmoid().float().cpu()


def _everywhere(image: Tensor, target: Tensor, classes: tuple[str, ...]) -> TrainingSample:
    return TrainingSample(image, target, torch.ones_like(target), classes)


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
