"""Predicting whole images, in one piece or in parts, as fast as the memory allows."""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from condseg_app.data import Image, Levels, Model, Prediction, Region
from condseg_app.engine.gate import SMALLEST, Gate
from condseg_app.engine.memory_plan import MemoryPlan, plan_memory
from condseg_app.engine.predictor import Predictor
from condseg_app.engine.scope import seen_from
from condseg_app.engine.windows import OVERLAP
from condseg_app.errors import CondsegError
from condseg_app.memory import free_memory

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Manner:
    """How images are predicted.

    Attributes:
        device: 'auto', 'cpu', 'cuda', ...
        overlap: of neighbouring windows, as a part of their size.
        roi: whether a coarse pass comes first, and classes are asked for only about where it found them.
    """

    device: str = "auto"
    overlap: float = OVERLAP
    roi: bool = False


PLAIN = Manner()


@dataclass(frozen=True, eq=False)
class PartPrediction:
    """What is known of a part of an image.

    Attributes:
        region: of the image's grid.
        prediction: on the part's own grid.
    """

    region: Region
    prediction: Prediction


def predict(
    model: Model, image: Image, classes: Sequence[str], manner: Manner = PLAIN, plan: MemoryPlan | None = None
) -> Iterator[tuple[float, PartPrediction]]:
    """Predict window by window, part by part.

    Yields the part done (0 to 1) and a part of the image, which is complete where all classes are named as complete.

    Args:
        model: with its weights.
        image: of the model's kind.
        classes: names.
        manner: how.
        plan: what is kept in memory; made for what is free if None.

    Raises:
        CondsegError: no class is asked for.
        OutOfMemory: not even a small part fits into the memory.
    """
    if not classes:
        raise CondsegError("no class is asked for; name at least one of the model's table")
    chosen = plan or plan_memory(model, image, len(classes), free_memory(), manner.overlap)
    _logger.info("%s needs up to %.0f MB in %d part(s)", image.name, chosen.peak / 1e6, len(chosen.parts))
    first = next(chosen.slabs_of(chosen.parts[0]))
    predictor = Predictor(model, image, manner.device, manner.overlap, chosen.cache, first)
    for number, part in enumerate(chosen.parts):
        geometry = image.geometry.part(part)
        levels = Levels(geometry.shape)
        for done in _fill(levels, part, predictor, classes, chosen, manner.roi):
            yield (number + done) / len(chosen.parts), PartPrediction(part, Prediction(geometry, levels))
        complete = Prediction(geometry, levels, frozenset(classes))
        yield (number + 1) / len(chosen.parts), PartPrediction(part, complete)


def predict_whole(model: Model, image: Image, classes: Sequence[str], manner: Manner = PLAIN) -> Prediction:
    """Predict without a look at what is done so far."""
    levels = Levels(image.geometry.shape)
    for _, found in predict(model, image, classes, manner):
        if found.prediction.complete == frozenset(classes):
            for name in classes:
                levels.paste(name, found.region, found.prediction.probabilities[name])
    return Prediction(image.geometry, levels, frozenset(classes))


def _fill(
    levels: Levels, part: Region, predictor: Predictor, classes: Sequence[str], plan: MemoryPlan, roi: bool
) -> Iterator[float]:
    """Predict a part slab by slab, and some classes at a time; yields how much of it is done."""
    slabs = list(plan.slabs_of(part))
    for number, slab in enumerate(slabs):
        predictor.move_to(slab)
        first_voxel = [place.start - whole.start for place, whole in zip(slab, part, strict=True)]
        for first in range(0, len(classes), plan.classes_at_once):
            group = classes[first : first + plan.classes_at_once]
            for done in _ask(predictor, group, roi):
                yield (number + (first + len(group) * done) / len(classes)) / len(slabs)
            # Only now, for where windows meet each of them would be brought onto the image's grid anew.
            for name in group:
                for region, found in predictor.all_of(name):
                    levels.paste(name, seen_from(region, [-n for n in first_voxel]), found)
            predictor.finish(group)


def _ask(predictor: Predictor, classes: Sequence[str], roi: bool) -> Iterator[float]:
    """Ask for some classes in every window that may hold them; yields the part of the windows that are done."""
    windows = predictor.order()
    # Only a volume in millimetres says how large things are in it.
    gap = SMALLEST if predictor.geometry.unit == "mm" else 0.0
    coarse = predictor.coarse_order(gap) if roi else []
    gate = Gate([math.ceil(gap / spacing) + 1 for spacing in predictor.geometry.spacing])
    for count, window in enumerate(coarse, start=1):
        predictor.add(window, classes)
        gate.look(predictor.block(window, classes))
        yield count / len(windows)
    for count, window in enumerate(sorted(set(windows) - set(coarse)), start=len(coarse) + 1):
        wanted = gate.among(classes, predictor.region(window)) if roi else classes
        if wanted:
            predictor.add(window, wanted)
            yield count / len(windows)
