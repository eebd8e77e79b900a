"""Share of a training step that is spent waiting for samples.

Two trainings of the same model alternate, a block of steps each: the first draws samples from a data set, the second
gets the same sample again and again. `loading_ratio` is the median step of the first over the median step of the
second; 1 is perfectly hidden. The first steps of a block do not count, for their samples were made ready during the
other's.

    make bench ONLY=loading_ratio
"""

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from harness.report import DATA, report

from condseg_app.engine.train.recipes import RECIPES, changed
from condseg_app.engine.train.samples import SampleSource, TrainingSample
from condseg_app.engine.train.trainer import Trainer
from condseg_app.tasks.train import Training, TrainingPlan

NOT_COUNTED, COUNTED = 4, 8


@dataclass(frozen=True)
class Same:
    """A source that has a single sample ready."""

    sample: TrainingSample
    name: str = "the same sample"
    size: int = 1

    def draw(self, rng: np.random.Generator) -> TrainingSample:
        """The sample."""
        return self.sample


def main(
    data: Annotated[Path, typer.Option()] = DATA / "abdomen_ct",
    network: Annotated[str, typer.Option()] = "dense-2.5d",
    spacing: Annotated[float, typer.Option()] = 5.0,
    window: Annotated[int, typer.Option()] = 80,
    batch: Annotated[int, typer.Option()] = 4,
    blocks: Annotated[int, typer.Option()] = 6,
) -> None:
    """Measure on a data set of volumes."""
    plan = TrainingPlan(
        data=(data,),
        output=Path("unused.safetensors"),
        recipe=changed(RECIPES["default"], {"batch": batch}),
        network=network,
        preprocessing={"spacing": (spacing,) * 3, "window": (window, window, 1)},
    )
    training = Training(plan).trainer
    source: SampleSource = Same(training.sources[0].draw(np.random.default_rng(0)))
    dummy = Trainer(training.model(), [source], plan.recipe)
    times: dict[str, list[float]] = {"data": [], "dummy": []}
    for block in range(blocks + 1):
        for name, trainer in (("data", training), ("dummy", dummy)):
            for _step in range(NOT_COUNTED + COUNTED):
                trainer.advance(0.0)
            if block:  # the first block reads the files
                times[name] += [step.seconds for step in trainer.history[-COUNTED:]]
    medians = {name: statistics.median(found) for name, found in times.items()}
    ratio = medians["data"] / medians["dummy"]
    report("loading_ratio", ratio, "times", "<= 1.1", network=network, steps=COUNTED * blocks)


if __name__ == "__main__":
    typer.run(main)
