"""Using a model: `predict` and `evaluate`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from condseg_app import tasks
from condseg_app.cli.console import complain, progress_bar, row, say, show, shown_number, table
from condseg_app.cli.options import MaskOptions, PickOptions, with_groups
from condseg_app.cli.shared import ClassNames, Device, ModelName, Untrusted, names_in, split_in
from condseg_app.data import PredictionOptions
from condseg_app.errors import CondsegError


@dataclass(frozen=True)
class PredictingOptions:
    """Further files, the place of the computing, and its thoroughness."""

    masks: Annotated[bool, typer.Option("--masks", help="also one binary mask a class")] = False
    also: Annotated[
        list[str] | None,
        typer.Option(help="export in this format as well: coco, mesh-stl, statistics, ...; may be repeated"),
    ] = None
    engine: Annotated[str | None, typer.Option(help="spread the images over this engine's workers: HOST:PORT")] = None
    certificate: Annotated[Path | None, typer.Option(help="the file that the engine was started with")] = None
    accurate: Annotated[bool, typer.Option("--accurate", help="windows overlap by a half: slower, a little better")] = (
        False
    )
    roi: Annotated[
        bool,
        typer.Option(
            "--roi", help="a coarse pass first, then only where a class was found: faster, misses what is below 10 mm"
        ),
    ] = False
    overwrite: Annotated[bool, typer.Option("--overwrite", help="predict again what is finished already")] = False


@with_groups
def predict(
    paths: Annotated[list[Path], typer.Argument(help="images, or folders of images")],
    model: ModelName,
    output: Annotated[Path, typer.Option(help="folder for the label maps")],
    *,
    class_names: ClassNames = None,
    mask: MaskOptions,
    how: PredictingOptions,
    untrusted: Untrusted = False,
    device: Device = "auto",
    which: PickOptions,
) -> None:
    """Segment images; each label map keeps its image's own geometry.

    With --overlap keep there is no label map but a binary mask for each class. The folder's report.csv lists images and
    volumes. Images that are finished are skipped when the command is run again.
    """
    chosen, formats = tuple(names_in(class_names)) if class_names else None, tuple(dict.fromkeys(how.also or ()))
    options = PredictionOptions(chosen, mask.post_processing(), how.masks, how.accurate, how.roi, which.pick, formats)
    plan = tasks.predict_folder.PredictionPlan(model, output, options, device, how.overwrite)
    files = tasks.predict_folder.image_files(paths, output)
    with _place(how.engine, how.certificate) as segment_all:
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


@dataclass(frozen=True)
class ScoringOptions(MaskOptions):
    """The way from probabilities to the masks that are compared: overlaps are kept if not said otherwise."""

    overlap: Annotated[str, typer.Option("--overlap", help="probability, priority or keep")] = "keep"


@with_groups
def evaluate(
    model: ModelName,
    data: Annotated[Path, typer.Option(help="a data set's folder")],
    *,
    split: Annotated[str, typer.Option(help="train, val, test or all")] = "val",
    json_file: Annotated[Path | None, typer.Option("--json", help="write all figures to this file")] = None,
    mask: ScoringOptions,
    corrupt: Annotated[
        str | None, typer.Option(help="replace 70 % of the voxels of these classes by fat (-100 HU) first")
    ] = None,
    device: Device = "auto",
) -> None:
    """Compare a model's masks with a data set's labels: Dice, and surface distances in mm."""
    plan = tasks.evaluate.EvaluationPlan(
        model, data, split_in(split), mask.post_processing(), tuple(names_in(corrupt or "")), device
    )
    cases = []
    with progress_bar() as bar:
        task = bar.add_task("", total=None)
        for case in tasks.evaluate.evaluate_data_set(plan):
            cases.append(case)
            bar.update(task, completed=case.done, total=case.total, description=case.name)
            if case.error is not None:
                complain(f"{case.name}: {case.error}")
    figures = tasks.evaluate.write_figures(cases, json_file)
    _show_figures(figures, next((score.unit for case in cases for score in case.scores), "mm"))
    if figures["failed"]:
        raise CondsegError(f"{len(figures['failed'])} of {len(cases)} cases could not be read; see above")


def _show_figures(figures: Mapping[str, Any], unit: str) -> None:
    shown = table("class", "Dice", f"HD95 ({unit})", f"ASSD ({unit})", "cases")
    for class_name, counts in figures["outcomes"].items():
        mean = (figures["mean"][key][class_name] for key in ("dice", "hd95_mm", "assd_mm"))
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        shown.add_row(*row((class_name, *(shown_number(value) for value in mean), outcomes)))
    shown.add_row("mean of classes", shown_number(figures["mean"]["overall_dice"]), "", "", "")
    show(shown)
