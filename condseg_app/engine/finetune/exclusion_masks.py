"""Exclusion masks: voxels where a model's own classes forbid a new class.

A person annotates a few slices of the new class; the model predicts its own classes on all others. Where annotation and
predictions lie side by side and hardly share a voxel, the classes exclude each other, and the predictions elsewhere are
as good as annotations of absence. A class that was not seen beside annotated voxels excludes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Annotation, ClassEntry, Image, Model, Region, as_level
from condseg_app.engine.predict.predictor import Predictor

# Windows that are looked at: some that hold marks, and others all over the image.
_MARKED, _SPREAD = 8, 24
# Annotated voxels that a class must have, and the part of those that the new class may share.
_ENOUGH, _SHARED = 20, 0.15


@dataclass(frozen=True, eq=False)
class ExclusionMask:
    """A model's predicted classes in parts of an image.

    Attributes:
        classes: number of classes.
        parts: regions of the image with their voxels' classes, numbered from 1 on; 0 for none.
    """

    classes: int
    parts: tuple[tuple[Region, NDArray[np.unsignedinteger]], ...]

    @classmethod
    def of(cls, model: Model, entry: ClassEntry, image: Image, annotation: Annotation, device: str) -> "ExclusionMask":
        """Predict the classes that may exclude another class.

        Args:
            model: with its weights.
            entry: the other class; its wholes and parts never exclude it.
            image: of the model's kind.
            annotation: of the other class.
            device: 'auto', 'cpu', 'cuda', ...
        """
        others = [e for e in model.classes if entry.name not in (e.name, e.part_of) and entry.part_of != e.name]
        numbers = {e.name: number for number, e in enumerate(others, start=1)}
        if not numbers or annotation.supervised.all():
            return cls(len(numbers), ())
        predictor = Predictor(model, image, device, cache=0)
        marked = predictor.holding_most(annotation.supervised, _MARKED)
        beside = cls(len(numbers), _looked_at(predictor, marked, numbers))
        known = beside.excluding(annotation)
        excluding = {name: number for name, number in numbers.items() if known[number]}
        if not excluding:
            return beside
        step = max(1, predictor.windows // _SPREAD)
        rest = [window for window in predictor.order()[::step] if window not in marked]
        return cls(len(numbers), (*beside.parts, *_looked_at(predictor, rest, excluding)))

    def added_to(self, annotation: Annotation) -> Annotation:
        """The annotation, with the class marked as absent where others exclude it."""
        known = annotation.supervised | self.absent(annotation)
        return replace(annotation, mask=annotation.mask & annotation.supervised, supervised=known)

    def absent(self, annotation: Annotation) -> NDArray[np.bool_]:
        """The exclusion mask, (I, J, K), of the classes that the annotation shows to exclude the class."""
        excluding = self.excluding(annotation)
        elsewhere = np.zeros(annotation.mask.shape, bool)
        for region, found in self.parts:
            elsewhere[region] |= excluding[found]
        return elsewhere & ~annotation.supervised

    def excluding(self, annotation: Annotation) -> NDArray[np.bool_]:
        """By number, whether a class was seen beside annotated voxels and hardly shares them; never for 0."""
        seen, shared = np.zeros(self.classes + 1), np.zeros(self.classes + 1)
        true = annotation.mask & annotation.supervised
        for region, found in self.parts:
            seen += np.bincount(found[annotation.supervised[region]], minlength=len(seen))
            shared += np.bincount(found[true[region]], minlength=len(seen))
        excluding: NDArray[np.bool_] = (seen >= _ENOUGH) & (shared <= _SHARED * np.minimum(seen, true.sum()))
        excluding[0] = False
        return excluding


def _looked_at(
    predictor: Predictor, windows: Sequence[int], numbers: Mapping[str, int]
) -> tuple[tuple[Region, NDArray[np.unsignedinteger]], ...]:
    """Numbers of the classes predicted in some windows."""
    parts = []
    for window in windows:
        block = predictor.segment(window, list(numbers))
        parts.append((block.region, _strongest({n: block.probabilities[name] for name, n in numbers.items()})))
    return tuple(parts)


def _strongest(levels: Mapping[int, NDArray[np.uint8]]) -> NDArray[np.unsignedinteger]:
    """The number with the highest level at each voxel; 0 where none reaches a half."""
    highest = np.full(next(iter(levels.values())).shape, as_level(0.5) - 1, np.uint8)
    which = np.zeros(highest.shape, np.min_scalar_type(max(levels)))
    for number, level in levels.items():
        which[level > highest] = number
        highest = np.maximum(level, highest)
    return which
