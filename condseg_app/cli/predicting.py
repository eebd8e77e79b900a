"""Using a model: `predict` and `evaluate`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from condseg_app import tasks
from condseg_app.cli.console import complain, progress_bar, row, say, show, shown_number, table
from condseg_app.cli.shared import (
    Channel,
    ClassNames,
    Device,
    Frame,
    InsideWhole,
    KeepLargest,
    ModelName,
    OverlapRule,
    Priority,
    Series,
    Smallest,
    Threshold,
    Untrusted,
    names_in,
    post_processing,
    split_in,
)
from condseg_app.data import Pick, PredictionOptions
from condseg_app.errors import CondsegError


def predict(
    paths: Annotated[list[Path], typer.Argument(help="images, or folders of images")],
    model: ModelName,
    output: Annotated[Path, typer.Option(help="folder for the label maps")],
    class_names: ClassNames = None,
    threshold: Threshold = 0.5,
    keep_largest: KeepLargest = None,
    smallest: Smallest = None,
    inside_whole: InsideWhole = False,
    overlap: OverlapRule = "probability",
    priority: Priority = None,
    masks: Annotated[bool, typer.Option("--masks", help="also one binary mask a class")] = False,
    also: Annotated[
        list[str] | None,
        typer.Option(help="export in this format as well: coco, mesh-stl, statistics, ...; may be repeated"),
    ] = None,
    engine: Annotated[str | None, typer.Option(help="spread the images over this engine's workers: HOST:PORT")] = None,
    certificate: Annotated[Path | None, typer.Option(help="the file that the engine was started with")] = None,
    accurate: Annotated[
        bool, typer.Option("--accurate", help="windows overlap by a half: slower, a little better")
    ] = False,
    roi: Annotated[
        bool,
        typer.Option(
            "--roi", help="a coarse pass first, then only where a class was found: faster, misses what is below 10 mm"
        ),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="predict again what is finished already")] = False,
    untrusted: Untrusted = False,
    device: Device = "auto",
    series: Series = None,
    frame: Frame = None,
    channel: Channel = None,
) -> None:
    """Segment images; each label map keeps its image's own geometry.

    With --overlap keep there is no label map but a binary mask for each class. The folder's report.csv lists images and
    volumes. Images that are finished are skipped when the command is run again.
    """
    chosen = tuple(names_in(class_names)) if class_names else None
    settings = post_processing(threshold, keep_largest, smallest, inside_whole, overlap, priority)
    pick, formats = Pick(series, frame, channel), tuple(dict.fromkeys(also or ()))
    options = PredictionOptions(chosen, settings, masks, accurate, roi, pick, formats)
    plan = tasks.predict_folder.PredictionPlan(model, output, options, device, overwrite)
    files = tasks.predict_folder.image_files(paths, output)
    with _place(engine, certificate) as segment_all:
        _predict(files, plan, tasks.predict_folder.checked_first(segment_all) if untrusted else segment_all)


@contextmanager
def _place(engine: str | None, certificate: Path | None) -> "Iterator[tasks.predict_folder.SegmentAll]":
    """Place of the computing: here, or an engine's workers."""
    if engine is None and certificate is None:
        yield tasks.predict_folder.segment_here
    elif engine is None or certificate is None:
        raise CondsegError("--engine and --certificate go together; name the engine and the file it was started with")
    else:
        with tasks.cluster.Cluster(engine, certificate) as cluster:
            yield cluster.segment_all


def _predict(
    files: Sequence[Path], plan: "tasks.predict_folder.PredictionPlan", segment_all: "tasks.predict_folder.SegmentAll"
) -> None:
    """Show the folder's progress, and raise at the end if an image failed."""
    ends: Counter[str] = Counter()
    with progress_bar() as bar:
        task = bar.add_task("", total=len(files))
        for progress in tasks.predict_folder.predict_folder(files, plan, segment_all):
            bar.update(task, completed=progress.done, description=_names(progress.in_work))
            if progress.record is not None:
                ends[progress.record.status] += 1
                _print_end(progress.record, plan.output)
    report = plan.output / tasks.prediction_report.CSV_NAME
    if ends["skipped"]:
        say(f"{ends['skipped']} of {len(files)} images were finished before; --overwrite predicts them again")
    if ends["failed"]:
        raise CondsegError(f"{ends['failed']} of {len(files)} images could not be predicted; see {report}")


def _print_end(record: "tasks.prediction_report.ImageRecord", output: Path) -> None:
    if record.status == "failed":
        complain(f"{record.image}: {record.error}")
    elif record.status == "done":
        for file in record.files:
            say(f"{record.image} -> {output / file}")


def _names(files: Sequence[Path]) -> str:
    """The first of some images, and how many more there are: the line must hold the bar as well."""
    if not files:
        return ""
    return files[0].name + (f" and {len(files) - 1} more" if len(files) > 1 else "")


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
    settings = post_processing(threshold, keep_largest, smallest, inside_whole, overlap, priority)
    plan = tasks.evaluate.EvaluationPlan(model, data, split_in(split), settings, tuple(names_in(corrupt or "")), device)
    cases = []
    with progress_bar() as bar:
        task = bar.add_task("", total=None)
        for case in tasks.evaluate.evaluate_data_set(plan):
            cases.append(case)
            bar.update(task, completed=case.done, total=case.total, description=case.name)
            if case.error is not None:
                complain(f"{case.name}: {case.error}")
    figures = tasks.evaluate.write_figures(cases, json_file)
    unit = next((score.unit for case in cases for score in case.scores), "mm")
    shown = table("class", "Dice", f"HD95 ({unit})", f"ASSD ({unit})", "cases")
    for class_name, counts in figures["outcomes"].items():
        mean = (figures["mean"][key][class_name] for key in ("dice", "hd95_mm", "assd_mm"))
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        shown.add_row(*row((class_name, *(shown_number(value) for value in mean), outcomes)))
    overall = figures["mean"]["overall_dice"]
    shown.add_row("mean of classes", shown_number(overall), "", "", "")
    show(shown)
    if figures["failed"]:
        raise CondsegError(f"{len(figures['failed'])} of {len(cases)} cases could not be read; see above")
