"""A training from files to files: data sets in; a model, a log, curves and a checkpoint out."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from condseg_app.data import ClassTable, DataSet, Image, Model, Preprocessing, TrainingProgress
from condseg_app.errors import CondsegError, ReadError, WriteError
from condseg_app.io import (
    Checkpoint,
    read_case,
    read_checkpoint,
    read_data_set,
    read_image,
    write_checkpoint,
    write_model,
)
from condseg_app.io.training_log import write_curves, write_training_log

if TYPE_CHECKING:
    from condseg_app.engine.recipes import Recipe
    from condseg_app.engine.train import Trainer

_log = logging.getLogger(__name__)
_IMAGES_TO_PLAN_BY = 16


@dataclass(frozen=True)
class TrainingPlan:
    """What to train on what.

    Attributes:
        data: folders of data sets.
        output: the model file to write. Its log, curves and checkpoint lie beside it.
        recipe: how to train.
        network: a preset's name; None to choose by the data.
        groups: variant of the data sets' `single_class_groups` to show ('single' where there is only one);
            None shows every label that there is.
        classes: the classes to learn; None for all.
        preprocessing: fields of `Preprocessing` that the user sets.
        settings: network settings that the user sets.
        alpha: weights of classes in the loss (equation 4); 1 where not named.
        name: of the model; the output's name if None.
        licence: of the model.
        device: 'auto', 'cpu', 'cuda', ...
    """

    data: tuple[Path, ...]
    output: Path
    recipe: "Recipe"
    network: str | None = None
    groups: str | None = None
    classes: tuple[str, ...] | None = None
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    alpha: Mapping[str, float] = field(default_factory=dict)
    name: str | None = None
    licence: str = ""
    device: str = "auto"

    @property
    def checkpoint(self) -> Path:
        """Where a training that was stopped goes on from."""
        return self.output.with_suffix(".checkpoint.safetensors")


class Training:
    """Drives a trainer and writes its files; `advance` returns within about the time it is given."""

    def __init__(self, plan: TrainingPlan, resume: bool = False) -> None:
        from condseg_app.engine.networks import new_model
        from condseg_app.engine.plan import suggest_network

        if not plan.output.parent.is_dir():
            # Said now, not when hours of training are to be saved.
            raise WriteError(f"the folder {plan.output.parent} does not exist; make it first", path=plan.output)
        self.plan = plan
        sets = _data_sets(plan)
        classes = shared_table(sets, plan.classes)
        images = _some_images(sets)
        preset = plan.network or suggest_network(images)
        name = plan.name or plan.output.stem
        model = new_model(name, preset, classes, _preprocessing(plan, images, preset), plan.settings)
        record = {"network_preset": preset, "data": [s.name for s in sets], "cases": sum(len(s.cases) for s in sets)}
        self.model = replace(model, licence=plan.licence, training=record)
        self.trainer = _trainer(self.model, sets, plan)
        if resume:
            saved = read_checkpoint(plan.checkpoint)
            self.trainer.resume(saved.tensors, saved.plain)

    def advance(self, seconds: float) -> TrainingProgress:
        """Train for about so long."""
        return self.trainer.advance(seconds)

    def save_checkpoint(self) -> None:
        """Write what is needed to go on later."""
        tensors, plain = self.trainer.state()
        write_checkpoint(self.plan.checkpoint, Checkpoint(tensors, plain))

    def finish(self) -> Model:
        """Write model, log, curves and checkpoint as they are now."""
        model = self.trainer.model()
        write_model(self.plan.output, model)
        history = [asdict(step) for step in self.trainer.history]
        write_training_log(self.plan.output.with_suffix(".csv"), history)
        if history:
            write_curves(self.plan.output.with_suffix(".png"), history)
        self.save_checkpoint()
        return model


def shared_table(sets: Sequence[DataSet], wanted: Sequence[str] | None = None) -> ClassTable:
    """One table over several data sets: classes of the same name are the same class.

    A class keeps its data set's value where that is still free.

    Raises:
        ClassTableError: a wanted class is in none of the sets.
    """
    table = ClassTable()
    labelled = {name for data in sets for case in data.cases for name in case.labelled}
    for entry in (entry for data in sets for entry in data.classes):
        if entry.name in table or entry.name not in labelled or (wanted and entry.name not in wanted):
            continue
        proposed = table.propose(entry.name)
        free = entry.value not in {e.value for e in table}
        table = table.adding(
            replace(proposed, value=entry.value if free else proposed.value, color=entry.color, part_of=entry.part_of)
        )
    for name in wanted or ():
        table.row(name)
    return table


def _data_sets(plan: TrainingPlan) -> tuple[DataSet, ...]:
    sets: list[DataSet] = []
    for folder in plan.data:
        data = read_data_set(folder)
        for warning in data.warnings:
            _log.warning("%s: %s", data.name, warning)
        data = data.part("train")
        if plan.groups is None:
            sets.append(data)
        elif plan.groups in data.groups:
            sets.extend(data.single_class(plan.groups))
        else:
            declared = ", ".join(data.groups) or "none"
            raise ReadError(f"no single-class groups '{plan.groups}' are declared; there are: {declared}", path=folder)
    return tuple(_only(data, plan.classes) for data in sets if not plan.classes or _shows(data, plan.classes))


def _shows(data: DataSet, classes: Sequence[str]) -> bool:
    return any(case.labelled & set(classes) for case in data.cases)


def _only(data: DataSet, classes: Sequence[str] | None) -> DataSet:
    if not classes:
        return data
    cases = tuple(replace(case, labelled=case.labelled & set(classes)) for case in data.cases)
    return replace(data, cases=tuple(case for case in cases if case.labelled))


def _some_images(sets: Sequence[DataSet]) -> list[Image]:
    cases = [case for data in sets for case in data.cases]
    if not cases:
        raise CondsegError("the data sets hold no labelled training case; check their folders and splits")
    return [read_image(case.image) for case in cases[:: max(1, len(cases) // _IMAGES_TO_PLAN_BY)]]


def _preprocessing(plan: TrainingPlan, images: Sequence[Image], preset: str) -> Preprocessing:
    from condseg_app.engine.plan import plan_preprocessing

    return replace(plan_preprocessing(images, preset), **plan.preprocessing)


def _trainer(model: Model, sets: Sequence[DataSet], plan: TrainingPlan) -> "Trainer":
    from condseg_app.engine.augment import augmenter
    from condseg_app.engine.networks import network_stride
    from condseg_app.engine.samples import Cropping, DataSetSource
    from condseg_app.engine.train import Trainer

    preprocessing = model.preprocessing
    augment = augmenter(plan.recipe.augmentation, preprocessing, preprocessing.window)
    cropping = Cropping(preprocessing, network_stride(model), augment, plan.recipe.centred)
    sources = [DataSetSource(data, read_case, cropping) for data in sets]
    for name in plan.alpha:
        model.classes.row(name)
    alpha = tuple(plan.alpha.get(name, 1.0) for name in model.classes.names)
    recipe = replace(plan.recipe, loss=replace(plan.recipe.loss, alpha=alpha))
    return Trainer(model, sources, recipe, plan.device)


def run(training: Training, seconds: float = 2.0, checkpoint_every: float = 120.0) -> Iterator[TrainingProgress]:
    """Train to the end, with a checkpoint now and then; yields after every call."""
    saved = monotonic()
    while not training.trainer.progress.finished:
        yield training.advance(seconds)
        if monotonic() - saved > checkpoint_every:
            training.save_checkpoint()
            saved = monotonic()
