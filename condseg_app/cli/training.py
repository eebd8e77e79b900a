"""Making a model: `train` and `teach`."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from condseg_app import tasks
from condseg_app.cli.checking import show_check
from condseg_app.cli.classes import show_teaching
from condseg_app.cli.console import PacedLog, progress_bar, say
from condseg_app.cli.options import with_groups
from condseg_app.cli.shared import ClassNames, Device, ModelName, names_in, numbers_by_name, numbers_in, renamed_in
from condseg_app.data import TEACHING_STEPS
from condseg_app.errors import CondsegError

if TYPE_CHECKING:
    from condseg_app.engine.train.recipes import Recipe


@dataclass(frozen=True)
class DataOptions:
    """The network, and the shown part of the data."""

    network: Annotated[str | None, typer.Option(help="a preset; see 'condseg networks'")] = None
    groups: Annotated[
        str | None,
        typer.Option(help="show one class per case, by these single_class_groups; 'disjoint' makes such groups"),
    ] = None
    class_names: ClassNames = None
    rename: Annotated[
        list[str] | None, typer.Option(help="a class that a data set calls otherwise: 'Left Kidney=left_kidney'")
    ] = None


@dataclass(frozen=True)
class RecipeOptions:
    """Settings of the optimisation, named as in `Recipe` but for `_OTHERWISE`; unset ones stay as in the recipe."""

    steps: Annotated[int | None, typer.Option(min=1)] = None
    batch: Annotated[int | None, typer.Option(min=1, help="samples per device and pass")] = None
    accumulate: Annotated[int | None, typer.Option(min=1, help="passes per step")] = None
    learning_rate: Annotated[float | None, typer.Option(min=0.0)] = None
    row_rate: Annotated[float | None, typer.Option(min=0.0, help="rate of the table's rows over the others'")] = None
    ema: Annotated[float | None, typer.Option(min=0.0, max=1.0, help="decay of the weights' moving average")] = None
    loss: Annotated[str | None, typer.Option(help="dice_bce, target_adaptive or marginal_exclusion")] = None
    bce: Annotated[float | None, typer.Option(min=0.0, help="weight of the cross-entropy beside the Dice loss")] = None
    alpha: Annotated[str | None, typer.Option(help="weights of classes: liver=1,pancreas=2")] = None
    classes_per_window: Annotated[
        int | None, typer.Option(min=1, help="classes a window is asked for; a further one costs a decoder's pass")
    ] = None
    sampling: Annotated[str | None, typer.Option(help="how often a set is drawn: equal, sqrt or per_image")] = None
    flip: Annotated[str | None, typer.Option(help="axes that may be mirrored, such as 0 or 0,1")] = None
    validate_every: Annotated[
        int | None, typer.Option(min=0, help="steps between looks at the 'val' cases; the best model is kept")
    ] = None
    patience: Annotated[int | None, typer.Option(min=0, help="looks without a better Dice that end it early")] = None


_OTHERWISE = {"loss": "loss.kind", "bce": "loss.bce", "flip": "augmentation.flip"}


@dataclass(frozen=True)
class NetworkOptions:
    """Settings of the network and of its input; unset ones are chosen by the data."""

    condition_at: Annotated[str | None, typer.Option(help="none, input, encoder, decoder or both")] = None
    conditioning: Annotated[str | None, typer.Option(help="constant, vector or film")] = None
    code_range: Annotated[float, typer.Option(help="the table's codes lie in -R to R")] = 1.0
    spacing: Annotated[str | None, typer.Option(help="voxel size in mm to work at: 1,1,1")] = None
    window: Annotated[str | None, typer.Option(help="voxels of a window: 40,64,40")] = None
    intensity: Annotated[
        str | None, typer.Option(help="zscore, unit, LOW:HIGH in the images' units, or percentile:LOW:HIGH")
    ] = None


@dataclass(frozen=True)
class RunOptions:
    """Seed and numbers, the written model, the start of the weights, and the computers."""

    precision: Annotated[str | None, typer.Option(help="32-true, bf16-mixed or 16-mixed")] = None
    seed: Annotated[int | None, typer.Option(min=0)] = None
    name: Annotated[str | None, typer.Option(help="the model's name; the file's if left out")] = None
    licence: Annotated[str, typer.Option(help="the model's licence")] = ""
    init_from: Annotated[Path | None, typer.Option(help="a model whose trunk to begin with, for other classes")] = None
    resume: Annotated[bool, typer.Option("--resume", help="go on from OUTPUT's checkpoint")] = False
    device: Device = "auto"
    devices: Annotated[int, typer.Option(min=1, help="how many train together")] = 1
    nodes: Annotated[int, typer.Option(min=1, help="on how many computers, started by torchrun")] = 1


@with_groups
def train(
    data: Annotated[list[Path], typer.Argument(help="data set folders")],
    *,
    output: Annotated[Path | None, typer.Option(help="the model file to write, NAME.safetensors")] = None,
    shown: DataOptions,
    check: Annotated[bool, typer.Option("--check", help="read everything, say what is there and stop")] = False,
    paper: Annotated[bool, typer.Option("--paper", help="the paper's optimiser settings")] = False,
    recipe: RecipeOptions,
    network: NetworkOptions,
    run: RunOptions,
) -> None:
    """Train one network on any number of single-class or partly labelled data sets."""
    plan = tasks.train.TrainingPlan(
        data=tuple(data),
        output=output or Path(),
        recipe=_recipe("paper" if paper else "default", recipe, run),
        network=shown.network,
        groups=shown.groups,
        classes=tuple(names_in(shown.class_names)) if shown.class_names else None,
        rename=renamed_in("--rename", shown.rename or ()),
        code_range=network.code_range,
        preprocessing=_preprocessing(network.spacing, network.window, network.intensity),
        settings=_given({"condition_at": network.condition_at, "conditioning": network.conditioning}),
        alpha=numbers_by_name("--alpha", recipe.alpha),
        name=run.name,
        licence=run.licence,
        init_from=run.init_from,
        device=run.device,
        processes=(run.devices, run.nodes),
    )
    if check:
        show_check(plan.choice)
    elif output is None:
        raise typer.BadParameter("say with --output which file to write")
    else:
        _run(plan, run.resume)


def _recipe(kind: str, options: RecipeOptions, run: RunOptions) -> "Recipe":
    """A ready-made recipe with the options that were set."""
    from condseg_app.engine.train.recipes import RECIPES, changed  # torch

    wanted = {**asdict(options), "precision": run.precision, "seed": run.seed}
    del wanted["alpha"]  # by class; the classes are not known yet
    if options.flip is not None:
        wanted["flip"] = numbers_in("--flip", options.flip, int)
    return changed(RECIPES[kind], {_OTHERWISE.get(key, key): value for key, value in _given(wanted).items()})


def _run(plan: "tasks.train.TrainingPlan", resume: bool) -> None:
    training = tasks.train.Training(plan, resume)
    log = PacedLog()
    with progress_bar(shown=training.trainer.is_first) as bar:
        task = bar.add_task("training", total=training.trainer.recipe.steps)
        try:
            for progress in tasks.train.run(training):
                dice = "  ".join(f"{key} {value:.3f}" for key, value in progress.dice.items())
                line = f"loss {progress.loss:.3f}  Dice {dice}"
                bar.update(task, completed=progress.step, description=line)
                if training.trainer.is_first:
                    log.write(f"step {progress.step} of {progress.steps}: {line}")
        finally:
            training.finish()
    if training.trainer.is_first:
        say(f"{plan.output} ({training.trainer.progress.step} steps)")


@dataclass(frozen=True)
class LessonOptions:
    """The way to learn, and from how much."""

    mode: Annotated[
        str,
        typer.Option(
            help="exact: learn the class alone, all others stay to the bit; full: learn everything, and check"
        ),
    ] = "exact"
    slices: Annotated[int | None, typer.Option(min=1, help="show only so many slices of the class")] = None
    cases: Annotated[int | None, typer.Option(min=1, help="show only so many images")] = None
    steps: Annotated[int, typer.Option(min=1)] = TEACHING_STEPS


@with_groups
def teach(
    name: Annotated[str, typer.Argument(help="the class, new to the model or not")],
    model: ModelName,
    data: Annotated[Path, typer.Option(help="a data set that labels it")],
    output: Annotated[
        Path, typer.Option(help="the model file to write, or NAME.class.safetensors for the class alone")
    ],
    *,
    lesson: LessonOptions,
    yes: Annotated[bool, typer.Option("--yes", help="write the model even if old classes became worse")] = False,
    device: Device = "auto",
) -> None:
    """Teach a model one class; the model itself stays as it is, and a new file is written."""
    if lesson.mode not in ("exact", "full"):
        raise CondsegError(f"--mode is exact or full, not '{lesson.mode}'")
    plan = tasks.teach.TeachingPlan(name, model, data, output, device=device, **asdict(lesson))
    result = _taught(plan)
    show_teaching(name, result)
    if result.lost and not yes:
        lost = ", ".join(result.lost)
        raise CondsegError(
            f"nothing was written, for {lost} became worse; use --mode exact, or --yes to write it anyway"
        )
    tasks.teach.write_result(plan, result)
    say(str(output))


def _taught(plan: "tasks.teach.TeachingPlan") -> "tasks.teach.TeachingResult":
    with progress_bar() as bar:
        task = bar.add_task("teaching", total=None)
        for step in tasks.teach.teach(plan):
            if isinstance(step, tasks.teach.TeachingResult):
                return step
            bar.update(task, completed=step.step, total=step.steps, description=f"loss {step.loss:.3f}")
    raise CondsegError("the lesson ended without a result")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were set."""
    return {key: value for key, value in options.items() if value is not None}


def _preprocessing(spacing: str | None, window: str | None, intensity: str | None) -> dict[str, Any]:
    """The fields of `Preprocessing` that the options set."""
    wanted: dict[str, Any] = {}
    if spacing is not None:
        wanted["spacing"] = numbers_in("--spacing", spacing, float, 3)
    if window is not None:
        wanted["window"] = numbers_in("--window", window, int, 3)
    if intensity in ("zscore", "unit"):
        wanted["intensity"] = intensity
    elif intensity is not None:
        kind = "percentile" if intensity.startswith("percentile:") else "window"
        ends = intensity.removeprefix("percentile:").replace(":", ",")
        low, high = numbers_in("--intensity", ends, float, 2)
        wanted |= {"intensity": kind, "low": low, "high": high}
    return wanted
