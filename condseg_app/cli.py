"""The commands without a window.

Exit code 0; 2 with one sentence for bad input; 130 when interrupted.
"""

import json
import logging
import sys
from dataclasses import asdict, replace
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from condseg_app.data import Split
from condseg_app.errors import CondsegError

app = typer.Typer(
    help="Class-conditioned segmentation: one network, told which class to look for.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_INTERRUPTED = 130
_console = Console()
_errors = Console(stderr=True)

Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
ModelName = Annotated[str, typer.Option("--model", help="a model's name, or its file")]


@app.command()
def info(path: Path, as_json: AsJson = False) -> None:
    """Say what a file or folder is: format, shape, spacing, orientation, warnings."""
    from condseg_app.io import describe

    description = asdict(describe(path))
    if as_json:
        _print_json(description)
        return
    for key, value in description.items():
        if value not in (None, "", (), {}):
            _console.print(f"[bold]{key:12}[/] {value}", highlight=False)


@app.command()
def models(as_json: AsJson = False) -> None:
    """List the models that are shipped or found in the user's folder."""
    from condseg_app.io import models_available

    found = models_available()
    if as_json:
        _print_json([{"name": m.name, "path": m.path, "classes": m.description.classes.names} for m in found])
        return
    table = Table("model", "dimensions", "classes", "licence", "file")
    for m in found:
        names = ", ".join(m.description.classes.names)
        table.add_row(m.name, m.description.preprocessing.dimensions, names, m.description.licence, str(m.path))
    _console.print(table)


@app.command()
def networks(as_json: AsJson = False) -> None:
    """List the network presets with their parameters (for one class and one channel)."""
    from condseg_models import PRESETS, build, count_parameters

    rows = [
        {
            "name": name,
            "dimensions": preset.dimensions,
            "window": preset.window,
            "parameters": count_parameters(build(preset.network, preset.settings)),
            "summary": preset.summary,
        }
        for name, preset in PRESETS.items()
    ]
    if as_json:
        _print_json(rows)
        return
    table = Table("network", "dimensions", "window", "parameters", "for")
    for row in rows:
        window = " x ".join(str(n) for n in row["window"])  # type: ignore[attr-defined]
        table.add_row(row["name"], row["dimensions"], window, f"{row['parameters']:,}", row["summary"])  # type: ignore[arg-type]
    _console.print(table)


@app.command()
def classes(model: Annotated[str, typer.Argument(help="a model's name, or its file")], as_json: AsJson = False) -> None:
    """Show a model's look-up table."""
    from condseg_app.io import find_model, read_model_description

    table = read_model_description(find_model(model)).classes
    if as_json:
        _print_json([asdict(entry) for entry in table])
        return
    shown = Table("value", "class", "colour", "code", "part of")
    for e in table:
        colour = f"[rgb({e.color[0]},{e.color[1]},{e.color[2]})]■[/] {e.color}"
        shown.add_row(str(e.value), e.name, colour, f"{e.code:g}", e.part_of or "")
    _console.print(shown)


@app.command()
def predict(
    paths: Annotated[list[Path], typer.Argument(help="images, or folders of images")],
    model: ModelName,
    output: Annotated[Path, typer.Option(help="folder for the label maps")],
    class_names: Annotated[
        str | None, typer.Option("--classes", help="names, separated by commas; all if left out")
    ] = None,
    threshold: Annotated[float, typer.Option(min=0.0, max=1.0, help="probability from which a voxel counts")] = 0.5,
    masks: Annotated[bool, typer.Option("--masks", help="also one binary mask a class")] = False,
    device: Device = "auto",
) -> None:
    """Segment images; each label map keeps its image's own geometry."""
    from condseg_app.compute.prediction import PredictionPlan, image_files, predict_files

    chosen = tuple(_names(class_names)) if class_names else None
    plan = PredictionPlan(model, output, chosen, threshold, masks, device)
    files = image_files(paths)
    with _progress() as bar:
        task = bar.add_task("", total=len(files))
        for done, image, written in predict_files(files, plan):
            bar.update(task, completed=done, description=image.name)
            for path in written:
                _console.print(f"{image} -> {path}", highlight=False, soft_wrap=True)


@app.command()
def train(
    data: Annotated[list[Path], typer.Argument(help="data set folders")],
    output: Annotated[Path, typer.Option(help="the model file to write, NAME.safetensors")],
    network: Annotated[str | None, typer.Option(help="a preset; see 'condseg networks'")] = None,
    groups: Annotated[str | None, typer.Option(help="show one class per case, by these single_class_groups")] = None,
    class_names: Annotated[str | None, typer.Option("--classes", help="learn only these, separated by commas")] = None,
    paper: Annotated[bool, typer.Option("--paper", help="the paper's optimiser settings")] = False,
    steps: Annotated[int | None, typer.Option(min=1)] = None,
    batch: Annotated[int | None, typer.Option(min=1)] = None,
    learning_rate: Annotated[float | None, typer.Option(min=0.0)] = None,
    row_rate: Annotated[float | None, typer.Option(min=0.0, help="rate of the table's rows over the others'")] = None,
    bce: Annotated[float | None, typer.Option(min=0.0, help="weight of the cross-entropy beside the Dice loss")] = None,
    alpha: Annotated[str | None, typer.Option(help="weights of classes: liver=1,pancreas=2")] = None,
    flip: Annotated[str | None, typer.Option(help="axes that may be mirrored, such as 0 or 0,1")] = None,
    condition_at: Annotated[str | None, typer.Option(help="none, input, encoder or decoder")] = None,
    conditioning: Annotated[str | None, typer.Option(help="constant, vector or film")] = None,
    spacing: Annotated[str | None, typer.Option(help="voxel size in mm to work at: 1,1,1")] = None,
    window: Annotated[str | None, typer.Option(help="voxels of a window: 40,64,40")] = None,
    intensity: Annotated[str | None, typer.Option(help="zscore, unit, or LOW:HIGH in the images' units")] = None,
    precision: Annotated[str | None, typer.Option(help="32-true, bf16-mixed or 16-mixed")] = None,
    seed: int = 0,
    name: Annotated[str | None, typer.Option(help="the model's name; the file's if left out")] = None,
    licence: Annotated[str, typer.Option(help="the model's licence")] = "",
    resume: Annotated[bool, typer.Option("--resume", help="go on from OUTPUT's checkpoint")] = False,
    device: Device = "auto",
) -> None:
    """Train one network on any number of single-class or partly labelled data sets."""
    from condseg_app.compute.training import Training, TrainingPlan, run
    from condseg_app.engine.recipes import RECIPES

    recipe = RECIPES["paper" if paper else "default"]
    own = {
        "steps": steps,
        "batch": batch,
        "learning_rate": learning_rate,
        "row_rate": row_rate,
        "precision": precision,
        "seed": seed,
    }
    recipe = replace(recipe, **{key: value for key, value in own.items() if value is not None})  # type: ignore[arg-type]
    if bce is not None:
        recipe = replace(recipe, loss=replace(recipe.loss, bce=bce))
    if flip is not None:
        recipe = replace(recipe, augmentation=replace(recipe.augmentation, flip=_numbers("--flip", flip, int)))
    wanted = {"condition_at": condition_at, "conditioning": conditioning}
    plan = TrainingPlan(
        data=tuple(data),
        output=output,
        recipe=recipe,
        network=network,
        groups=groups,
        classes=tuple(_names(class_names)) if class_names else None,
        preprocessing=_preprocessing(spacing, window, intensity),
        settings={key: value for key, value in wanted.items() if value is not None},
        alpha=_weights(alpha),
        name=name,
        licence=licence,
        device=device,
    )
    training = Training(plan, resume)
    log = _PacedLog()
    with _progress() as bar:
        task = bar.add_task("training", total=training.trainer.recipe.steps)
        try:
            for progress in run(training):
                dice = "  ".join(f"{key} {value:.3f}" for key, value in progress.dice.items())
                line = f"loss {progress.loss:.3f}  Dice {dice}"
                bar.update(task, completed=progress.step, description=line)
                log.write(f"step {progress.step} of {progress.steps}: {line}")
        finally:
            training.finish()
    _console.print(f"{output} ({training.trainer.progress.step} steps)", highlight=False, soft_wrap=True)


@app.command()
def evaluate(
    model: ModelName,
    data: Annotated[Path, typer.Option(help="a data set's folder")],
    split: Annotated[str, typer.Option(help="train, val, test or all")] = "val",
    json_file: Annotated[Path | None, typer.Option("--json", help="write all figures to this file")] = None,
    threshold: Annotated[float, typer.Option(min=0.0, max=1.0)] = 0.5,
    device: Device = "auto",
) -> None:
    """Compare a model's masks with a data set's labels: Dice, and surface distances in mm."""
    from condseg_app.compute.evaluation import EvaluationPlan, evaluate_data_set, write_figures

    if split not in ("train", "val", "test", "all"):
        raise CondsegError(f"there is no split '{split}'; use train, val, test or all")
    part: Split | None = None if split == "all" else split  # type: ignore[assignment]
    scores = []
    with _progress() as bar:
        task = bar.add_task("", total=None)
        for done, total, found in evaluate_data_set(EvaluationPlan(model, data, part, threshold, device)):
            scores.extend(found)
            bar.update(task, completed=done, total=total, description=found[0].case if found else "")
    figures = write_figures(scores, json_file)
    unit = scores[0].unit if scores else "mm"
    table = Table("class", "Dice", f"HD95 ({unit})", f"ASSD ({unit})", "cases")
    for class_name, counts in figures["outcomes"].items():
        mean = (figures["mean"][key][class_name] for key in ("dice", "hd95_mm", "assd_mm"))
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        table.add_row(class_name, *(_number(value) for value in mean), outcomes)
    overall = figures["mean"]["overall_dice"]
    table.add_row("mean of classes", _number(overall), "", "", "")
    _console.print(table)


@app.command()
def teach(
    name: Annotated[str, typer.Argument(help="the class, new to the model or not")],
    model: ModelName,
    data: Annotated[Path, typer.Option(help="a data set that labels it")],
    output: Annotated[Path, typer.Option(help="the model file to write; the old one stays")],
    steps: Annotated[int, typer.Option(min=1)] = 200,
    device: Device = "auto",
) -> None:
    """Teach a model one class, with its own old answers as the targets of all others."""
    from condseg_app.compute.teaching import TeachingPlan
    from condseg_app.compute.teaching import teach as teach_from_files

    with _progress() as bar:
        task = bar.add_task("teaching", total=steps)
        for progress in teach_from_files(TeachingPlan(name, model, data, output, steps, device)):
            bar.update(task, completed=progress.step, description=f"loss {progress.loss:.3f}")
    _console.print(str(output), highlight=False, soft_wrap=True)


@app.command()
def phantom(
    folder: Annotated[Path, typer.Argument(help="where to write the data sets 'ct' and 'scene'")],
    ct_cases: Annotated[int, typer.Option(min=0)] = 72,
    scenes: Annotated[int, typer.Option(min=0)] = 160,
    seed: int = 0,
) -> None:
    """Generate CT-like volumes and 2D scenes, with labels, in the data-set layout."""
    from condseg_app.compute.phantoms import write_phantoms

    with _progress() as bar:
        task = bar.add_task("generating", total=1.0)
        for step in write_phantoms(folder, ct_cases, scenes, seed):
            bar.update(task, completed=step.progress.fraction, description=step.progress.text)
    _console.print(str(folder), highlight=False, soft_wrap=True)


@app.command()
def engine(
    listen: Annotated[str, typer.Option(help="host:port; this computer only by default")] = "127.0.0.1:0",
    certificate: Annotated[
        Path | None, typer.Option(help="the file that callers must hold too; made if it does not exist")
    ] = None,
) -> None:
    """Run the process in which networks compute; the window starts one for itself."""
    from condseg_app.compute.engine_process import serve

    serve(listen, certificate)


class _PacedLog:
    """A line a minute where there is no terminal for a progress bar."""

    def __init__(self, seconds: float = 60.0) -> None:
        self._seconds, self._next = seconds, 0.0

    def write(self, line: str) -> None:
        if not _errors.is_terminal and monotonic() >= self._next:
            _errors.print(line, highlight=False, markup=False, soft_wrap=True)
            self._next = monotonic() + self._seconds


def main(arguments: list[str] | None = None) -> int:
    """Run a command; errors become one line on standard error."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    try:
        code = app(args=arguments, standalone_mode=False)
    except CondsegError as error:
        _errors.print(f"condseg: {error}", highlight=False, soft_wrap=True, markup=False)
        return 2
    except Exception as error:
        if hasattr(error, "format_message"):  # click's usage errors
            _errors.print(f"condseg: {error.format_message()}", highlight=False, soft_wrap=True, markup=False)
            return 2
        raise
    # Commands return nothing; what arrives here is click's own code, 130 for Ctrl-C.
    if code == _INTERRUPTED:
        _errors.print("condseg: interrupted")
    return code if isinstance(code, int) else 0


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total}"))
    return Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=_errors, transient=True)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _numbers(option: str, text: str, kind: type[int] | type[float], count: int | None = None) -> tuple[Any, ...]:
    try:
        numbers = tuple(kind(part) for part in text.split(","))
    except ValueError as error:
        raise CondsegError(f"{option} takes numbers separated by commas, not '{text}'") from error
    if count is not None and len(numbers) != count:
        raise CondsegError(f"{option} takes {count} numbers, got {len(numbers)} in '{text}'")
    return numbers


def _plain(value: object) -> str | list[object]:
    """What JSON and the screen cannot show as it is."""
    return list(value) if isinstance(value, (tuple, set, frozenset)) else str(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _weights(text: str | None) -> dict[str, float]:
    """'liver=1,pancreas=2' as a table."""
    pairs = [part.partition("=") for part in _names(text or "")]
    return {name.strip(): _numbers("--alpha", weight, float, 1)[0] for name, _, weight in pairs}


def _preprocessing(spacing: str | None, window: str | None, intensity: str | None) -> dict[str, Any]:
    """The fields of `Preprocessing` that the options set."""
    wanted: dict[str, Any] = {}
    if spacing is not None:
        wanted["spacing"] = _numbers("--spacing", spacing, float, 3)
    if window is not None:
        wanted["window"] = _numbers("--window", window, int, 3)
    if intensity in ("zscore", "unit"):
        wanted["intensity"] = intensity
    elif intensity is not None:
        low, high = _numbers("--intensity", intensity.replace(":", ","), float, 2)
        wanted |= {"intensity": "window", "low": low, "high": high}
    return wanted


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2, default=_plain) + "\n")
