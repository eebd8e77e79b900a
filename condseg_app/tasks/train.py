"""A training from files to files: data sets in; a model, a log, curves and a checkpoint out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any

from condseg_app.data import ClassTable, Fingerprint, Image, Model, TrainingProgress
from condseg_app.data.model import FINGERPRINT
from condseg_app.engine.devices import Processes
from condseg_app.engine.networks import answers_together, network_stride, new_model, transfer
from condseg_app.engine.plan import plan_preprocessing, suggest_network, with_settings
from condseg_app.engine.train.augmentation import augmenter, unvaried
from condseg_app.engine.train.recipes import Recipe
from condseg_app.engine.train.samples import Cropping, DataSetSource
from condseg_app.engine.train.trainer import Trainer
from condseg_app.errors import CondsegError, WriteError
from condseg_app.io import Checkpoint, read_checkpoint, read_model, write_checkpoint, write_model
from condseg_app.io.data_sets.generated import is_generated
from condseg_app.tasks.check_data import quick_warnings
from condseg_app.tasks.image_warnings import CaseReader, ImageWarnings
from condseg_app.tasks.training_data import Choice, TrainingData, choose, some_images
from condseg_app.tasks.training_log import write_curves, write_training_log


@dataclass(frozen=True)
class TrainingPlan:
    """Settings of a training.

    Attributes:
        data: folders of data sets.
        output: the model file to write. Log, curves and checkpoint lie beside the model.
        recipe: of the training.
        network: a preset's name; None to choose by the data.
        groups: variant of the data sets' `single_class_groups` to show ('single' for a lone variant), or
            'disjoint' to cut the training cases into as many groups as there are classes; None shows every label.
        classes: the classes to learn; None for all.
        rename: names of classes in the data sets -> names here, for sets that name the same class differently.
        code_range: the table's codes lie in -code_range to code_range.
        preprocessing: the user's settings, see `engine.plan.with_settings`.
        settings: network settings that the user sets.
        alpha: weights of classes in the loss (equation 4); 1 where not named.
        name: of the model; the output's name if None.
        licence: of the model.
        init_from: a model whose trunk to begin with.
        device: 'auto', 'cpu', 'cuda', ...
        processes: numbers of devices per computer, and of computers, that train together.
    """

    data: tuple[Path, ...]
    output: Path
    recipe: Recipe
    network: str | None = None
    groups: str | None = None
    classes: tuple[str, ...] | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    code_range: float = 1.0
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    alpha: Mapping[str, float] = field(default_factory=dict)
    name: str | None = None
    licence: str = ""
    init_from: Path | None = None
    device: str = "auto"
    processes: tuple[int, int] = (1, 1)

    @property
    def choice(self) -> Choice:
        """The shown part of the data."""
        return Choice(self.data, self.groups, self.classes, self.rename)

    @property
    def checkpoint(self) -> Path:
        """Checkpoint file, from which a stopped training goes on."""
        return self.output.with_suffix(".checkpoint.safetensors")


class Training:
    """Drives a trainer and writes its files; `advance` returns after about the given time.

    Of several processes that train together only the first writes.
    """

    def __init__(self, plan: TrainingPlan, resume: bool = False) -> None:
        if not plan.output.parent.is_dir():
            # Said now, not when hours of training are to be saved.
            raise WriteError(f"the folder {plan.output.parent} does not exist; make it first", path=plan.output)
        self.plan = plan
        data = choose(plan.choice)
        warnings = ImageWarnings()
        for warning in quick_warnings(data):
            warnings.tell_sentence(warning)
        self.model = _model(plan, data)
        self.trainer = _trainer(self.model, data, plan, warnings)
        if resume:
            saved = read_checkpoint(plan.checkpoint)
            self.trainer.resume(saved.tensors, saved.plain)

    def advance(self, seconds: float) -> TrainingProgress:
        """Train for about `seconds`."""
        return self.trainer.advance(seconds)

    def save_checkpoint(self) -> None:
        """Write the checkpoint to go on from later."""
        if self.trainer.is_first:
            tensors, plain = self.trainer.state()
            write_checkpoint(self.plan.checkpoint, Checkpoint(tensors, plain))

    def finish(self) -> Model:
        """Write the present model, log, curves and checkpoint."""
        model = self.trainer.model()
        if self.trainer.is_first:
            write_model(self.plan.output, model)
            history = [asdict(step) for step in self.trainer.history]
            write_training_log(self.plan.output.with_suffix(".csv"), history)
            if history:
                write_curves(self.plan.output.with_suffix(".png"), history)
            self.save_checkpoint()
        return model


def _model(plan: TrainingPlan, data: TrainingData) -> Model:
    """The model to train, before its first step."""
    images = some_images(data.cases)
    preset = plan.network or suggest_network(images)
    preprocessing = with_settings(plan_preprocessing(images, preset), plan.preprocessing)
    classes = ClassTable(tuple(replace(e, code=e.code * plan.code_range) for e in data.classes))
    model = new_model(plan.name or plan.output.stem, preset, classes, preprocessing, plan.settings, plan.recipe.seed)
    record: dict[str, Any] = {"network_preset": preset, "data": [s.name for s in data.train], "cases": len(data.cases)}
    fingerprint = _fingerprint(images)
    if fingerprint is not None:
        record[FINGERPRINT] = fingerprint.plain()
    model = replace(model, licence=plan.licence, training=record)
    return model if plan.init_from is None else transfer(model, read_model(plan.init_from))


def _fingerprint(images: Sequence[Image]) -> Fingerprint | None:
    """Fingerprint of the training images; None if unreadable, an error that the training itself will report."""
    try:
        return Fingerprint.of(images, generated=all(is_generated(image) for image in images))
    except CondsegError:
        return None


def _trainer(model: Model, data: TrainingData, plan: TrainingPlan, warnings: ImageWarnings) -> Trainer:
    for name in plan.alpha:
        model.classes.row(name)
    alpha = tuple(plan.alpha.get(name, 1.0) for name in model.classes.names)
    recipe = replace(plan.recipe, loss=replace(plan.recipe.loss, alpha=alpha))
    augment = augmenter(recipe.augmentation, model.preprocessing)
    asked = None if answers_together(model) else recipe.classes_per_window
    cropping = Cropping(model.preprocessing, network_stride(model), augment, recipe.centred, asked)
    still = replace(cropping, augment=unvaried, asked=1)
    return Trainer(
        model,
        [DataSetSource(part, CaseReader(part.name, warnings), cropping) for part in data.train],
        recipe,
        plan.device,
        [
            DataSetSource(part, CaseReader(f"{part.name}, val", warnings), still)
            for part in (data.validation if recipe.validate_every else ())
        ],
        Processes(*plan.processes),
    )


def run(training: Training, seconds: float = 2.0, checkpoint_every: float = 120.0) -> Iterator[TrainingProgress]:
    """Train to the end, with a checkpoint now and then; yields after every call."""
    saved = monotonic()
    while not training.trainer.progress.finished:
        yield training.advance(seconds)
        if monotonic() - saved > checkpoint_every:
            training.save_checkpoint()
            saved = monotonic()
