"""Making data: `phantom` and `complete-labels`."""

from pathlib import Path
from typing import Annotated

import typer

from condseg_app import tasks
from condseg_app.cli.console import progress_bar, say
from condseg_app.cli.shared import ClassNames, Device, ModelName, names_in, split_in


def phantom(
    folder: Annotated[Path, typer.Argument(help="where to write the data sets 'ct' and 'scene'")],
    ct_cases: Annotated[int, typer.Option(min=0)] = 72,
    scenes: Annotated[int, typer.Option(min=0)] = 160,
    seed: int = 0,
) -> None:
    """Generate CT-like volumes and 2D scenes, with labels, in the data-set layout."""
    with progress_bar() as bar:
        task = bar.add_task("generating", total=1.0)
        for step in tasks.make_phantoms.write_phantoms(folder, ct_cases, scenes, seed):
            bar.update(task, completed=step.progress.fraction, description=step.progress.text)
    say(str(folder))


def complete_labels(
    data: Annotated[Path, typer.Argument(help="a data set's folder")],
    model: ModelName,
    output: Annotated[Path, typer.Option(help="folder of the completed data set")],
    class_names: ClassNames = None,
    groups: Annotated[str | None, typer.Option(help="what these single_class_groups hide counts as unlabelled")] = None,
    split: Annotated[str, typer.Option(help="train, val, test or all")] = "train",
    confidence: Annotated[float, typer.Option(min=0.5, max=1.0, help="below it nothing is said of a voxel")] = 0.9,
    device: Device = "auto",
) -> None:
    """Fill in the classes that a data set does not label; human labels stay as they are.

    Training on the completed set is the second round.
    """
    classes = tuple(names_in(class_names)) if class_names else None
    plan = tasks.complete_labels.CompletionPlan(
        data, model, output, groups, classes, split_in(split), confidence, device
    )
    with progress_bar() as bar:
        task = bar.add_task("", total=None)
        for done, total, case in tasks.complete_labels.complete_labels(plan):
            bar.update(task, completed=done, total=total, description=case.name)
    say(str(output))
