"""Reasons why a lesson has learnt little of a class, from its annotations and length."""

from collections.abc import Iterator, Sequence

import numpy as np

from condseg_app.data import TEACHING_STEPS, ChunkedAnnotation, Geometry, Preprocessing

ENOUGH_DICE = 0.5
"""From this Dice on a class counts as learnt."""
_FEW_SLICES = 3
_FEW_STEPS = TEACHING_STEPS // 3
_SMALLEST = 2.0
"""Smallest width of a class in working voxels; smaller objects all but vanish."""

AnnotatedSlices = Sequence[tuple[Geometry, ChunkedAnnotation]]
"""A class's annotation on each image, with the image's grid."""


def reasons(name: str, marks: AnnotatedSlices, plan: Preprocessing, steps: int) -> tuple[str, ...]:
    """Sentences with the probable fault and a remedy, the most telling first; never empty.

    Args:
        name: the class's, on screen.
        marks: the annotations at the end of the lesson.
        plan: of the taught model.
        steps: number of steps taken.
    """
    found = (
        *_too_small(name, marks, plan),
        *_few_slices(name, marks),
        *_nothing_excluded(name, marks),
        *_few_steps(steps),
    )
    return found or (f"Its annotation does not tell why: correct {name} in more places, or try the mode Full.",)


def _too_small(name: str, marks: AnnotatedSlices, plan: Preprocessing) -> Iterator[str]:
    """The class is hardly larger than the voxels that the model works on."""
    across = max((_across(grid, annotation) for grid, annotation in marks), default=0.0)
    grid, _ = marks[0]
    step = float(np.median(grid.spacing_mm if plan.spacing is None else plan.spacing.size))
    if 0 < across < _SMALLEST * step:
        unit = "pixels" if grid.unit == "pixel" else "mm"
        yield (
            f"{name} is about {across:.2g} {unit} across, and the model works on voxels of {step:.2g} {unit}, in which "
            "so little cannot be seen: take a model with finer ones."
        )


def _across(geometry: Geometry, annotation: ChunkedAnnotation) -> float:
    """Side of a square as large as the annotation on a usual slice, in mm, else pixels; 0 if empty."""
    axis = _axis(annotation)
    others = tuple(a for a in range(3) if a != axis)
    counts = annotation.present_on[axis][annotation.present_on[axis] > 0]
    pixel = np.prod([geometry.spacing_mm[a] for a in others])
    return float(np.sqrt(np.median(counts) * pixel)) if len(counts) else 0.0


def _few_slices(name: str, marks: AnnotatedSlices) -> Iterator[str]:
    volumes = [annotation for grid, annotation in marks if not grid.is_2d]
    number = sum(_slices(annotation) for annotation in volumes)
    if volumes and number < _FEW_SLICES:
        are = "Only 1 slice is annotated" if number == 1 else f"Only {number} slices are annotated"
        yield f"{are}: annotate three or more, at both ends and in the middle of {name}."


def _slices(annotation: ChunkedAnnotation) -> int:
    """Number of slices where a class is annotated."""
    return int(np.count_nonzero(annotation.present_on[_axis(annotation)]))


def _axis(annotation: ChunkedAnnotation) -> int:
    """The axis across which a volume was painted: that along which fewest slices are touched; the last of a picture."""
    if annotation.shape[2] == 1:
        return 2
    return min((2, 1, 0), key=lambda axis: np.count_nonzero(annotation.decided_on[axis]))


def _nothing_excluded(name: str, marks: AnnotatedSlices) -> Iterator[str]:
    present, decided = sum(a.present for _, a in marks), sum(a.decided for _, a in marks)
    if decided - present < present:
        yield f"Hardly anywhere is it said where {name} is not: declare slices complete once they are."


def _few_steps(steps: int) -> Iterator[str]:
    if steps < _FEW_STEPS:
        yield f"It took {steps} steps, where {TEACHING_STEPS} are usual: let it go on for longer."
