"""Comparison of ways to learn: `compare`."""

from pathlib import Path
from typing import Annotated

import typer

from condseg_app import tasks
from condseg_app.cli.console import PacedLog, progress_bar, say
from condseg_app.cli.shared import Device


def compare(
    config: Annotated[Path, typer.Argument(help="what to compare, a TOML file")],
    output: Annotated[Path, typer.Option(help="folder for runs, table and figure")],
    only: Annotated[list[str] | None, typer.Option(help="only this system; several times for several")] = None,
    report: Annotated[bool, typer.Option("--report", help="train nothing; write the table of what is done")] = False,
    device: Device = "auto",
) -> None:
    """Train and evaluate systems on data sets with the same budget and seeds; what is done is not done again.

    Several of these commands may work on the same folder at once: they share the runs.
    """
    from condseg_app.io.labels.writer import new_folder  # the start stays quick

    plan = tasks.comparison_config.read_comparison_config(config)
    new_folder(output)
    runs = tasks.comparison_runs.all_runs(plan, output, only or ())
    log = PacedLog()
    with progress_bar() as bar:
        task = bar.add_task("", total=1.0)
        for run, part in () if report else tasks.compare.compare(runs, device):
            line = f"{run.system.name}, seed {run.seed}"
            bar.update(task, completed=part, description=line)
            log.write(f"{line}: {100 * part:.0f} %")
    results = tasks.comparison_runs.read_results(tasks.comparison_runs.all_runs(plan, output))
    for path in tasks.comparison_report.write_report(plan, results, output):
        say(str(path))
