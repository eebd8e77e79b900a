"""Projects to write and read."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from condseg_app.data import (
    ChunkedAnnotation,
    ClassLevels,
    ClassTable,
    Display,
    Geometry,
    Pick,
    Project,
    ProjectImage,
)
from condseg_app.io.project.references import reference_to

MakeProject = Callable[..., Project]


@pytest.fixture
def make_project(tmp_path: Path) -> MakeProject:
    """A maker of projects with random annotations of two classes on an image, and a prediction."""

    def make(shape: tuple[int, int, int] = (70, 40, 36), seed: int = 0) -> Project:
        random = np.random.default_rng(seed)
        table = ClassTable.from_names(["liver", "spleen"])
        file = tmp_path / "scan.nii.gz"
        file.write_bytes(b"voxels")
        annotations = {}
        for entry in table:
            mask, supervised = random.random((2, *shape)) < 0.3
            supervised[: shape[0] // 2] = False
            annotations[entry.id] = ChunkedAnnotation.of(mask & supervised, supervised)
        levels = ClassLevels(shape)
        levels.paste((slice(0, 20), slice(3, 9), slice(0, 1)), np.full((20, 6, 1), 200, np.uint8))
        liver, spleen = table
        image = ProjectImage(
            reference_to(file),
            Pick(frame=2),
            Geometry.with_spacing(shape, (0.5, 0.5, 2)),
            annotations,
            {liver.id: levels},
        )
        display = Display(
            *({liver.id: 0.25}, frozenset({spleen.id}), True, (spleen.id,), liver.id),
            *(frozenset({spleen.id}), True, liver.id),
        )
        return Project(table, (image,), 0, reference_to(file), display)

    return make


def same(one: Project, other: Project, with_probabilities: bool = True) -> bool:
    """Whether two projects say the same of every voxel."""
    alike = (one.classes, one.in_view, one.model, one.display) == (
        other.classes,
        other.in_view,
        other.model,
        other.display,
    )
    return (
        alike
        and len(one.images) == len(other.images)
        and all(same_image(a, b, with_probabilities) for a, b in zip(one.images, other.images, strict=True))
    )


def same_image(one: ProjectImage, other: ProjectImage, with_probabilities: bool = True) -> bool:
    """Whether two images and everything on them are the same."""
    if (one.file, one.pick, one.geometry) != (other.file, other.pick, other.geometry):
        return False
    if one.annotations.keys() != other.annotations.keys():
        return False
    if not all(
        a.says_as(other.annotations[i]) and a.present == other.annotations[i].present
        for i, a in one.annotations.items()
    ):
        return False
    if not with_probabilities:
        return True
    return one.probabilities.keys() == other.probabilities.keys() and all(
        np.array_equal(levels.whole(), other.probabilities[i].whole()) for i, levels in one.probabilities.items()
    )
