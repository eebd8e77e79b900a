"""Cleaning predicted masks: components and parts."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import generate_binary_structure, label

from condseg_app.data import ClassTable, Levels, PostProcessing, Prediction, as_level, fuse, voxel_size


def post_process(prediction: Prediction, classes: ClassTable, settings: PostProcessing) -> Prediction:
    """The prediction after removal by the settings: probability 0 in removed voxels.

    Raises:
        ClassTableError: the settings name a class that is not in the table.
    """
    for name in settings.names:
        classes.row(name)
    if not settings.cleans:
        return prediction
    probabilities = Levels(prediction.geometry.shape)
    # The outermost wholes first, for parts may have parts.
    for name in sorted(prediction.probabilities, key=lambda n: len(classes.wholes_of(n))):
        level = prediction.probabilities[name]
        if name in settings.largest or name in settings.smallest:
            level = np.where(_components(prediction, name, settings), level, np.uint8(0))
        whole = next(iter(classes.wholes_of(name)), None)
        if settings.inside_whole and whole is not None and whole in probabilities:
            level = np.where(probabilities[whole] >= as_level(settings.threshold), level, np.uint8(0))
        probabilities.put(name, level)
    return replace(prediction, probabilities=probabilities)


def final_masks(
    prediction: Prediction, classes: ClassTable, settings: PostProcessing
) -> Mapping[str, NDArray[np.bool_]]:
    """Class name -> (I, J, K) mask after all of post-processing, overlaps resolved; a whole contains its parts."""
    cleaned = post_process(prediction, classes, settings)
    if settings.overlap == "keep":
        return {name: cleaned.mask(name, settings.threshold) for name in cleaned.probabilities}
    thresholds = dict.fromkeys(cleaned.probabilities, settings.threshold)
    fused = fuse(cleaned, classes, thresholds, priority=settings.order)
    return {name: fused.with_parts(name) for name in cleaned.probabilities}


def _components(prediction: Prediction, name: str, settings: PostProcessing) -> NDArray[np.bool_]:
    """The mask's components that are large enough and among the largest; voxels touch at faces, edges, corners."""
    mask = prediction.mask(name, settings.threshold)
    numbered, _count = label(mask, generate_binary_structure(3, 3))
    sizes = np.bincount(numbered.ravel())
    sizes[0] = 0
    keep = sizes * voxel_size(prediction.geometry) >= settings.smallest.get(name, 0.0)
    keep[0] = False
    if name in settings.largest:
        order = np.argsort(-sizes, kind="stable")[: settings.largest[name]]
        keep &= np.isin(np.arange(len(sizes)), order)
    kept: NDArray[np.bool_] = keep[numbered]
    return kept
