"""Random variation of samples."""

from typing import cast

import numpy as np
import pytest
import torch

from condseg_app.data import Dimensions, Preprocessing
from condseg_app.engine.train.augmentation import Augmentation, Sample, augmenter


def plan(dimensions: str) -> Preprocessing:
    return Preprocessing(dimensions=cast("Dimensions", dimensions), window=(32, 32, 32 if dimensions == "3D" else 1))


def blob(dimensions: str) -> Sample:
    axes = torch.meshgrid(*[torch.linspace(-2, 2, 32)] * (3 if dimensions == "3D" else 2), indexing="ij")
    smooth = torch.exp(-torch.stack(axes).square().sum(dim=0))[None]
    return {"image": smooth.clone(), "target": smooth.clone(), "supervised": torch.ones_like(smooth)}


@pytest.mark.parametrize("dimensions", ["2D", "3D"])
@pytest.mark.parametrize(
    "settings",
    [
        Augmentation(rotation=30.0, zoom=0.3, shift=0.2, intensity=0.0, probability=1.0),
        Augmentation(rotation=0.0, zoom=0.0, shift=0.0, distortion=0.4, intensity=0.0, probability=1.0),
    ],
    ids=["affine", "distortion"],
)
def test_what_is_known_moves_with_the_image(settings: Augmentation, dimensions: str) -> None:
    augment = augmenter(settings, plan(dimensions))
    before = blob(dimensions)
    once, again = (augment(blob(dimensions), np.random.default_rng(3)) for _ in range(2))
    assert torch.equal(once["image"], once["target"])
    assert float((once["image"] - before["image"]).abs().max()) > 0.02
    assert torch.equal(once["image"], again["image"])  # the generator's numbers decide


@pytest.mark.parametrize("dimensions", ["2D", "3D"])
def test_a_mark_stays_on_what_it_marks(dimensions: str) -> None:
    sample = blob(dimensions)
    sample["supervised"] = (sample["target"] > 0.5).float()
    varied = augmenter(Augmentation(distortion=0.4, intensity=0.0, probability=1.0), plan(dimensions))(
        sample, np.random.default_rng(5)
    )
    marked = varied["supervised"] > 0
    assert marked.any()
    assert set(varied["supervised"].unique().tolist()) == {0.0, 1.0}
    # Nearest voxels are taken of marks, means of targets: they differ by a voxel at most.
    assert float(varied["target"][marked].min()) > 0.35
    assert float(varied["target"][~marked].max()) < 0.65


@pytest.mark.parametrize("dimensions", ["2D", "3D"])
def test_nothing_is_varied_where_nothing_is_asked(dimensions: str) -> None:
    before = blob(dimensions)
    after = augmenter(Augmentation(distortion=0.4, intensity=0.0, probability=0.0), plan(dimensions))(
        blob(dimensions), np.random.default_rng(1)
    )
    assert all(torch.equal(after[key], before[key]) for key in before)
