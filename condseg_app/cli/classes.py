"""Classes of a model: results of a lesson, and classes exported, imported, renamed, removed."""

from pathlib import Path
from typing import Annotated

import typer

from condseg_app import tasks
from condseg_app.cli.console import row, say, show, shown_number, table
from condseg_app.cli.shared import ModelName

Output = Annotated[Path, typer.Option(help="the file to write; the model stays as it is")]

# Dice from which an old class is so similar to the new class that both may be the same.
_ALIKE = 0.8

class_app = typer.Typer(help="Take a taught class out of a model, put it into another copy, rename or remove it.")


@class_app.command("export")
def export(name: str, model: ModelName, output: Output) -> None:
    """Write one class of a model into a small file, NAME.class.safetensors."""
    tasks.model_classes.export_class(model, name, output)
    say(f"{output} ({output.stat().st_size / 1000:.0f} kB)")


@class_app.command("import")
def import_(
    file: Path,
    model: ModelName,
    output: Output,
    name: Annotated[str | None, typer.Option(help="what to call it; as in the file if left out")] = None,
) -> None:
    """Put a class from a file into a copy of the model that it was taught to."""
    tasks.model_classes.import_class(file, model, output, name)
    say(str(output))


@class_app.command("rename")
def rename(old: str, new: str, model: ModelName, output: Output) -> None:
    """Give a class another name."""
    tasks.model_classes.rename_class(model, old, new, output)
    say(str(output))


@class_app.command("remove")
def remove(name: str, model: ModelName, output: Output) -> None:
    """Take a class out; the others answer as before, to the bit."""
    tasks.model_classes.remove_class(model, name, output)
    say(str(output))


def show_teaching(name: str, result: "tasks.teach.TeachingResult") -> None:
    """Print the results of a lesson."""
    if result.nearest is not None and result.nearest[1] >= _ALIKE:
        say(f"{name} looks like {result.nearest[0]}, Dice {result.nearest[1]:.2f}")
    if result.held_out is not None:
        say(f"Dice on annotated slices that it did not learn from: {result.held_out:.2f}")
    for reason in result.reasons:
        say(reason)
    if result.certificate is not None and result.certificate.images:
        proof = result.certificate
        outcome = "unchanged" if proof.holds else "CHANGED"
        images = f"{len(proof.images)} image{'' if len(proof.images) == 1 else 's'}"
        say(f"old classes {outcome} to the bit on {images}; weights {proof.trunk_after[:12]}")
    if result.changes:
        shown = table("class", "Dice before", "after", "compared with")
        for change in result.changes:
            before = "" if change.before is None else shown_number(change.before)
            style = "red" if change.name in result.lost else None
            cells = change.name, before, shown_number(change.after), change.reference
            shown.add_row(*row(cells), style=style)
        show(shown)
