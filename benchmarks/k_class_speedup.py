"""Speed of predicting 13 classes together over one after another, with the same result.

One real CT, predicted window by window by a conditioned network of fresh weights. 'Together' encodes each window once
and decodes the features for every class; 'alone' is a full pass for each class over the same prepared image. Besides,
the cost of 13 classes in units of one class, preparation included, is compared with the floor: the operations that
must be done, counted.

    make bench ONLY=k_class_speedup
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from harness.report import DATA, in_turns, report
from torch.utils.flop_counter import FlopCounterMode

from condseg_app.data import ClassEntry, ClassTable, Geometry, Image, Model, Preprocessing, Reorient, Spacing, Window
from condseg_app.engine.networks import build_network, condition_for, new_model
from condseg_app.engine.predict.predictor import Predictor
from condseg_app.engine.predict.windows import show
from condseg_app.io import read_case, read_data_set


def main(
    data: Annotated[Path, typer.Option()] = DATA / "abdomen_ct",
    network: Annotated[str, typer.Option()] = "dense-2.5d",
    spacing: Annotated[float, typer.Option(help="mm in the slice")] = 2.0,
    slices: Annotated[int, typer.Option(help="of the volume's middle")] = 24,
    classes: Annotated[int, typer.Option()] = 13,
    rounds: Annotated[int, typer.Option()] = 5,
) -> None:
    """Measure on the middle of the data set's first test volume."""
    image = middle(data, slices)
    model = fresh_model(network, classes, spacing)
    names = model.classes.names

    def together() -> None:
        ask(Predictor(model, image, "cpu", cache=0), names)

    def alone() -> None:
        predictor = Predictor(model, image, "cpu", cache=0)
        for name in names:
            ask(predictor, [name])

    def one() -> None:
        ask(Predictor(model, image, "cpu", cache=0), names[:1])

    one()
    seconds = in_turns({"together": together, "alone": alone, "one": one}, rounds)
    cost, floor = seconds["together"] / seconds["one"], least_cost(model, classes)
    report(
        "k_class_speedup",
        seconds["alone"] / seconds["together"],
        "times",
        ">= 1.8",
        classes=classes,
        cost_in_passes=round(cost, 3),
        floor_in_passes=round(floor, 3),
        cost_over_floor=round(cost / floor, 3),
        cost_over_floor_goal="<= 1.25",
        rounds=rounds,
    )


def middle(data: Path, slices: int) -> Image:
    """The middle slices of the first test volume."""
    data_set = read_data_set(data)
    image, _ = read_case(data_set.part("test").cases[0], data_set.classes)
    first = (image.geometry.shape[2] - slices) // 2
    affine = image.geometry.affine.copy()
    affine[:, 3] = image.geometry.affine @ [0, 0, first, 1]
    geometry = Geometry((*image.geometry.shape[:2], slices), affine, image.geometry.unit)
    return replace(image, array=np.asarray(image.voxels()[..., first : first + slices]), geometry=geometry)


def fresh_model(network: str, classes: int, spacing: float) -> Model:
    """A conditioned network without training: as fast as any other."""
    table = ClassTable(tuple(ClassEntry(value, f"class {value}") for value in range(1, classes + 1)))
    plan = Preprocessing(
        "2.5D",
        (192, 192, 1),
        (Window(-125.0, 275.0),),
        orientation=Reorient("RAS"),
        spacing=Spacing((spacing, spacing, 3.0)),
        neighbours=1,
    )
    return new_model("fresh", network, table, plan)


def ask(predictor: Predictor, names: tuple[str, ...] | list[str]) -> None:
    """Every window, for all the classes."""
    for window in predictor.order():
        predictor.segment(window, names)


@torch.inference_mode()
def least_cost(model: Model, classes: int) -> float:
    """Operations for many classes over operations for a single class, if nothing is done twice."""
    network = build_network(model, torch.device("cpu"))
    plan = model.preprocessing
    shown = show(torch.zeros(1, *plan.window), (0, 0, 0), plan.window, plan)[None]
    with FlopCounterMode(display=False) as encoding:
        features = network.encode(shown)
    with FlopCounterMode(display=False) as decoding:
        network.decode(features, condition_for(model.classes, model.classes.names[:1], torch.device("cpu")))
    encode, decode = encoding.get_total_flops(), decoding.get_total_flops()
    return float((encode + classes * decode) / (encode + decode))


if __name__ == "__main__":
    typer.run(main)
