"""One image from its file to masks: what `condseg predict` does with each of them."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import ClassTable, Geometry, Image, LabelMap, Model, PostProcessing, Prediction, fuse
from condseg_app.io import read_image, write_binary_masks, write_label_map
from condseg_app.io.contents import name_of
from condseg_app.io.prediction_report import Method


@dataclass(frozen=True, eq=False)
class Request:
    """What is asked about each image; it travels to wherever that is computed.

    Attributes:
        model: with its weights.
        classes: the rows of the classes that are asked for.
        post_processing: of the masks.
        device: 'auto', 'cpu', 'cuda', ...
        accurate: whether windows overlap by a half instead of a quarter.
    """

    model: Model
    classes: ClassTable
    post_processing: PostProcessing
    device: str
    accurate: bool


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The answer: final masks of one image.

    Attributes:
        geometry: the image's grid.
        labels: one class a voxel; None where overlaps are kept.
        overlapping: class name -> (I, J, K) mask, where overlaps are kept.
        device: what computed.
        seconds: that reading and predicting took.
    """

    geometry: Geometry
    labels: LabelMap | None
    overlapping: Mapping[str, NDArray[np.bool_]]
    device: str
    seconds: float

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Where a class is, (I, J, K); a whole contains its parts."""
        return self.overlapping[name] if self.labels is None else self.labels.with_parts(name)


def segment(source: Path | Image, request: Request) -> Iterator[tuple[float, Segmentation | None]]:
    """Segment one image; yields the part done (0 to 1), and at last the answer."""
    from condseg_app.engine.devices import describe_device

    began = time.perf_counter()
    image = read_image(source) if isinstance(source, Path) else source
    prediction = Prediction(image.geometry)
    for part, so_far in _predict(image, request):
        prediction = so_far
        yield part, None
    labels, overlapping = _masks(prediction, request)
    device = describe_device(request.device)
    shown = device.kind if device.name.lower() == device.kind else f"{device.kind} ({device.name})"
    yield 1.0, Segmentation(image.geometry, labels, overlapping, shown, time.perf_counter() - began)


def write_segmentation(
    file: Path, found: Segmentation, classes: ClassTable, method: Method, folder: Path
) -> tuple[Path, ...]:
    """Write an image's label map, its binary masks, or both; returns all files written.

    Args:
        file: the image.
        found: its masks.
        classes: their rows.
        method: how they were made, for the JSON beside them. Where overlaps are kept there are only binary masks.
        folder: where to write.

    Raises:
        WriteError: the disk refuses, or the format cannot hold the masks.
    """
    suffix = ".png" if found.geometry.unit == "pixel" else ".nii.gz"
    extra = {
        "image": file.name,
        "model": method.model,
        "model_sha256": method.model_sha256,
        "post_processing": asdict(method.post_processing),
    }
    name = name_of(file)
    written: tuple[Path, ...] = ()
    if found.labels is not None:
        written = write_label_map(folder / f"{name}_labels{suffix}", found.labels, extra=extra)
    if method.masks or found.labels is None:
        masks = {entry.name: found.mask(entry.name) for entry in classes}
        beside = folder / f"{name}_masks"
        written = (*written, *write_binary_masks(beside, masks, found.geometry, classes, suffix, extra))
    return written


def _predict(image: Image, request: Request) -> Iterator[tuple[float, Prediction]]:
    from condseg_app.engine.predict import predict
    from condseg_app.engine.windows import ACCURATE_OVERLAP, OVERLAP

    overlap = ACCURATE_OVERLAP if request.accurate else OVERLAP
    return predict(request.model, image, request.classes.names, request.device, overlap)


def _masks(prediction: Prediction, request: Request) -> tuple[LabelMap | None, Mapping[str, NDArray[np.bool_]]]:
    from condseg_app.engine.post_process import final_masks, post_process

    settings, classes = request.post_processing, request.classes
    if settings.overlap == "keep":
        return None, final_masks(prediction, classes, settings)
    thresholds = dict.fromkeys(classes.names, settings.threshold)
    order = settings.priority if settings.overlap == "priority" else None
    return fuse(post_process(prediction, classes, settings), classes, thresholds, priority=order), {}
