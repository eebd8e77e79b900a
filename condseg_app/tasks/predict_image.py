"""An image from file to masks: the work of `condseg predict` on each image."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import (
    ClassTable,
    Fusion,
    Geometry,
    Image,
    LabelMap,
    Levels,
    Model,
    OnDemand,
    PostProcessing,
    Prediction,
    PredictionOptions,
    Region,
    fuse,
    in_order,
)
from condseg_app.engine.predict.post_process import final_masks, post_process
from condseg_app.errors import NothingToWrite, OutOfMemory, printable
from condseg_app.io import (
    Export,
    Registry,
    export_format,
    merge_rule,
    read_image,
    usual_suffix,
    write_binary_masks,
    write_export,
    write_label_map,
)
from condseg_app.io.choices import chosen_channel
from condseg_app.io.pictures.camera import orientation_of
from condseg_app.io.voxels.scratch import ScratchArray
from condseg_app.memory import free_memory
from condseg_app.tasks.prediction_report import Method


@dataclass(frozen=True, eq=False)
class Request:
    """Settings of predicting each image; sent to the workers.

    Attributes:
        model: with its weights.
        options: of the prediction.
        device: 'auto', 'cpu', 'cuda', ...
    """

    model: Model
    options: PredictionOptions = field(default_factory=PredictionOptions)
    device: str = "auto"

    @property
    def classes(self) -> ClassTable:
        """Rows of the wanted classes; ClassTableError for a class that the model lacks."""
        wanted = self.options.classes
        return self.model.classes if wanted is None else self.model.classes.keeping(wanted)


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Final masks of an image.

    Attributes:
        geometry: the image's grid.
        labels: a single class per voxel; None where overlaps are kept.
        overlapping: class name -> (I, J, K) mask, where overlaps are kept.
        voxels: class name -> number of voxels; a whole includes its parts.
        device: that computed.
        seconds: of reading and predicting.
        planned: most bytes of memory by the plan.
        warnings: about the image, a sentence each.
    """

    geometry: Geometry
    labels: LabelMap | None
    overlapping: Mapping[str, NDArray[np.bool_]]
    voxels: Mapping[str, int]
    device: str
    seconds: float
    planned: int
    warnings: tuple[str, ...] = ()

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Mask of a class, (I, J, K); a whole contains its parts."""
        return self.overlapping[name] if self.labels is None else self.labels.with_parts(name)


def segment(
    source: Path | Image, request: Request, *, travels: bool = False
) -> Iterator[tuple[float, Segmentation | None]]:
    """Segment an image; yields the finished part (0 to 1), and at last the masks.

    Args:
        source: the image or its file.
        request: settings of predicting.
        travels: whether the masks are to leave this process, and so must lie in memory.

    Raises:
        ChoiceNeeded: the file holds several images, or several channels for a model of a single channel.
        OutOfMemory: free memory does not suffice even for the smallest parts.
    """
    # torch: only where images are predicted, which with an engine elsewhere is not here
    from condseg_app.engine.devices import describe_device
    from condseg_app.engine.predict.memory_plan import plan_memory
    from condseg_app.engine.predict.whole import predict

    began = time.perf_counter()
    image = _image(source, request)
    classes, options = request.classes, request.options
    options = replace(options, classes=tuple(in_order(classes.names, classes)))
    whole, model = options.post_processing.needs_whole, options.applied_to(request.model)
    plan = plan_memory(model, image, len(classes), free_memory(), whole=whole)
    in_parts = len(plan.parts) > 1
    if in_parts and travels:
        raise OutOfMemory(
            "it is too large for a worker to predict it at once; give it more memory, or predict it without --engine"
        )
    masks = _Masks(image.geometry, request, in_parts=in_parts)
    for part, found in predict(model, image, options, request.device, plan):
        if found is not None:
            masks.add(found.region, found.prediction)
        yield part, None
    masks.finish()
    device = describe_device(request.device)
    shown = device.kind if device.name.lower() == device.kind else f"{device.kind} ({device.name})"
    seconds = time.perf_counter() - began
    final = masks.labels, masks.overlapping, masks.voxels
    yield 1.0, Segmentation(image.geometry, *final, shown, seconds, plan.peak, image.warnings)


def _image(source: Path | Image, request: Request) -> Image:
    """The image, with channels that the model can take."""
    image = read_image(source, request.options.pick) if isinstance(source, Path) else source
    if request.model.preprocessing.channels == 1 and not image.is_rgb and isinstance(source, Path):
        chosen_channel(image.channels, request.options.pick, source)
    return image


def write_segmentation(
    file: Path, found: Segmentation, classes: ClassTable, method: Method, target: Path
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Write an image's label map, its binary masks, or both, and the further formats.

    Returns:
        All files written, and a sentence for each format without a file because nothing was found.

    Args:
        file: the image.
        found: the image's masks.
        classes: rows of the masks.
        method: of predicting, for the JSON beside the masks. Where overlaps are kept there are only binary masks.
        target: the folder, and in this the beginning of all file names.

    Raises:
        WriteError: the disk refuses, or the format cannot hold the masks.
    """
    suffix = usual_suffix(found.geometry)
    registry = record_of(file, method.model, classes, method.options.post_processing, method.model_sha256)
    folder, name = target.parent, target.name
    forms = {form.named(folder, name): form for form in map(export_format, method.options.also)}
    for path, form in forms.items():
        form.check_fits(found.geometry, path)
    masks = OnDemand(classes.names, found.mask)
    written: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    if found.labels is not None:
        written = write_label_map(folder / f"{name}_labels{suffix}", found.labels, registry.extra())
    if method.options.masks or found.labels is None:
        beside = folder / f"{name}_masks"
        written += write_binary_masks(beside, masks, found.geometry, classes, suffix, registry.extra())
    if forms:
        image = read_image(file, method.options.pick)
        export = Export(image, registry, masks, found.labels)
        for path, form in forms.items():
            try:
                written += write_export(form, path, export)
            except NothingToWrite:
                notes += (f"nothing was found on it, so there is no {form.title}",)
    return written, notes


def record_of(
    file: Path, model: str, classes: ClassTable, settings: PostProcessing, model_sha256: str | None = None
) -> Registry:
    """The record that goes with an image's masks: model, thresholds, merge rule and classes."""
    return Registry(
        image=printable(file.name),
        camera_orientation=orientation_of(file),
        model=model,
        model_sha256=model_sha256,
        thresholds=dict.fromkeys(classes.names, settings.threshold),
        merge_rule=merge_rule(settings.overlap, marked=False),
        priority=settings.order or (),
        post_processing=asdict(settings),
        classes=classes,
    )


class _Masks:
    """Final masks of an image, slab by slab; kept in a temporary file if the image comes in parts.

    Raises:
        OutOfMemory: the image comes in parts, but the masks need the whole at once.
    """

    def __init__(self, geometry: Geometry, request: Request, *, in_parts: bool) -> None:
        settings, options = request.options.post_processing, request.options
        if in_parts and (settings.needs_whole or options.masks or options.also):
            raise OutOfMemory(
                "it is too large to be looked at as a whole; leave out --masks, --also, kept components and kept "
                "overlaps, or use a computer with more memory"
            )
        self._geometry, self._classes, self._settings = geometry, request.classes, settings
        self._thresholds = dict.fromkeys(request.classes.names, settings.threshold)
        self._levels = Levels(geometry.shape) if settings.needs_whole else None
        self._slab: tuple[Region, Fusion] | None = None
        self.labels: LabelMap | None = None
        self.overlapping: Mapping[str, NDArray[np.bool_]] = {}
        self.voxels: Counter[str] = Counter()
        if self._levels is None:
            kind = np.dtype(request.classes.value_type)
            self._values = ScratchArray(geometry.shape, kind) if in_parts else np.zeros(geometry.shape, kind)
            self.labels = LabelMap(self._values, geometry, request.classes)

    def add(self, region: Region, prediction: Prediction) -> None:
        """Add some classes in a slab of the image; all classes of a slab come before the next slab."""
        if self._levels is not None:
            self._levels.paste_all(region, prediction.probabilities)
            return
        if self._slab is None or self._slab[0] != region:
            self._keep_slab()
            order = self._settings.order
            self._slab = region, Fusion(prediction.geometry, self._classes, self._thresholds, order)
        self._slab[1].add(prediction.probabilities, prediction.probabilities)

    def finish(self) -> None:
        """Finish the masks after the last slab."""
        if self._levels is None:
            self._keep_slab()
            return
        prediction = Prediction(self._geometry, self._levels, frozenset(self._classes.names))
        if self._settings.overlap == "keep":
            self.overlapping = final_masks(prediction, self._classes, self._settings)
            self.voxels.update({name: int(mask.sum()) for name, mask in self.overlapping.items()})
            return
        cleaned = post_process(prediction, self._classes, self._settings)
        self.labels = fuse(cleaned, self._classes, self._thresholds, priority=self._settings.order)
        self.voxels.update(self.labels.counts())

    def _keep_slab(self) -> None:
        if self._slab is None:
            return
        region, fusion = self._slab
        fused = fusion.labels
        self.voxels.update(fused.counts())
        if isinstance(self._values, ScratchArray):
            self._values.write(region, fused.values)
        else:
            self._values[region] = fused.values
