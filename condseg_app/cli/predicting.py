"""Using a model: `predict` and `evaluate`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from condseg_app.cli.shared import (
    CONSOLE,
    Device,
    InsideWhole,
    KeepLargest,
    ModelName,
    OverlapRule,
    Priority,
    Smallest,
    Threshold,
    names_in,
    post_processing,
    progress_bar,
    shown_number,
    split_in,
)


def predict(
    paths: Annotated[list[Path], typer.Argument(help="images, or folders of images")],
    model: ModelName,
    output: Annotated[Path, typer.Option(help="folder for the label maps")],
    class_names: Annotated[
        str | None, typer.Option("--classes", help="names, separated by commas; all if left out")
    ] = None,
    threshold: Threshold = 0.5,
    keep_largest: KeepLargest = None,
    smallest: Smallest = None,
    inside_whole: InsideWhole = False,
    overlap: OverlapRule = "probability",
    priority: Priority = None,
    masks: Annotated[bool, typer.Option("--masks", help="also one binary mask a class")] = False,
    device: Device = "auto",
) -> None:
    """Segment images; each label map keeps its image's own geometry.

    With --overlap keep there is no label map but a binary mask for each class.
    """
    from condseg_app.compute.prediction import PredictionPlan, image_files, predict_files

    chosen = tuple(names_in(class_names)) if class_names else None
    settings = post_processing(threshold, keep_largest, smallest, inside_whole, overlap, priority)
    plan = PredictionPlan(model, output, chosen, settings, masks, device)
    files = image_files(paths)
    with progress_bar() as bar:
        task = bar.add_task("", total=len(files))
        for done, image, written in predict_files(files, plan):
            bar.update(task, completed=done, description=image.name)
            for path in written:
                CONSOLE.print(f"{image} -> {path}", highlight=False, soft_wrap=True)


def evaluate(
    model: ModelName,
    data: Annotated[Path, typer.Option(help="a data set's folder")],
    split: Annotated[str, typer.Option(help="train, val, test or all")] = "val",
    json_file: Annotated[Path | None, typer.Option("--json", help="write all figures to this file")] = None,
    threshold: Threshold = 0.5,
    keep_largest: KeepLargest = None,
    smallest: Smallest = None,
    inside_whole: InsideWhole = False,
    overlap: OverlapRule = "keep",
    priority: Priority = None,
    corrupt: Annotated[
        str | None, typer.Option(help="replace 70 % of the voxels of these classes by fat (-100 HU) first")
    ] = None,
    device: Device = "auto",
) -> None:
    """Compare a model's masks with a data set's labels: Dice, and surface distances in mm."""
    from condseg_app.compute.evaluation import EvaluationPlan, evaluate_data_set, write_figures

    settings = post_processing(threshold, keep_largest, smallest, inside_whole, overlap, priority)
    plan = EvaluationPlan(model, data, split_in(split), settings, tuple(names_in(corrupt or "")), device)
    scores = []
    with progress_bar() as bar:
        task = bar.add_task("", total=None)
        for done, total, found in evaluate_data_set(plan):
            scores.extend(found)
            bar.update(task, completed=done, total=total, description=found[0].case if found else "")
    figures = write_figures(scores, json_file)
    unit = scores[0].unit if scores else "mm"
    table = Table("class", "Dice", f"HD95 ({unit})", f"ASSD ({unit})", "cases")
    for class_name, counts in figures["outcomes"].items():
        mean = (figures["mean"][key][class_name] for key in ("dice", "hd95_mm", "assd_mm"))
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        table.add_row(class_name, *(shown_number(value) for value in mean), outcomes)
    overall = figures["mean"]["overall_dice"]
    table.add_row("mean of classes", shown_number(overall), "", "", "")
    CONSOLE.print(table)
