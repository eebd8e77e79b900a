"""CondSeg for scripts and notebooks: `import condseg_app as condseg`.

The functions run the tasks of the command line. Nothing is printed; errors are raised as `CondsegError`; PyTorch is
imported by the first function that computes.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app import io, tasks
from condseg_app.data import (
    TEACHING_STEPS,
    Annotation,
    ClassTable,
    Image,
    LabelMap,
    Model,
    Pick,
    PostProcessing,
    PredictionOptions,
    Split,
    TeachingMode,
)
from condseg_app.errors import CondsegError
from condseg_app.io.choices import EVERYTHING

Report = Callable[[float], None]
"""Called with the part of the work that is done, 0 to 1."""

ModelLike = Model | str | Path
"""A model, the name of one at hand, or a model file."""


@dataclass(frozen=True, eq=False)
class Masks:
    """Predicted masks of one image.

    Attributes:
        file: the image's file, or the name of an image only in memory.
        request: classes and settings of the prediction.
        found: masks, voxel counts, device, seconds and planned memory.
    """

    file: Path
    request: "tasks.predict_image.Request"
    found: "tasks.predict_image.Segmentation"

    @property
    def classes(self) -> ClassTable:
        """Rows of the predicted classes."""
        return self.request.classes

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Voxels of a class, (I, J, K); a whole contains its parts.

        Raises:
            ClassTableError: the class was not predicted.
        """
        self.classes.row(name)
        return self.found.mask(name)

    def label_map(self) -> LabelMap:
        """All classes in one map, on the image's grid.

        Raises:
            CondsegError: overlaps were kept, which one map cannot hold.
        """
        if self.found.labels is None:
            raise CondsegError("overlaps were kept, so there is no label map; use mask(name), or another overlap rule")
        return self.found.labels

    def save(self, path: str | Path) -> tuple[Path, ...]:
        """Write the label map, or a folder of masks where overlaps were kept; returns all files written.

        Args:
            path: a label map's file (`.nii.gz`, `.seg.nrrd`, `.png`, ...), or a folder.

        Raises:
            WriteError: another ending, more than the format holds, or the disk refuses; nothing is written.
        """
        settings = self.request.options.post_processing
        extra = tasks.predict_image.record_of(self.file, self.request.model.name, self.classes, settings).extra()
        if self.found.labels is not None:
            return io.write_label_map(Path(path), self.found.labels, extra)
        suffix = io.usual_suffix(self.found.geometry)
        masks = {name: self.found.mask(name) for name in self.classes.names}
        return io.write_binary_masks(Path(path), masks, self.found.geometry, self.classes, suffix, extra)


def models() -> tuple[str, ...]:
    """Names of the models at hand: shipped ones, then the user's."""
    return tuple(file.name for file in io.models_available())


def load_model(name_or_path: str | Path) -> Model:
    """Read a model by its name or its file.

    Raises:
        ModelError: no such model, or a damaged file.
    """
    return io.read_model(io.find_model(name_or_path))


def save_model(model: Model, path: str | Path) -> None:
    """Write a model file, `NAME.safetensors`; WriteError if the disk refuses."""
    io.write_model(Path(path), model)


def read_image(path: str | Path, pick: Pick = EVERYTHING) -> Image:
    """Read a volume or 2D image; its voxels are read on use.

    Args:
        path: a file, or the folder of a DICOM series or OME-Zarr image.
        pick: series, frame and channel, where the file holds several.

    Raises:
        ReadError: no image, or a damaged one.
        ChoiceNeeded: the file holds several images.
    """
    return io.read_image(Path(path), pick)


def read_label_map(path: str | Path) -> LabelMap:
    """Read a label map with the class table beside it or in it; ReadError if there is none."""
    return io.read_label_map(Path(path))


def predict(
    model: ModelLike,
    image: Image | str | Path,
    classes: Sequence[str] | None = None,
    settings: PostProcessing | None = None,
    device: str = "auto",
    progress: Report | None = None,
) -> Masks:
    """Predict masks of an image.

    Args:
        model: a model.
        image: an image or its file.
        classes: names of classes; all of the model's if None.
        settings: threshold, overlap rule and cleaning of the masks; the most probable class at 0.5 if None.
        device: 'auto', 'cpu', 'cuda', ...
        progress: called with the part done.

    Raises:
        CondsegError: the model does not fit the image, lacks a class, or more memory is needed than is free.
    """
    loaded = _loaded(model)
    options = PredictionOptions(None if classes is None else tuple(classes), settings or PostProcessing())
    request = tasks.predict_image.Request(loaded, options, device)
    source = Path(image) if isinstance(image, str) else image
    for part, found in tasks.predict_image.segment(source, request):
        if progress is not None:
            progress(part)
        if found is not None:
            file = source if isinstance(source, Path) else source.source or Path(source.name)
            return Masks(file, request, found)
    raise CondsegError("the prediction ended without masks; this is a fault of CondSeg, please report it")


def annotation(name: str, mask: NDArray[Any], supervised: NDArray[Any] | None = None) -> Annotation:
    """A class's mask on an image, for `teach`.

    Args:
        name: the class.
        mask: (I, J, K), nonzero inside the class.
        supervised: (I, J, K), nonzero where the mask can be relied on, other voxels are unknown; everywhere if None.
    """
    inside = np.asarray(mask) != 0
    return Annotation(name, inside, np.ones_like(inside) if supervised is None else np.asarray(supervised) != 0)


def teach(
    model: ModelLike,
    name: str,
    examples: Iterable[tuple[Image, Annotation]],
    mode: TeachingMode = "exact",
    steps: int = TEACHING_STEPS,
    device: str = "auto",
    progress: Report | None = None,
) -> "tasks.teach.TeachingResult":
    """Teach a model one class; the model itself stays as it is.

    Args:
        model: a model.
        name: the class, new to the model or not.
        examples: images, each with an annotation of the class.
        mode: 'exact' learns the class alone, and certifies that the others answer as before; 'full' learns everything.
        steps: training steps.
        device: 'auto', 'cpu', 'cuda', ...
        progress: called with the part done.

    Returns:
        The taught model, with certificate and held-out Dice ('exact') or changes of each class ('full').

    Raises:
        ModelError: the model does not fit an image, or cannot be taught in this mode.
        ClassTableError: no voxel of the class is annotated.
    """
    loaded = _loaded(model)
    entry = loaded.classes.row_or_new(name)
    shown = [(image, (drawn,)) for image, drawn in examples]
    for step in tasks.teach.teach_model(tasks.teach.Teaching(loaded, entry, shown, mode, steps, device)):
        if isinstance(step, tasks.teach.TeachingResult):
            return step
        if progress is not None:
            progress(step.step / max(step.steps, 1))
    raise CondsegError("the lesson ended without a model; this is a fault of CondSeg, please report it")


def train(
    data: Sequence[str | Path],
    output: str | Path,
    network: str | None = None,
    classes: Sequence[str] | None = None,
    steps: int | None = None,
    device: str = "auto",
    progress: Report | None = None,
) -> Model:
    """Train a network on data sets and write its model file, with log, curves and checkpoint beside it.

    Args:
        data: folders of data sets, single-class or partly labelled.
        output: the model file.
        network: a preset (`condseg networks` lists them); chosen by the data if None.
        classes: the classes to learn; all if None.
        steps: training steps; as many as the default recipe takes if None.
        device: 'auto', 'cpu', 'cuda', ...
        progress: called with the part done.

    Raises:
        CondsegError: nothing to learn from, or the output's folder does not exist.
    """
    from condseg_app.engine.train.recipes import RECIPES, changed  # torch

    recipe = changed(RECIPES["default"], {} if steps is None else {"steps": steps})
    names = None if classes is None else tuple(classes)
    plan = tasks.train.TrainingPlan(tuple(map(Path, data)), Path(output), recipe, network, classes=names, device=device)
    training = tasks.train.Training(plan)
    for step in tasks.train.run(training):
        if progress is not None:
            progress(step.step / max(step.steps, 1))
    return training.finish()


def evaluate(
    model: str | Path,
    data: str | Path,
    split: Split | None = "val",
    device: str = "auto",
    progress: Report | None = None,
) -> dict[str, Any]:
    """Compare a model's masks with a data set's labels.

    Args:
        model: the name of a model, or its file.
        data: a data set's folder.
        split: part of the data set; all of it if None.
        device: 'auto', 'cpu', 'cuda', ...
        progress: called with the part done.

    Returns:
        The figures of `condseg evaluate --json`: mean Dice and surface distances by class, each case's, and in
        `failed` the reason for each case that could not be read.

    Raises:
        CondsegError: no case of the split, or no class in common.
    """
    cases = []
    for case in tasks.evaluate.evaluate_data_set(
        tasks.evaluate.EvaluationPlan(str(model), Path(data), split, device=device)
    ):
        cases.append(case)
        if progress is not None:
            progress(case.done / case.total)
    return tasks.evaluate.write_figures(cases, None)


def _loaded(model: ModelLike) -> Model:
    return model if isinstance(model, Model) else load_model(model)
