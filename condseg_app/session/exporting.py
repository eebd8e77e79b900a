"""Writing masks, with a record of how they came about."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from condseg_app import io
from condseg_app.compute import Progress, Step, Steps
from condseg_app.errors import CondsegError, WriteError
from condseg_app.session import fusing
from condseg_app.session.state import State


@dataclass(frozen=True, eq=False)
class ExportPlan:
    """What to write where."""

    state: State
    path: Path
    format: io.ExportFormat
    names: tuple[str, ...]

    @classmethod
    def of(cls, state: State, path: Path, format_key: str, names: Sequence[str] | None) -> "ExportPlan":
        """Check what is asked for.

        Raises:
            CondsegError: nothing is known of a class, or the format is not for this image.
        """
        grid = state.opened_image().geometry
        form = _format(format_key)
        if not (form.for_2d if grid.is_2d else form.for_3d):
            kind = "2D images" if grid.is_2d else "volumes"
            raise WriteError(f"{form.title} is not for {kind}; choose another format", path=path)
        known = [n for n in state.classes.names if n in state.annotations or state.state_of(n) != "not asked"]
        for name in names or ():
            state.classes.row(name)
            if name not in known:
                raise CondsegError(f"nothing is known of '{name}' on this image; predict or mark it first")
        if not known:
            raise CondsegError("there is nothing to export yet; predict or mark a class first")
        return cls(state, path, form, tuple(n for n in known if names is None or n in names))


def record(plan: ExportPlan) -> dict[str, Any]:
    """How the masks came about: plain values, kept beside them."""
    state = plan.state
    return {
        "image": state.opened_image().name,
        "model": None if state.model is None else state.model.name,
        "model_sha256": None if state.model_path is None else io.file_hash(state.model_path),
        "thresholds": {name: state.threshold(name) for name in plan.names},
        "incomplete": [name for name in plan.names if state.state_of(name) == "filling"],
        "corrected": [name for name in plan.names if name in state.annotations],
        "merge_rule": fusing.MERGE_RULE,
    }


def export_steps(plan: ExportPlan) -> Steps:
    """Write the masks; the result is the paths."""
    image = plan.state.opened_image()
    classes = plan.state.classes.keeping(plan.names)
    how = record(plan)
    if plan.format.one_file_a_class:
        masks = fusing.masks(plan.state, plan.names)
        paths = io.write_binary_masks(plan.path, masks, image.geometry, classes, plan.format.suffix, how)
    else:
        labels = replace(fusing.labels(plan.state, plan.names), classes=classes)
        yield Step(Progress(0.3))
        paths = io.write_label_map(plan.path, labels, how)
    yield Step(Progress(1.0), paths)


def _format(key: str) -> io.ExportFormat:
    for form in io.EXPORT_FORMATS:
        if form.key == key:
            return form
    raise WriteError(f"there is no format '{key}'; choose one of: {', '.join(f.key for f in io.EXPORT_FORMATS)}")
