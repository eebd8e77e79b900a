"""Full teaching: all weights learn a class, with the old model as the teacher of the other classes.

"A new entry to the look-up table and a simple fine-tuning" (Dmitriev & Kaufman, section 3.2). The paper names nothing
that keeps the old classes; here the old model's own answers on the lesson's images are their targets (learning
without forgetting, Li & Hoiem, 2016). The row is learnt first, alone: a fresh, random row would bend all other weights
(linear probing, then fine-tuning: Kumar et al., 2022).
"""

from collections.abc import Iterable
from dataclasses import replace

from condseg_app.data import Annotation, ClassEntry, Image, Model, Shown, TrainingProgress
from condseg_app.engine.class_rows import has_rows, refuse_ensemble
from condseg_app.engine.devices import pick_device
from condseg_app.engine.finetune.exact import ExactTeacher
from condseg_app.engine.finetune.exclusion_masks import ExclusionMask
from condseg_app.engine.finetune.learner import ExactRecipe
from condseg_app.engine.finetune.sample_sources import ASKED, AnnotationSource, TeacherSource
from condseg_app.engine.networks import add_class, build_network
from condseg_app.engine.train.augmentation import FOR_FEW, Augmentation, augmenter
from condseg_app.engine.train.losses import LossSettings
from condseg_app.engine.train.recipes import Recipe
from condseg_app.engine.train.samples import Cropping, SampleSource, prepare_case
from condseg_app.engine.train.trainer import Trainer
from condseg_models import OWN_ENCODER

# The trunk is good already and moves slowly. A class without an own encoder needs more change of the trunk.
_RATE, _RATE_BESIDE_OWN_ENCODER = 5e-4, 1e-5
# The row has been learnt by then.
_ROW_RATE = 5e-4
# Windows a step: a window of a volume is as large as many windows of slices.
_SLICES, _VOLUMES = 8, 2
_LESSON_RECIPE = Recipe(
    warm_up=10,
    ema=0.98,
    centred=0.5,
    augmentation=Augmentation(rotation=10.0, zoom=0.1, shift=0.05, intensity=0.5),
)


class FullTeacher:
    """Teach a model a class, a little with each call: in two thirds of the steps the row, then everything.

    Args:
        model: with its weights.
        entry: the class, new to the model or not.
        shown: images with their annotations.
        steps: to take; in models without rows to learn, everything learns in all steps.
        device: 'auto', 'cpu', 'cuda', ...
        beside: more images, on which the old classes are kept as well.

    Raises:
        ModelError: the model does not fit an image, or is not conditioned on a class.
        ClassTableError: nothing of the class is marked.
    """

    def __init__(
        self,
        model: Model,
        entry: ClassEntry,
        shown: Iterable[Shown],
        steps: int,
        device: str = "auto",
        beside: Iterable[Image] = (),
    ) -> None:
        refuse_ensemble(model)
        self._before, self._entry, self._steps, self._device = model, entry, steps, device
        self._shown, self._beside = tuple(shown), tuple(beside)
        self._earlier = TrainingProgress(0, steps)
        row_steps = 2 * steps // 3 if has_rows(model) else 0
        self._stage: ExactTeacher | Trainer
        if row_steps:
            self._stage = ExactTeacher(model, entry, self._shown, ExactRecipe(row_steps, folds=0), device)
        else:
            self._stage = self._fine_tuning(model if entry.name in model.classes else add_class(model, entry))

    @property
    def seconds(self) -> float:
        """Time spent on steps."""
        return self._earlier.seconds + self._stage.seconds

    @property
    def progress(self) -> TrainingProgress:
        """Progress so far; time left and Dice of the samples are known once everything learns."""
        now = self._stage.progress
        if isinstance(self._stage, ExactTeacher):
            return replace(now, steps=self._steps, seconds_left=None)
        return replace(now, step=self._earlier.step + now.step, steps=self._steps, nearest=self._earlier.nearest)

    def advance(self, seconds: float = 0.5) -> TrainingProgress:
        """Learn for about so long, at least one step; nothing happens once all steps are taken."""
        done = self._stage.advance(seconds)
        if done.finished and isinstance(self._stage, ExactTeacher):
            self._earlier = replace(done, seconds=self._stage.seconds)
            self._stage = self._fine_tuning(self.model())
        return self.progress

    def model(self) -> Model:
        """The model so far."""
        learnt = self._stage.model()
        if isinstance(self._stage, Trainer):
            return learnt
        # The record of exact teaching does not hold for a class that is taught by all weights.
        return replace(learnt, training=self._before.training)

    def _fine_tuning(self, model: Model) -> Trainer:
        steps = self._steps - self._earlier.step
        return fine_tuning(model, self._entry.name, self._shown, steps, self._device, self._beside)


def fine_tuning(
    model: Model, name: str, shown: Iterable[Shown], steps: int, device: str = "auto", beside: Iterable[Image] = ()
) -> Trainer:
    """A trainer of all weights: half of its samples show a class, the other half keep the others.

    Args:
        model: with the class that is taught; its answers for the other classes are kept.
        name: of the class.
        shown: images with their annotations.
        steps: to take.
        device: 'auto', 'cpu', 'cuda', ...
        beside: more images, on which the old classes are kept as well.

    Raises:
        ModelError: the model does not fit an image, or is not conditioned on a class.
    """
    recipe, plan = _recipe(model, name, steps), model.preprocessing
    teacher = build_network(model, pick_device(device))
    cropping = Cropping(plan, teacher.stride, augmenter(recipe.augmentation, plan), recipe.centred)
    cases = []
    for image, annotations in shown:
        model.check_fits(image)
        known = [_with_exclusion(model, image, a, device) if a.class_name == name else a for a in annotations]
        cases.append(prepare_case(image, known, plan))
    for_few = replace(cropping, augment=augmenter(FOR_FEW, plan))
    sources: list[SampleSource] = [AnnotationSource(name, tuple(cases), for_few)]
    others = [other for other in model.classes.names if other != name]
    if others:
        unmarked = tuple(prepare_case(image, [], plan) for image in beside)
        sources.append(TeacherSource(model, name, teacher, tuple(cases), unmarked, cropping))
    trainer = Trainer(model, sources, recipe, device)
    if OWN_ENCODER in model.weights:
        trainer.keep_rows(others)
    return trainer


def _recipe(model: Model, name: str, steps: int) -> Recipe:
    """How everything learns."""
    rate = _RATE_BESIDE_OWN_ENCODER if OWN_ENCODER in model.weights else _RATE
    names = model.classes.names
    # The loss is a mean over classes: without a weight, the taught class would count as little as any other.
    alpha = tuple(float(min(len(names) - 1, ASKED)) if other == name else 1.0 for other in names)
    return replace(
        _LESSON_RECIPE,
        steps=steps,
        batch=_VOLUMES if model.preprocessing.dimensions == "3D" else _SLICES,
        learning_rate=rate,
        row_rate=_ROW_RATE / rate,
        loss=LossSettings(alpha=alpha if len(names) > 1 else ()),
    )


def _with_exclusion(model: Model, image: Image, annotation: Annotation, device: str) -> Annotation:
    """The annotation of a class with the exclusion by other classes."""
    exclusion = ExclusionMask.of(model, model.classes[annotation.class_name], image, annotation, device)
    return exclusion.added_to(annotation)
