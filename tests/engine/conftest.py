"""Small models and images that the engine's tests share."""

from collections.abc import Callable

import numpy as np
import pytest

from condseg_app.data import ClassTable, Dimensions, Geometry, Image, Model, Preprocessing, Reorient, Spacing, UnitRange
from condseg_app.engine.networks import new_model

SMALL = {"width": 16, "growth": (16, 16), "layers": (1, 1)}
OBLIQUE = np.array([[0.0, 2.0, 0.1, 1.0], [0.1, 0.0, -3.0, 2.0], [1.5, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
_PLANS: dict[Dimensions, Preprocessing] = {
    "3D": Preprocessing("3D", (16, 16, 8), orientation=Reorient("RAS"), spacing=Spacing((2.0, 2.0, 2.5))),
    "2.5D": Preprocessing(
        "2.5D", (24, 24, 1), orientation=Reorient("RAS"), spacing=Spacing((2.0, 2.0, 2.5)), neighbours=1
    ),
    "2D": Preprocessing("2D", (24, 24, 1), (UnitRange(),)),
}
_PRESETS = {"3D": "dense-3d", "2.5D": "dense-2.5d", "2D": "dense-2d"}


@pytest.fixture
def make_model() -> Callable[..., Model]:
    """A tiny model with random weights, for '2D', '2.5D' or '3D'."""

    def make(dimensions: Dimensions = "3D", names: tuple[str, ...] = ("liver", "spleen"), **settings: object) -> Model:
        import torch

        torch.manual_seed(0)
        plan = _PLANS[dimensions]
        return new_model("tiny", _PRESETS[dimensions], ClassTable.from_names(names), plan, {**SMALL, **settings})

    return make


@pytest.fixture
def make_image() -> Callable[..., Image]:
    """A random image that fits such a model: an oblique volume, or a picture."""

    def make(dimensions: Dimensions = "3D", shape: tuple[int, int, int] = (22, 27, 15)) -> Image:
        voxels = np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32)
        if dimensions == "2D":
            flat = np.clip(voxels[..., :1] * 50 + 128, 0, 255).astype(np.uint8)
            return Image(flat, Geometry.of_picture(*shape[:2]), "picture")
        return Image(voxels, Geometry(shape, OBLIQUE), "volume")

    return make
