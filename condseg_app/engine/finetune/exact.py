"""Exact teaching: only the class's row is learnt, so no other class can change.

"A new entry to the look-up table and a simple fine-tuning" (Dmitriev & Kaufman, section 3.2), taken literally. With
`film` a row holds scale and offset of every channel of the decoder, and possibly low-rank updates of the decoder's
convolutions (`condseg_models.conditioning.ClassMix`) and the same for the encoder, unseen by all other classes.
"""

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import combinations

import numpy as np

from condseg_app.data import (
    Annotation,
    Certificate,
    ClassEntry,
    Image,
    ImageProof,
    LearntState,
    Model,
    Shown,
    TaughtClass,
    TrainingProgress,
)
from condseg_app.engine.class_rows import (
    Row,
    blended,
    encoded_for_itself,
    has_rows,
    only_class,
    refuse_ensemble,
    row_of,
    rows_hash,
    taught_class,
    trunk_hash,
    with_record,
    with_row,
)
from condseg_app.engine.devices import pick_device
from condseg_app.engine.finetune.annotated_slices import AnnotatedSlices
from condseg_app.engine.finetune.exclusion_masks import ExclusionMask
from condseg_app.engine.finetune.learner import EncodedSample, ExactRecipe, Learner, WindowSampler, held_out_dice_of
from condseg_app.engine.networks import build_network, with_room
from condseg_app.engine.predict.whole import predict_whole
from condseg_app.engine.train.samples import PreparedCase, PreparedImage
from condseg_app.errors import ModelError
from condseg_models import ROWS

_SMOOTHING = 20
# After how many steps the class is examined again.
_STEPS_BETWEEN_EXAMS = 50
# Rows whose blends are tried as the beginning of a new one.
_BEST = 3


@dataclass(frozen=True)
class Beginning:
    """Start of a new row.

    Attributes:
        classes: the existing classes whose rows are averaged.
        dice: of that mean with the annotation.
        nearest: the existing class with the highest Dice.
        nearest_dice: that Dice.
    """

    classes: tuple[str, ...]
    dice: float
    nearest: str
    nearest_dice: float


class ExactTeacher:
    """Teach a model a class by its row alone, a little with each call.

    Beside the row, a row is learnt for each fold, without the fold's slices: the Dice of these rows on their held-out
    slices estimates the quality of the class on unseen slices.

    Args:
        model: with its weights.
        entry: the class; training continues from the class's row if the model has the class.
        shown: images with their annotations.
        recipe: settings of the lesson.
        device: 'auto', 'cpu', 'cuda', ...

    Raises:
        ModelError: the model does not fit an image, or its classes have no rows to learn.
        ClassTableError: nothing of the class is marked.
    """

    def __init__(
        self,
        model: Model,
        entry: ClassEntry,
        shown: Iterable[Shown],
        recipe: ExactRecipe | None = None,
        device: str = "auto",
    ) -> None:
        self._recipe = recipe or ExactRecipe()
        self._device = pick_device(device)
        self._before = model
        refuse_ensemble(model)
        if not has_rows(model):
            raise ModelError(
                f"the classes of model '{model.name}' have no rows of their own to learn; choose the mode 'full'"
            )
        self._model = with_room(model, self._recipe.rank, self._recipe.own_encoder)
        self._entry, self._steps = entry, self._recipe.steps
        self._losses: list[float] = []
        self._seconds = 0.0
        self._held_out: float | None = None
        self._encoder = build_network(self._model, self._device)
        self._exclusions: dict[Image, ExclusionMask] = {}
        self._prepared = cache(partial(PreparedImage.of, preprocessing=model.preprocessing))
        self._marks = self._marked(shown, {})
        samples = self._windows(self._marks.cases).exam(self._recipe.exam)
        self.beginning, row = self._begin(samples)
        self._first = only_class(self._model, entry, encoded_for_itself(row) if self._recipe.own_encoder else row)
        self._learner = self._learning(self._first, self._marks.cases)
        self._folds: dict[int, tuple[Learner, WindowSampler]] = {}
        self._fold()

    @property
    def seconds(self) -> float:
        """Time spent on learning."""
        return self._seconds

    @property
    def progress(self) -> TrainingProgress:
        """Progress so far, with the Dice on held-out slices."""
        done = self._learner.steps
        loss = float(np.mean(self._losses[-_SMOOTHING:])) if self._losses else float("nan")
        held_out = {} if self._held_out is None else {self._entry.name: self._held_out}
        left = None if done == 0 else self._seconds / done * (self._steps - done)
        begun = self.beginning
        nearest = None if begun.nearest == self._entry.name else (begun.nearest, begun.nearest_dice)
        return TrainingProgress(done, self._steps, loss, held_out, left, nearest)

    def advance(self, seconds: float = 0.5) -> TrainingProgress:
        """Learn for about so long, at least one step; nothing happens once all steps are taken.

        Now and then, and at the end, the held-out Dice is measured.
        """
        started, examined = time.perf_counter(), False
        while self._learner.steps < self._steps and not examined:
            self._losses.append(self._learner.step())
            if self._folds:
                learner, _ = [*self._folds.values()][self._learner.steps % len(self._folds)]
                learner.step()
            examined = self._learner.steps % _STEPS_BETWEEN_EXAMS == 0 or self._learner.steps == self._steps
            if examined:
                self.examine()
            if time.perf_counter() >= started + seconds:
                break
        self._seconds += time.perf_counter() - started
        return self.progress

    def examine(self) -> float | None:
        """Dice on the annotated slices, each by the row of its fold; None if too few slices are annotated.

        The rows of the folds have taken fewer steps than the class's row, so the class itself is rather better.
        """
        scores = [
            held_out_dice_of(
                only_class(self._model, self._entry, learner.row()), [self._entry.name], samples, self._device
            )[0]
            for learner, windows in self._folds.values()
            for samples in [windows.exam(max(1, self._recipe.exam // len(self._folds)))]
        ]
        self._held_out = float(np.mean(scores)) if scores else None
        return self._held_out

    def show(self, shown: Iterable[Shown]) -> None:
        """Go on with other annotations."""
        self._marks = self._marked(shown, self._marks.slices)
        self._learner.show(self._marks.cases)
        self._fold()

    def state(self) -> LearntState:
        """The present state of the class, for `go_to`."""
        beside = {number: learner.row() for number, (learner, _) in self._folds.items()}
        slices = dict(self._marks.slices)
        return LearntState(self._learner.steps, self._learner.row(), beside, slices, self._held_out, self._seconds)

    def go_to(self, state: LearntState) -> None:
        """Go on from an earlier state, also of another teacher of the same lesson, with the marks of now."""
        if not state.slices.items() <= self._marks.slices.items():
            self._marks = self._marked(self._marks.marked, state.slices)
            self._fold()
        self._learner = self._at(state.row, self._learner, state.step)
        # A row that was not learnt yet, for slices were too few, begins anew.
        first = row_of(self._first, self._entry.name)
        self._folds = {
            number: (self._at(state.beside.get(number, first), learner, state.step), hidden)
            for number, (learner, hidden) in self._folds.items()
        }
        self._losses.clear()
        self._held_out, self._seconds = state.dice, state.seconds

    def class_alone(self) -> Model:
        """The model with the present state of the class, and no other class."""
        return only_class(self._model, self._entry, self._learner.row())

    def model(self) -> Model:
        """The model with the present state of the class; every other class is unchanged to the bit."""
        record = {
            "mode": "exact",
            "taught_to": trunk_hash(self._before),
            "steps": self._learner.steps,
            "seconds": round(self._seconds, 1),
            "began_as": list(self.beginning.classes),
            "held_out_dice": self._held_out,
        }
        return with_record(with_row(self._model, self._entry, self._learner.row()), self._entry.name, record)

    def taught(self) -> TaughtClass:
        """The class by itself."""
        return taught_class(self.model(), self._entry.name)

    def _marked(self, shown: Iterable[Shown], slices: Mapping[tuple[str, int], int]) -> AnnotatedSlices:
        images = tuple(shown)
        for image, _ in images:
            self._model.check_fits(image)
        return AnnotatedSlices.of(
            self._entry.name, images, slices, self._recipe.folds, self._with_exclusion, self._prepared
        )

    def _with_exclusion(self, image: Image, annotation: Annotation) -> Annotation:
        """The annotation with the exclusion by other classes."""
        if image not in self._exclusions:
            self._exclusions[image] = ExclusionMask.of(self._before, self._entry, image, annotation, str(self._device))
        return self._exclusions[image].added_to(annotation)

    def _windows(self, cases: Sequence[PreparedCase]) -> WindowSampler:
        return WindowSampler(self._encoder, self._model, self._entry.name, cases, self._recipe)

    def _fold(self) -> None:
        """Let the rows that are learnt beside go on with the marks of now; there are more as more is marked."""
        before, self._folds = self._folds, {}
        for number in range(self._recipe.folds):
            kept, hidden = self._marks.without(number)
            if not kept or not hidden:
                continue
            if number in before:
                learner = before[number][0]
                learner.show(kept)
            else:
                learner = self._learning(self._first, kept)
            self._folds[number] = learner, self._windows(hidden)

    def _learning(self, model: Model, cases: Sequence[PreparedCase]) -> Learner:
        return Learner(model, cases, self._recipe, self._device)

    def _at(self, row: Row, before: Learner, step: int) -> Learner:
        """A learner with another row and the cases of the learner before."""
        learner = self._learning(only_class(self._model, self._entry, row), before.cases)
        learner.steps = step
        return learner

    def _begin(self, samples: Sequence[EncodedSample]) -> tuple[Beginning, Row]:
        """The start of the row: the existing row, or blend of rows, with the highest Dice."""
        model, names = self._model, self._model.classes.names
        scores = dict(zip(names, held_out_dice_of(model, names, samples, self._device), strict=True))
        best = sorted(names, key=lambda name: -scores[name])
        if self._entry.name in names:
            own = self._entry.name
            return Beginning((own,), scores[own], best[0], scores[best[0]]), row_of(model, own)
        rows = {name: row_of(model, name) for name in names}
        groups = [group for n in range(2, _BEST + 1) for group in combinations(best[:_BEST], n)]
        tried: dict[tuple[str, ...], float] = {(name,): scores[name] for name in names}
        for group in [*groups, names]:
            alone = only_class(model, self._entry, _fresh(rows, group))
            tried[tuple(group)] = held_out_dice_of(alone, [self._entry.name], samples, self._device)[0]
        chosen = max(tried, key=lambda group: tried[group])
        return Beginning(chosen, tried[chosen], best[0], scores[best[0]]), _fresh(rows, chosen)


def certify(
    before: Model, after: Model, images: Iterable[Image], device: str = "auto", taught: str | None = None
) -> Certificate:
    """Certificate that the old classes are unchanged: hashes of weights, and of all answers on some images.

    Args:
        before: a model.
        after: the same after a lesson.
        images: on which the classes are asked for.
        device: 'auto', 'cpu', 'cuda', ...
        taught: a class that may differ: the taught class, if the old model has it.
    """
    old = [name for name in before.classes.names if name != taught]
    proofs = []
    for image in images if old else ():
        answers = [_answers_hash(model, image, old, device) for model in (before, after)]
        proofs.append(ImageProof(image.name, *answers))
    return Certificate(
        trunk_hash(before), trunk_hash(after), rows_hash(before, old), rows_hash(after, old), tuple(proofs)
    )


def _answers_hash(model: Model, image: Image, names: Sequence[str], device: str) -> str:
    found = predict_whole(model, image, names, device)
    digest = hashlib.sha256()
    for name in names:
        digest.update(np.ascontiguousarray(found.probabilities[name]).tobytes())
    return digest.hexdigest()


def _fresh(rows: Mapping[str, Row], group: Sequence[str]) -> Row:
    """The mean of some rows, without updates of convolutions: the mean of two products is no product."""
    row = blended([rows[name] for name in group])
    if len(group) > 1:
        for key in row:
            if key.endswith(f"outer_{ROWS}"):
                row[key] = np.zeros_like(row[key])
            elif key.endswith(f"inner_{ROWS}"):
                row[key] = rows[group[0]][key]
    return row
