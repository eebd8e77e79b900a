"""Making data: `phantom`."""

from pathlib import Path
from typing import Annotated

import typer

from condseg_app.cli.shared import CONSOLE, progress_bar


def phantom(
    folder: Annotated[Path, typer.Argument(help="where to write the data sets 'ct' and 'scene'")],
    ct_cases: Annotated[int, typer.Option(min=0)] = 72,
    scenes: Annotated[int, typer.Option(min=0)] = 160,
    seed: int = 0,
) -> None:
    """Generate CT-like volumes and 2D scenes, with labels, in the data-set layout."""
    from condseg_app.compute.phantoms import write_phantoms

    with progress_bar() as bar:
        task = bar.add_task("generating", total=1.0)
        for step in write_phantoms(folder, ct_cases, scenes, seed):
            bar.update(task, completed=step.progress.fraction, description=step.progress.text)
    CONSOLE.print(str(folder), highlight=False, soft_wrap=True)
