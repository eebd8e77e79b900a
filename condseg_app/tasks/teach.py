"""Teaching from files to a file: the work of `condseg teach`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from condseg_app.data import (
    TEACHING_STEPS,
    Annotation,
    Certificate,
    ChunkedAnnotation,
    ClassChange,
    ClassEntry,
    DataSet,
    Image,
    Lesson,
    Model,
    Shown,
    TeachingMode,
    TrainingProgress,
)
from condseg_app.engine.class_rows import taught_class, with_record
from condseg_app.engine.finetune.compare import compare_on_lesson
from condseg_app.engine.finetune.exact import ExactTeacher, certify
from condseg_app.engine.finetune.full import FullTeacher
from condseg_app.engine.finetune.learner import ExactRecipe
from condseg_app.errors import ModelError, ReadError
from condseg_app.io import find_model, read_data_set, read_image, read_model
from condseg_app.io.models.class_file import is_class_file, write_class
from condseg_app.tasks.image_warnings import CaseReader, ImageWarnings
from condseg_app.tasks.little_learnt import ENOUGH_DICE, reasons
from condseg_app.tasks.model_classes import refuse_own_file, write_derived

_IMAGES_COMPARED = 3
# Images that keep the old classes; all are held in memory.
_MOST_BESIDE = 6
_MOST_LOST = 0.005


@dataclass(frozen=True)
class TeachingPlan:
    """Settings of teaching a class.

    Attributes:
        class_name: the class, new to the model or not.
        model: a model's name or file; left unchanged.
        data: folder of a data set that labels the class.
        output: the model file to write; for the class alone NAME.class.safetensors ('exact' only).
        mode: 'exact' learns the class's row and nothing else; 'full' learns everything, with the old model as teacher.
        slices: number of annotated slices, spread over the class and over the images; all if None.
        cases: most images to learn from; all if None.
        steps: training steps.
        device: 'auto', 'cpu', 'cuda', ...
    """

    class_name: str
    model: str
    data: Path
    output: Path
    mode: TeachingMode = "exact"
    slices: int | None = None
    cases: int | None = None
    steps: int = TEACHING_STEPS
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.mode == "full" and is_class_file(self.output):
            raise ModelError("the mode 'full' changes the whole model; name a model's file", path=self.output)


@dataclass(frozen=True, eq=False)
class Teaching:
    """A lesson on values: which class of which model, shown on which images.

    Attributes:
        model: with its weights; it stays as it is.
        entry: the class, new to the model or not.
        shown: images with what is marked on them.
        mode: 'exact' or 'full'.
        steps: training steps.
        device: 'auto', 'cpu', 'cuda', ...
        beside: more images, on which the old classes are kept as well ('full').
    """

    model: Model
    entry: ClassEntry
    shown: Sequence[Shown]
    mode: TeachingMode = "exact"
    steps: int = TEACHING_STEPS
    device: str = "auto"
    beside: Iterable[Image] = ()


@dataclass(frozen=True, eq=False)
class TeachingResult:
    """Result of teaching; nothing is written yet.

    Attributes:
        model: the model with the class.
        certificate: that nothing else has changed ('exact').
        changes: each class before and after ('full').
        held_out: Dice on annotated slices that were not learnt from ('exact'); None if too few.
        nearest: the old class most similar to the new class, and its Dice with the annotation ('exact').
        reasons: why little may have been learnt, with remedies; empty where enough was.
    """

    model: Model
    certificate: Certificate | None = None
    changes: tuple[ClassChange, ...] = ()
    held_out: float | None = None
    nearest: tuple[str, float] | None = None
    reasons: tuple[str, ...] = ()

    @property
    def lost(self) -> tuple[str, ...]:
        """Old classes that became worse by more than 0.005."""
        return tuple(c.name for c in self.changes if c.before is not None and c.before - c.after > _MOST_LOST)


def teach(plan: TeachingPlan, seconds: float = 2.0) -> Iterator[TrainingProgress | TeachingResult]:
    """Teach: progress on the way, and at last the result.

    Raises:
        ModelError: the output is the model itself, or the model cannot be taught in that mode.
        ReadError: no training case labels the class.
    """
    path = find_model(plan.model)
    refuse_own_file(path, plan.output)
    model = read_model(path)
    everything = read_data_set(plan.data).part("train")
    data = _labelled(everything, plan.class_name)
    entry = model.classes.row_or_new(plan.class_name)
    shown = _shown(plan, model, data)
    beside = _beside(everything, shown) if plan.mode == "full" else ()
    yield from teach_model(Teaching(model, entry, shown, plan.mode, plan.steps, plan.device, beside), seconds)


def teach_model(teaching: Teaching, seconds: float = 2.0) -> Iterator[TrainingProgress | TeachingResult]:
    """Teach a model that is in memory: progress on the way, and at last the result.

    Raises:
        ModelError: the model does not fit an image, or cannot be taught in that mode.
        ClassTableError: nothing of the class is marked.
    """
    yield from _teach_exactly(teaching, seconds) if teaching.mode == "exact" else _teach_fully(teaching, seconds)


def write_result(plan: TeachingPlan, result: TeachingResult) -> None:
    """Write the model, or the class alone."""
    if is_class_file(plan.output):
        write_class(plan.output, taught_class(result.model, plan.class_name))
    else:
        write_derived(find_model(plan.model), result.model, plan.output)


def _teach_exactly(teaching: Teaching, seconds: float) -> Iterator[TrainingProgress | TeachingResult]:
    model, entry, device = teaching.model, teaching.entry, teaching.device
    teacher = ExactTeacher(model, entry, teaching.shown, ExactRecipe(teaching.steps), device)
    while not teacher.progress.finished:
        yield teacher.advance(seconds)
    held_out = teacher.examine()
    taught = teacher.model()
    images = [image for image, _ in teaching.shown[:_IMAGES_COMPARED]]
    certificate = certify(model, taught, images, device, entry.name)
    record = {**taught.training["classes"][entry.name], "certificate": asdict(certificate)}
    dice = _compared(teaching, taught, [entry.name])[0].after if held_out is None else held_out
    final, nearest = with_record(taught, entry.name, record), teacher.progress.nearest
    yield TeachingResult(final, certificate, held_out=held_out, nearest=nearest, reasons=_reasons(teaching, dice))


def _teach_fully(teaching: Teaching, seconds: float) -> Iterator[TrainingProgress | TeachingResult]:
    model, entry, device = teaching.model, teaching.entry, teaching.device
    teacher = FullTeacher(model, entry, teaching.shown, teaching.steps, device, teaching.beside)
    while not teacher.progress.finished:
        yield teacher.advance(seconds)
    taught = teacher.model()
    changes = _compared(teaching, taught, taught.classes.names)
    dice = next(change.after for change in changes if change.name == entry.name)
    yield TeachingResult(taught, changes=changes, reasons=_reasons(teaching, dice))


def _compared(teaching: Teaching, taught: Model, names: Sequence[str]) -> tuple[ClassChange, ...]:
    """Some classes before and after, as means over some images."""
    lessons = [Lesson(teaching.entry, image, tuple(marks)) for image, marks in teaching.shown[:_IMAGES_COMPARED]]
    tables = [compare_on_lesson(teaching.model, taught, lesson, teaching.device, names) for lesson in lessons]
    return tuple(_mean(changes) for changes in zip(*tables, strict=True))


def _reasons(teaching: Teaching, dice: float) -> tuple[str, ...]:
    """Why little was learnt, where that is so."""
    if dice >= ENOUGH_DICE:
        return ()
    name = teaching.entry.name
    marks = [
        (image.geometry, ChunkedAnnotation.of(a.mask, a.supervised))
        for image, annotations in teaching.shown
        for a in annotations
        if a.class_name == name
    ]
    return reasons(name, marks, teaching.model.preprocessing, teaching.steps)


def _mean(changes: Sequence[ClassChange]) -> ClassChange:
    """Mean of a class's changes over several images."""
    known = [c.before for c in changes if c.before is not None]
    before = float(np.mean(known)) if known else None
    return replace(changes[0], before=before, after=float(np.mean([c.after for c in changes])))


def _shown(plan: TeachingPlan, model: Model, data: DataSet) -> list[Shown]:
    """The images with annotations: of the class, and in the mode 'full' also of the model's classes."""
    of_interest = {plan.class_name} if plan.mode == "exact" else {plan.class_name, *model.classes.names}
    cases = [replace(case, labelled=case.labelled & of_interest) for case in data.cases]
    shown: list[Shown] = []
    read = CaseReader(data.name)
    for case in cases:
        if plan.cases is not None and len(shown) == plan.cases:
            break
        image, annotations = read(case, data.classes)
        if any(a.class_name == plan.class_name and a.state == "present" for a in annotations):
            shown.append((image, annotations))
    if not shown:
        raise ReadError(f"no training case shows '{plan.class_name}'; choose another data set", path=data.root)
    if plan.slices is None:
        return shown
    counts = [len(part) for part in np.array_split(np.arange(plan.slices), len(shown))]
    return [
        (image, tuple(on_few_slices(image, a, model, count) for a in annotations))
        for (image, annotations), count in zip(shown, counts, strict=True)
        if count
    ]


def _beside(data: DataSet, shown: Sequence[Shown]) -> Iterator[Image]:
    """Some images without annotations, for keeping the old classes."""
    used = {image.source for image, _ in shown}
    unused = [case for case in data.cases if case.image not in used][:_MOST_BESIDE]
    warnings = ImageWarnings()
    for case in unused:
        image = read_image(case.image)
        warnings.tell(data.name, case.name, image)
        yield image


def on_few_slices(image: Image, annotation: Annotation, model: Model, count: int) -> Annotation:
    """The annotation limited to `count` slices, evenly spread over the class."""
    axis = model.preprocessing.axes(image.geometry).order[2]
    others = tuple(a for a in range(3) if a != axis)
    planes = np.flatnonzero((annotation.mask & annotation.supervised).any(axis=others))
    chosen = planes[[int(len(planes) * (n + 0.5) / count) for n in range(count)]] if len(planes) else planes
    marked = np.zeros(annotation.mask.shape[axis], bool)
    marked[chosen] = True
    here = annotation.supervised & np.expand_dims(marked, others)
    return Annotation(annotation.class_name, annotation.mask & here, here)


def _labelled(data: DataSet, class_name: str) -> DataSet:
    data.classes.row(class_name)
    cases = tuple(case for case in data.cases if class_name in case.labelled)
    if not cases:
        raise ReadError(f"no training case labels '{class_name}'; choose another data set", path=data.root)
    return replace(data, cases=cases)
