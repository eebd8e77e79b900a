"""How good a prediction is: Dice, and surface distances in mm."""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from condseg_app.data import Annotation, Image, Model, PostProcessing, extent_of, voxel_size
from condseg_app.engine.predict.post_process import final_masks
from condseg_app.engine.predict.whole import predict_whole

# Each class is asked for and scored by itself.
BY_ITSELF = PostProcessing(overlap="keep")

Outcome = Literal["found", "missed", "absent, none predicted", "absent, but predicted"]


@dataclass(frozen=True)
class Score:
    """Score of a class in a case.

    Attributes:
        case: the case's name.
        class_name: the class.
        outcome: whether the class is there and was found. An absent class has no Dice: it must not lift the
            mean where nothing was predicted, nor vanish where something was.
        dice: 0 to 1; None where the class is absent.
        hd95_mm: 95th percentile of the surface distances, both ways; None unless found.
        assd_mm: mean surface distance, both ways; None unless found.
        volume_ml: of the truth.
        predicted_ml: of the prediction.
        unit: the true unit of the distances; 'pixel' for pictures without mm (and volumes are areas).
        intersection: voxels in both masks.
        union: voxels in either.
    """

    case: str
    class_name: str
    outcome: Outcome
    dice: float | None
    hd95_mm: float | None
    assd_mm: float | None
    volume_ml: float
    predicted_ml: float
    unit: str = "mm"
    intersection: int = 0
    union: int = 0


def evaluate_case(
    model: Model,
    image: Image,
    annotations: Iterable[Annotation],
    device: str = "auto",
    settings: PostProcessing = BY_ITSELF,
) -> list[Score]:
    """Scores of the classes that a case labels and the model knows."""
    asked = [a for a in annotations if a.class_name in model.classes and a.state != "unlabelled"]
    if not asked:
        return []
    prediction = predict_whole(model, image, [a.class_name for a in asked], device)
    return score_masks(image, asked, final_masks(prediction, model.classes, settings))


def score_masks(image: Image, annotations: Iterable[Annotation], masks: Mapping[str, NDArray[np.bool_]]) -> list[Score]:
    """Scores of the masks of classes that a case labels."""
    return [
        score(image, a.class_name, a.mask & a.supervised, masks[a.class_name] & a.supervised)
        for a in annotations
        if a.class_name in masks
    ]


def confusion(masks: Mapping[str, NDArray[np.bool_]], alien: Iterable[str]) -> float:
    """Percentage of an image's voxels in classes that the data set does not have (Moeskops et al., section 4)."""
    return 100.0 * float(np.any([masks[name] for name in alien], axis=0).mean())


def score(image: Image, class_name: str, truth: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> Score:
    """Compare a mask with the truth, both (I, J, K)."""
    in_truth, in_prediction = int(truth.sum()), int(predicted.sum())
    unit = "pixel" if image.geometry.unit == "pixel" else "mm"
    ml = voxel_size(image.geometry)
    if in_truth == 0:
        outcome: Outcome = "absent, but predicted" if in_prediction else "absent, none predicted"
        return Score(image.name, class_name, outcome, None, None, None, 0.0, in_prediction * ml, unit, 0, in_prediction)
    both = int((truth & predicted).sum())
    counts = {"intersection": both, "union": in_truth + in_prediction - both}
    dice = 2.0 * both / (in_truth + in_prediction)
    if in_prediction == 0:
        return Score(image.name, class_name, "missed", dice, None, None, in_truth * ml, 0.0, unit, **counts)
    hd95, assd = surface_distances(truth, predicted, image.geometry.spacing_mm)
    return Score(image.name, class_name, "found", dice, hd95, assd, in_truth * ml, in_prediction * ml, unit, **counts)


def surface_distances(
    truth: NDArray[np.bool_], predicted: NDArray[np.bool_], spacing: tuple[float, float, float]
) -> tuple[float, float]:
    """95th percentile Hausdorff and mean symmetric surface distance (MONAI), in the spacing's unit."""
    from monai.metrics.utils import get_edge_surface_distance  # takes seconds, and few need it

    flat = truth.shape[2] == 1
    found = extent_of(truth | predicted) or ()
    # A voxel to spare: surfaces at the rim stay surfaces.
    box = tuple(slice(max(0, p.start - 1), min(n, p.stop + 1)) for p, n in zip(found, truth.shape, strict=True))
    ours, theirs = (np.ascontiguousarray(m[box][..., 0] if flat else m[box]) for m in (predicted, truth))
    steps = list(spacing[:2] if flat else spacing)
    with warnings.catch_warnings():
        # MONAI 1.6 uses a deprecated option of MONAI.
        warnings.filterwarnings("ignore", category=FutureWarning, module="monai")
        # Once for both figures: finding the nearest surface voxels takes most of an evaluation's time.
        _edges, ways, _areas = get_edge_surface_distance(
            torch.from_numpy(ours).float(), torch.from_numpy(theirs).float(), spacing=steps, symmetric=True
        )
    hd95 = max(float(torch.quantile(way.double(), 0.95)) for way in ways)
    return hd95, float(torch.cat(ways).mean())


def summarise(scores: Iterable[Score]) -> dict[str, Any]:
    """Means per class and over the classes: {"mean": {"dice": {class: x}, ...}, "cases": [...]}."""
    scores = list(scores)
    classes = list(dict.fromkeys(s.class_name for s in scores))
    figures = {key: _means(scores, classes, key) for key in ("dice", "hd95_mm", "assd_mm")}
    dice = [value for value in figures["dice"].values() if value is not None]
    counts = {name: _outcomes(s for s in scores if s.class_name == name) for name in classes}
    return {
        "mean": {**figures, "iou": iou(scores), "overall_dice": float(np.mean(dice)) if dice else None},
        "outcomes": counts,
        "cases": [vars(s) for s in scores],
    }


def iou(scores: Iterable[Score]) -> dict[str, float | None]:
    """Intersection over union of each class, summed over all cases before dividing, as Cityscapes does."""
    sums: dict[str, list[int]] = {}
    for each in scores:
        counts = sums.setdefault(each.class_name, [0, 0])
        counts[0] += each.intersection
        counts[1] += each.union
    return {name: both / either if either else None for name, (both, either) in sums.items()}


def _means(scores: list[Score], classes: list[str], key: str) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name in classes:
        values = [v for s in scores if s.class_name == name and (v := getattr(s, key)) is not None]
        found[name] = float(np.mean(values)) if values else None
    return found


def _outcomes(scores: Iterable[Score]) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for each in scores:
        counts[each.outcome] = counts.get(each.outcome, 0) + 1
    return counts
