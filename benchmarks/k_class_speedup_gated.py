"""Thirteen classes with a coarse pass before (`--roi`), against as many full passes, one for each class.

The volume is a whole real CT, the weights are of a model that was trained on the data set's thirteen organs (half an
hour, where it is not there yet). Full passes encode each window anew for each class and leave none out. What the
coarse pass costs is said by the Dice of both with the volume's labels, mean of all classes.

    make bench ONLY=k_class_speedup_gated
"""

import statistics
from pathlib import Path
from typing import Annotated

import typer
from harness.models import thirteen
from harness.report import DATA, in_turns, report

from condseg_app.data import Annotation, Image, Model, dice
from condseg_app.engine.predict import Manner, predict_whole
from condseg_app.io import read_case, read_data_set


def main(
    data: Annotated[Path, typer.Option()] = DATA / "abdomen_ct",
    rounds: Annotated[int, typer.Option()] = 3,
) -> None:
    """Measure on the data set's first test volume."""
    data_set = read_data_set(data)
    image, annotations = read_case(data_set.part("test").cases[0], data_set.classes)
    model = thirteen(data)
    names = model.classes.names

    def gated() -> None:
        predict_whole(model, image, names, Manner("cpu", roi=0.5))

    def full() -> None:
        for name in names:
            predict_whole(model, image, [name], Manner("cpu"))

    seconds = in_turns({"gated": gated, "full": full}, rounds)
    with_gate, without = (mean_dice(model, image, annotations, roi) for roi in (True, False))
    report(
        "k_class_speedup_gated",
        seconds["full"] / seconds["gated"],
        "times",
        ">= 4",
        classes=len(names),
        dice_gated=round(with_gate, 5),
        dice_full=round(without, 5),
    )


def mean_dice(model: Model, image: Image, annotations: tuple[Annotation, ...], roi: bool) -> float:
    """Of all classes."""
    found = predict_whole(model, image, model.classes.names, Manner("cpu", roi=0.5 if roi else None))
    return statistics.mean(dice(found.mask(known.class_name), known.mask) for known in annotations)


if __name__ == "__main__":
    typer.run(main)
