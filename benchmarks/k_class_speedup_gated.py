"""Thirteen classes with a coarse pass before (`--roi`), against as many full passes, one for each class.

The volume is a whole real CT, the weights are a shipped model's, its rows repeated until there are thirteen. Full
passes encode each window anew for each class and leave none out. What the coarse pass costs is said by the Dice of
both with the volume's labels, mean of the classes that it labels.

    make bench ONLY=k_class_speedup_gated
"""

from pathlib import Path
from typing import Annotated

import typer
from harness.models import widened
from harness.report import DATA, in_turns, report

from condseg_app.data import Annotation, Image, Model, as_level, dice
from condseg_app.engine.predict import Manner, predict_whole
from condseg_app.io import find_model, read_case, read_data_set, read_model


def main(
    data: Annotated[Path, typer.Option()] = DATA / "abdomen_ct",
    model: Annotated[str, typer.Option()] = "phantom_ct",
    classes: Annotated[int, typer.Option()] = 13,
    rounds: Annotated[int, typer.Option()] = 3,
) -> None:
    """Measure on the data set's first test volume."""
    data_set = read_data_set(data)
    image, annotations = read_case(data_set.part("test").cases[0], data_set.classes)
    trained = read_model(find_model(model))
    wide = widened(trained, classes)
    names = wide.classes.names

    def gated() -> None:
        predict_whole(wide, image, names, Manner("cpu", roi=True))

    def full() -> None:
        for name in names:
            predict_whole(wide, image, [name], Manner("cpu"))

    seconds = in_turns({"gated": gated, "full": full}, rounds)
    with_gate, without = (mean_dice(trained, image, annotations, roi) for roi in (True, False))
    report(
        "k_class_speedup_gated",
        seconds["full"] / seconds["gated"],
        "times",
        ">= 4",
        classes=classes,
        dice_gated=round(with_gate, 5),
        dice_full=round(without, 5),
    )


def mean_dice(model: Model, image: Image, annotations: tuple[Annotation, ...], roi: bool) -> float:
    """Of the classes that both know."""
    known = [a for a in annotations if a.class_name in model.classes]
    found = predict_whole(model, image, [a.class_name for a in known], Manner("cpu", roi=roi))
    scores = [dice(found.probabilities[a.class_name] >= as_level(0.5), a.mask) for a in known]
    return sum(scores) / len(scores)


if __name__ == "__main__":
    typer.run(main)
