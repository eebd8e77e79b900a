"""Cleaning predicted masks: components and parts."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import generate_binary_structure, label

from condseg_app.data import ClassTable, PostProcessing, Prediction, fuse


def post_process(prediction: Prediction, classes: ClassTable, settings: PostProcessing) -> Prediction:
    """The prediction without what the settings remove: its probability is 0 there.

    Raises:
        ClassTableError: the settings name a class that the table does not have.
    """
    for name in settings.names:
        classes.row(name)
    probabilities = dict(prediction.probabilities)
    for name in probabilities:
        if name in settings.largest or name in settings.smallest:
            kept = _components(prediction, name, settings)
            probabilities[name] = np.where(kept, probabilities[name], np.uint8(0))
    if settings.inside_whole:
        _cut_parts(probabilities, prediction, classes, settings.threshold)
    return replace(prediction, probabilities=probabilities)


def final_masks(
    prediction: Prediction, classes: ClassTable, settings: PostProcessing
) -> Mapping[str, NDArray[np.bool_]]:
    """Class name -> (I, J, K) mask after all of post-processing, overlaps resolved; a whole contains its parts."""
    cleaned = post_process(prediction, classes, settings)
    if settings.overlap == "keep":
        return {name: cleaned.mask(name, settings.threshold) for name in cleaned.probabilities}
    thresholds = dict.fromkeys(cleaned.probabilities, settings.threshold)
    order = settings.priority if settings.overlap == "priority" else None
    fused = fuse(cleaned, classes, thresholds, priority=order)
    return {name: fused.with_parts(name) for name in cleaned.probabilities}


def _components(prediction: Prediction, name: str, settings: PostProcessing) -> NDArray[np.bool_]:
    """The mask's components that are large enough and among the largest ones; voxels touch at faces, edges, corners."""
    mask = prediction.mask(name, settings.threshold)
    numbered, _count = label(mask, generate_binary_structure(3, 3))
    sizes = np.bincount(numbered.ravel())
    sizes[0] = 0
    unit = prediction.geometry.voxel_volume / (1.0 if prediction.geometry.is_2d else 1000.0)
    keep = sizes * unit >= settings.smallest.get(name, 0.0)
    keep[0] = False
    if name in settings.largest:
        order = np.argsort(-sizes, kind="stable")[: settings.largest[name]]
        keep &= np.isin(np.arange(len(sizes)), order)
    kept: NDArray[np.bool_] = keep[numbered]
    return kept


def _cut_parts(
    probabilities: dict[str, NDArray[np.uint8]], prediction: Prediction, classes: ClassTable, threshold: float
) -> None:
    """Remove of each part what lies outside of its whole; the outermost wholes first, for parts may have parts."""
    for name in sorted(probabilities, key=lambda n: len(classes.wholes_of(n))):
        whole = next(iter(classes.wholes_of(name)), None)
        if whole in probabilities:
            around = replace(prediction, probabilities=probabilities).mask(whole, threshold)
            probabilities[name] = np.where(around, probabilities[name], np.uint8(0))
