"""Prediction of whole images, at once or in parts, as fast as the memory allows."""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from condseg_app.data import Image, Levels, Model, Prediction, PredictionOptions, Region
from condseg_app.engine.predict.coarse_filter import CoarseFilter, smallest_in
from condseg_app.engine.predict.memory_plan import MemoryPlan, plan_memory
from condseg_app.engine.predict.predictor import Predictor
from condseg_app.errors import CondsegError
from condseg_app.memory import free_memory

_logger = logging.getLogger(__name__)
PLAIN = PredictionOptions()


@dataclass(frozen=True, eq=False)
class PartPrediction:
    """Some classes in a part of an image.

    Attributes:
        region: of the image's grid.
        prediction: of the classes, on the part's own grid.
    """

    region: Region
    prediction: Prediction


def predict(
    model: Model,
    image: Image,
    options: PredictionOptions,
    device: str = "auto",
    plan: MemoryPlan | None = None,
) -> Iterator[tuple[float, PartPrediction | None]]:
    """Predict window by window, slab by slab.

    Yields the part done (0 to 1), and some classes in a slab of the image as soon as they are done: classes come in
    order, and all classes before the next slab.

    Args:
        model: with its weights.
        image: of the model's kind.
        options: classes, settings of predicting, and the threshold from which a coarse pass finds a class.
        device: 'auto', 'cpu', 'cuda', ...
        plan: division into parts; made for the free memory if None.

    Raises:
        CondsegError: no class is asked for.
        OutOfMemory: not even a small part fits into the memory.
    """
    model = options.applied_to(model)
    classes = model.classes.names if options.classes is None else options.classes
    roi = options.post_processing.threshold if options.roi else None
    if not classes:
        raise CondsegError("no class is asked for; name at least one of the model's table")
    chosen = plan or plan_memory(model, image, len(classes), free_memory())
    _logger.info("%s needs up to %.0f MB in parts: %d", image.name, chosen.peak / 1e6, len(chosen.parts))
    slabs = [slab for part in chosen.parts for slab in chosen.slabs_of(part)]
    predictor = Predictor(model, image, device, chosen.cache, slabs[0])
    for number, slab in enumerate(slabs):
        predictor.move_to(slab)
        for first in range(0, len(classes), chosen.classes_at_once):
            group = classes[first : first + chosen.classes_at_once]
            for done in _ask(predictor, group, roi, chosen.windows_at_once):
                yield (number + (first + len(group) * done) / len(classes)) / len(slabs), None
            found = PartPrediction(slab, _taken(predictor, group))
            yield (number + (first + len(group)) / len(classes)) / len(slabs), found


def predict_whole(
    model: Model,
    image: Image,
    classes: Sequence[str],
    device: str = "auto",
    options: PredictionOptions = PLAIN,
) -> Prediction:
    """Predict some classes of an image and return the whole prediction."""
    levels = Levels(image.geometry.shape)
    for _, found in predict(model, image, replace(options, classes=tuple(classes)), device):
        if found is not None:
            levels.paste_all(found.region, found.prediction.probabilities)
    return Prediction(image.geometry, levels, frozenset(classes))


def _taken(predictor: Predictor, classes: Sequence[str]) -> Prediction:
    """Take the sums of some classes from the predictor, which forgets them."""
    levels = Levels(predictor.shape)
    # Only now: window by window, voxels where windows meet would be resampled onto the image's grid several times.
    for name in classes:
        for region, found in predictor.all_of(name):
            levels.paste(name, region, found)
    predictor.finish(classes)
    return Prediction(predictor.geometry, levels, frozenset(classes))


def _ask(predictor: Predictor, classes: Sequence[str], roi: float | None, most: int) -> Iterator[float]:
    """Ask for some classes in every window that may hold them; yields the part of the windows done."""
    if roi is None:
        yield from _ask_in(predictor, dict.fromkeys(predictor.order(), classes), most)
        return
    gap = smallest_in(predictor.geometry)
    coarse = predictor.coarse_order(gap)
    share = len(coarse) / predictor.windows
    yield from (share * done for done in _ask_in(predictor, dict.fromkeys(coarse, classes), most))
    coarse_filter = CoarseFilter([math.ceil(gap / spacing) + 1 for spacing in predictor.geometry.spacing])
    for window, name in product(coarse, classes):
        found = predictor.extent(window, name, roi)
        if found is not None:
            coarse_filter.note(name, found)
    rest = {window: predictor.decided(window) for window in sorted(set(predictor.order()) - set(coarse))}
    open_to = {window: coarse_filter.among(classes, box) for window, box in rest.items() if box is not None}
    wanted = {window: names for window, names in open_to.items() if names}
    yield from (share + (1 - share) * done for done in _ask_in(predictor, wanted, most))


def _ask_in(predictor: Predictor, wanted: Mapping[int, Sequence[str]], most: int) -> Iterator[float]:
    """Ask for classes in some windows, at most so many at a time; yields the part of the windows done."""
    windows, at_once = list(wanted), min(most, predictor.at_once)
    for first in range(0, len(windows), at_once):
        some = windows[first : first + at_once]
        predictor.add({window: wanted[window] for window in some})
        yield (first + len(some)) / len(windows)
