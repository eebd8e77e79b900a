"""Listings and descriptions of files, models, networks and classes."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from condseg_app.cli.console import CONSOLE, complain, print_json, row, show, table
from condseg_app.cli.describing import show_description
from condseg_app.cli.options import PickOptions, with_groups
from condseg_app.cli.shared import AsJson, Untrusted
from condseg_app.data import Pick
from condseg_app.errors import CondsegError

if TYPE_CHECKING:
    from condseg_app.io.describe import FileDescription


@with_groups
def info(
    paths: Annotated[list[Path], typer.Argument(help="files and folders")],
    *,
    as_json: AsJson = False,
    untrusted: Untrusted = False,
    which: PickOptions,
) -> None:
    """Say what files or folders are: format, shape, spacing, orientation, warnings."""
    if len(paths) == 1:
        found = _described(paths[0], which.pick, untrusted)
        print_json(asdict(found)) if as_json else show_description(found)
        return
    rows, failed = [], 0
    for path in paths:
        try:
            found = _described(path, which.pick, untrusted)
        except CondsegError as error:
            failed += 1
            rows.append({"path": str(path), "error": error.message})
            complain(f"condseg: {error}")
        else:
            rows.append(asdict(found))
            if not as_json:
                show_description(found)
    if as_json:
        print_json(rows)
    if failed:
        raise CondsegError(f"{failed} of {len(paths)} could not be read; see above")


def _described(path: Path, pick: Pick, untrusted: bool) -> "FileDescription":
    from condseg_app.io import describe  # the start stays quick, here and below

    if untrusted:
        from condseg_app.remote.untrusted import check_untrusted

        check_untrusted(path, pick)
    return describe(path, pick)


def models(as_json: AsJson = False) -> None:
    """List the models that are shipped or found in the user's folder."""
    from condseg_app.io import models_available

    found = models_available()
    if as_json:
        print_json([{"name": m.name, "path": m.path, "classes": m.description.classes.names} for m in found])
        return
    shown = table("model", "dimensions", "classes", "licence", "file")
    for m in found:
        names = ", ".join(m.description.classes.names)
        cells = m.name, m.description.preprocessing.dimensions, names, m.description.licence, str(m.path)
        shown.add_row(*row(cells))
    show(shown)


def networks(as_json: AsJson = False) -> None:
    """List the network presets with their parameters (for one class and one channel)."""
    from condseg_models import PRESETS, build, count_parameters  # torch

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
        print_json(rows)
        return
    shown = table("network", "dimensions", "window", "parameters", "for")
    for each in rows:
        window = " x ".join(str(n) for n in each["window"])  # type: ignore[attr-defined]
        shown.add_row(each["name"], each["dimensions"], window, f"{each['parameters']:,}", each["summary"])  # type: ignore[arg-type]
    show(shown)


def classes(model: Annotated[str, typer.Argument(help="a model's name, or its file")], as_json: AsJson = False) -> None:
    """Show a model's look-up table."""
    from condseg_app.io import find_model, read_model_description

    entries = read_model_description(find_model(model)).classes
    if as_json:
        print_json([asdict(entry) for entry in entries])
        return
    shown = table("value", "class", "colour", "code", "part of")
    for e in entries:
        red, green, blue = e.color
        block = "*" if CONSOLE.options.ascii_only else "■"
        colour = Text.assemble((block, f"rgb({red},{green},{blue})"), f" {red}, {green}, {blue}")
        shown.add_row(*row((str(e.value), e.name, colour, f"{e.code:g}", e.part_of or "")))
    show(shown)
