"""Output of `train --check`."""

from rich.table import Table

from condseg_app import tasks
from condseg_app.cli.console import progress_bar, row, say, show, table
from condseg_app.errors import CondsegError


def show_check(choice: "tasks.training_data.Choice") -> None:
    """Read all data and show a report.

    Raises:
        CondsegError: something is wrong.
    """
    with progress_bar() as bar:
        task = bar.add_task("reading", total=None)
        report = tasks.check_data.check(
            choice, lambda done, total, name: bar.update(task, completed=done, total=total, description=name)
        )
    show(_classes(report))
    show(_images(report))
    for kind, sentences in (("wrong", report.wrong), ("odd", report.odd)):
        for sentence in sentences:
            say(f"{kind}: {sentence}")
    if report.wrong:
        count = len(report.wrong)
        raise CondsegError(f"{count} {'thing is' if count == 1 else 'things are'} wrong; mend what is told above first")
    say("Nothing is wrong." if report.odd else "Nothing is wrong, nothing looks odd.")


def _classes(report: "tasks.check_data.Report") -> Table:
    shown = table("data set", "class", "labelled", "absent", "unlabelled", "voxels", title="Cases by class")
    for each in report.sets:
        for name, count in each.classes.items():
            numbers = (count.labelled, count.absent, count.unlabelled)
            shown.add_row(*row((each.name, name, *map(str, numbers), f"{count.voxels:,}")))
        shown.add_section()
    return shown


def _images(report: "tasks.check_data.Report") -> Table:
    shown = table("data set", "cases", "voxel size", "intensity", title="Images")
    for each in report.sets:
        ends_of_axes = ((f"{low:.3g}", f"{high:.3g}") for low, high in each.spacing)
        sizes = " x ".join(low if low == high else f"{low}-{high}" for low, high in ends_of_axes)
        ends = f"{each.intensity[0]:g} to {each.intensity[1]:g}" if each.intensity else "-"
        shown.add_row(*row((each.name, str(each.cases), f"{sizes} {each.unit}", ends)))
    return shown
