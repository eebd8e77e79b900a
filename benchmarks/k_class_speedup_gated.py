"""Thirteen classes with a coarse pass before (`--roi`), against as many full passes, a pass for each class.

The volumes are the data set's test part, whole CTs; the weights are of a model that was trained on the set's thirteen
organs (an hour and a half of one core, where the file is missing): the preset for many classes, shown whole slices of
3 mm. Full passes encode each window anew for each class and leave none out. The figure is the median of the volumes'
ratios. The Dice of both with the volumes' labels, mean of all volumes and classes, shows the cost of the coarse pass in
accuracy. The pass saves the more the surer the model is of the classes' places.

    make bench ONLY=k_class_speedup_gated
"""

import statistics
from pathlib import Path
from typing import Annotated

import typer
from harness.models import thirteen
from harness.report import DATA, in_turns, report

from condseg_app.data import Annotation, Image, Model, PredictionOptions, dice
from condseg_app.engine.predict.whole import predict_whole
from condseg_app.io import read_case, read_data_set


def main(
    data: Annotated[Path, typer.Option()] = DATA / "abdomen_ct",
    rounds: Annotated[int, typer.Option()] = 1,
) -> None:
    """Measure on all test volumes."""
    data_set = read_data_set(data)
    model = thirteen(data)
    names = model.classes.names
    ratios, dice_gated, dice_full = list[float](), list[float](), list[float]()
    for case in data_set.part("test").cases:
        image, annotations = read_case(case, data_set.classes)

        def gated(image: Image = image) -> None:
            predict_whole(model, image, names, "cpu", PredictionOptions(roi=True))

        def full(image: Image = image) -> None:
            for name in names:
                predict_whole(model, image, [name], "cpu")

        seconds = in_turns({"gated": gated, "full": full}, rounds)
        ratios.append(seconds["full"] / seconds["gated"])
        dice_gated.append(mean_dice(model, image, annotations, roi=True))
        dice_full.append(mean_dice(model, image, annotations, roi=False))
    report(
        "k_class_speedup_gated",
        statistics.median(ratios),
        "times",
        ">= 4",
        classes=len(names),
        volumes=[round(ratio, 2) for ratio in ratios],
        dice_gated=round(statistics.mean(dice_gated), 5),
        dice_full=round(statistics.mean(dice_full), 5),
    )


def mean_dice(model: Model, image: Image, annotations: tuple[Annotation, ...], *, roi: bool) -> float:
    """Of all classes."""
    found = predict_whole(model, image, model.classes.names, "cpu", PredictionOptions(roi=roi))
    return statistics.mean(dice(found.mask(known.class_name), known.mask) for known in annotations)


if __name__ == "__main__":
    typer.run(main)
