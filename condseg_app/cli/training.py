"""Making a model: `train` and `teach`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from condseg_app.cli.shared import CONSOLE, Device, ModelName, PacedLog, names_in, numbers_in, progress_bar


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
        recipe = replace(recipe, augmentation=replace(recipe.augmentation, flip=numbers_in("--flip", flip, int)))
    wanted = {"condition_at": condition_at, "conditioning": conditioning}
    plan = TrainingPlan(
        data=tuple(data),
        output=output,
        recipe=recipe,
        network=network,
        groups=groups,
        classes=tuple(names_in(class_names)) if class_names else None,
        preprocessing=_preprocessing(spacing, window, intensity),
        settings={key: value for key, value in wanted.items() if value is not None},
        alpha=_weights(alpha),
        name=name,
        licence=licence,
        device=device,
    )
    training = Training(plan, resume)
    log = PacedLog()
    with progress_bar() as bar:
        task = bar.add_task("training", total=training.trainer.recipe.steps)
        try:
            for progress in run(training):
                dice = "  ".join(f"{key} {value:.3f}" for key, value in progress.dice.items())
                line = f"loss {progress.loss:.3f}  Dice {dice}"
                bar.update(task, completed=progress.step, description=line)
                log.write(f"step {progress.step} of {progress.steps}: {line}")
        finally:
            training.finish()
    CONSOLE.print(f"{output} ({training.trainer.progress.step} steps)", highlight=False, soft_wrap=True)


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

    with progress_bar() as bar:
        task = bar.add_task("teaching", total=steps)
        for progress in teach_from_files(TeachingPlan(name, model, data, output, steps, device)):
            bar.update(task, completed=progress.step, description=f"loss {progress.loss:.3f}")
    CONSOLE.print(str(output), highlight=False, soft_wrap=True)


def _weights(text: str | None) -> dict[str, float]:
    """'liver=1,pancreas=2' as a table."""
    pairs = [part.partition("=") for part in names_in(text or "")]
    return {name.strip(): numbers_in("--alpha", weight, float, 1)[0] for name, _, weight in pairs}


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
        low, high = numbers_in("--intensity", intensity.replace(":", ","), float, 2)
        wanted |= {"intensity": "window", "low": low, "high": high}
    return wanted
