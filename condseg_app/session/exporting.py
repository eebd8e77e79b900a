"""Writing masks, with a record of how they came about."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from condseg_app import io
from condseg_app.compute import Progress, Step, Steps
from condseg_app.data import LabelMap, Overlap
from condseg_app.errors import CondsegError
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
        form = io.export_format(format_key)
        form.check_fits(state.opened_image().geometry, path)
        known = [n for n in state.classes.names if n in state.annotations or state.state_of(n) != "not asked"]
        for name in names or ():
            state.classes.row(name)
            if name not in known:
                raise CondsegError(f"nothing is known of '{name}' on this image; predict or mark it first")
        if not known:
            raise CondsegError("there is nothing to export yet; predict or mark a class first")
        return cls(state, path, form, tuple(n for n in known if names is None or n in names))


def registry(plan: ExportPlan) -> io.Registry:
    """How the masks came about, and which classes they are of."""
    state = plan.state
    overlap: Overlap = "keep" if plan.format.keeps_overlap else "probability" if state.priority is None else "priority"
    return io.Registry(
        image=state.opened_image().name,
        model=None if state.model is None else state.model.name,
        model_sha256=None if state.model_path is None else io.file_hash(state.model_path),
        thresholds={name: state.threshold(name) for name in plan.names},
        merge_rule=io.merge_rule(overlap, marked=True),
        priority=tuple(n for n in state.priority or () if overlap == "priority" and n in plan.names),
        incomplete=tuple(name for name in plan.names if state.state_of(name) == "filling"),
        corrected=tuple(name for name in plan.names if name in state.annotations),
        classes=io.rows_of(state.classes.keeping(plan.names)),
    )


def export_steps(plan: ExportPlan) -> Steps:
    """Write the masks; the result is the paths."""
    export = io.Export(
        plan.state.opened_image(),
        registry(plan),
        fusing.masks(plan.state, plan.names),
        partial(_labels, plan),
        fusing.probabilities(plan.state, plan.names),
    )
    yield Step(Progress(0.1))
    yield Step(Progress(1.0), io.write_export(plan.format, plan.path, export))


def _labels(plan: ExportPlan) -> LabelMap:
    return replace(fusing.labels(plan.state, plan.names), classes=plan.state.classes.keeping(plan.names))
