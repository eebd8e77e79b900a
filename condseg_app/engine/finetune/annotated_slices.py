"""Annotated slices of a class in folds: to learn from some and to be tested on others."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from condseg_app.data import Annotation, Image, Shown
from condseg_app.engine.train.samples import PreparedCase, PreparedImage
from condseg_app.errors import ClassTableError


@dataclass(frozen=True, eq=False)
class AnnotatedSlices:
    """Annotations of a class, image by image.

    Attributes:
        name: of the class.
        marked: images with the class's annotation.
        slices: (an image's key, slice) -> number in the order of annotation. A slice keeps its number, and so its
            fold: a row must not be tested on slices from which it has learnt.
        prepared: each image once on the working grid, with the whole annotation under the class's name, and the
            training and held-out parts of each fold under the keys below.
    """

    name: str
    marked: tuple[Shown, ...]
    slices: dict[tuple[str, int], int]
    prepared: tuple[PreparedCase, ...]

    @classmethod
    def of(
        cls,
        name: str,
        shown: Iterable[Shown],
        slices: Mapping[tuple[str, int], int],
        folds: int,
        with_claims: Callable[[Image, Annotation], Annotation],
        prepare: Callable[[Image], PreparedImage],
    ) -> "AnnotatedSlices":
        """Bring annotations onto the model's grid.

        Args:
            name: of the class.
            shown: images with all of their annotations.
            slices: numbers of the slices that were annotated before.
            folds: number of folds.
            with_claims: adds to an annotation the exclusion by other classes.
            prepare: brings an image to the model's grid.

        Raises:
            ClassTableError: the class is not annotated.
        """
        marked = []
        for image, annotations in shown:
            marked += [(image, (a,)) for a in annotations if a.class_name == name and a.state != "unlabelled"]
        if not any(annotation.state == "present" for _, (annotation,) in marked):
            raise ClassTableError(f"no voxel of '{name}' is annotated yet; paint it on a few slices first")
        numbers, prepared = dict(slices), []
        for image, (annotation,) in marked:
            ready, shape = prepare(image), annotation.mask.shape
            grid = ready.grid
            axis = grid.axes.order[2]
            box = grid.source_box[axis]
            whole = with_claims(image, annotation)
            parts = {name: whole}
            planes = np.flatnonzero(annotation.supervised.any(axis=tuple(a for a in range(3) if a != axis)))
            held_by = ((planes - box.start + 0.5) * grid.shape[2] / (box.stop - box.start)).astype(int)
            of_planes = _numbered(numbers, image.key, planes.tolist(), held_by.tolist())
            for fold in range(folds):
                in_fold = np.zeros(shape[axis], bool)
                in_fold[planes] = [number % folds == fold for number in of_planes]
                here = np.expand_dims(in_fold, [a for a in range(3) if a != axis])
                parts[_kept(name, fold)] = replace(whole, supervised=whole.supervised & ~here)
                parts[_hidden(name, fold)] = replace(annotation, supervised=annotation.supervised & here)
            prepared.append(ready.with_masks(_usable(name, parts)))
        return cls(name, tuple(marked), numbers, tuple(prepared))

    @property
    def cases(self) -> tuple[PreparedCase, ...]:
        """The images with all that is marked."""
        return self._under(self.name)

    def without(self, fold: int) -> tuple[tuple[PreparedCase, ...], tuple[PreparedCase, ...]]:
        """The marks without every n-th marked slice, and these slices' marks; empty where there are too few."""
        return self._under(_kept(self.name, fold)), self._under(_hidden(self.name, fold))

    def _under(self, key: str) -> tuple[PreparedCase, ...]:
        return tuple(
            PreparedCase(
                case.image,
                {self.name: case.masks[key]},
                {self.name: case.supervised[key]},
                {self.name: case.inside[key]},
                {self.name: case.known[key]},
            )
            for case in self.prepared
            if key in case.masks
        )


def _numbered(numbers: dict[tuple[str, int], int], key: str, planes: list[int], held_by: list[int]) -> list[int]:
    """Numbers of all slices, new slices included; slices in the same working voxel share a number."""
    slices = list(zip(planes, held_by, strict=True))
    of_voxel = {voxel: numbers[key, plane] for plane, voxel in slices if (key, plane) in numbers}
    for plane, voxel in slices:
        if (key, plane) not in numbers:
            numbers[key, plane] = of_voxel.setdefault(voxel, max(numbers.values(), default=-1) + 1)
    return [numbers[key, plane] for plane in planes]


def _kept(name: str, fold: int) -> str:
    return f"{name}, without fold {fold}"


def _hidden(name: str, fold: int) -> str:
    return f"{name}, fold {fold}"


def _usable(name: str, parts: Mapping[str, Annotation]) -> list[Annotation]:
    """Parts to learn from; the mask counts only where something is known, so that windows are cut about that."""
    return [
        replace(part, class_name=key, mask=part.mask & part.supervised)
        for key, part in parts.items()
        if key == name or part.state == "present"
    ]
