"""Writing masks, with a record of their origin."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from condseg_app import io
from condseg_app.data import ChunkedAnnotation, ClassId, ClassTable, LabelMap, OnDemand, Overlap
from condseg_app.errors import Cancelled
from condseg_app.io.pictures.camera import orientation_of
from condseg_app.jobs import Progress, Step, Steps
from condseg_app.session import fusing
from condseg_app.session.may import raise_reason, refuse
from condseg_app.session.state import State
from condseg_app.session.work import FileJob

_Voxel = TypeVar("_Voxel", np.uint8, np.bool_)
_LOOK_EVERY = 0.1
"""Seconds between two progress reports of an export."""
_SLICES = 8
"""So many are fused at a time."""


@dataclass(frozen=True, eq=False)
class ExportPlan:
    """An export's content and destination."""

    state: State
    path: Path
    format: io.ExportFormat
    classes: ClassTable

    @property
    def kept_marks(self) -> tuple[ChunkedAnnotation, ...]:
        """The annotations that the files will hold and can be reopened with."""
        marked = self.state.annotations
        return tuple(marked[i] for i in self.classes.ids if i in marked) if self.format.keeps_marks else ()

    @classmethod
    def of(cls, state: State, path: Path, format_key: str, classes: Sequence[ClassId] | None) -> "ExportPlan":
        """Check the request.

        Raises:
            CondsegError: a class has no result, or the format is not for this image.
        """
        form = io.export_format(format_key)
        form.check_fits(state.opened_image().geometry, path)
        raise_reason(form.why_not_at(path))
        for class_id in (None,) if classes is None else classes:
            refuse(state, "export", class_id)
        known = (entry for entry in state.classes if state.has_result(entry.id))
        return cls(state, path, form, ClassTable(tuple(e for e in known if classes is None or e.id in classes)))


def registry(plan: ExportPlan) -> io.Registry:
    """Origin of the masks, and their classes."""
    state = plan.state
    overlap: Overlap = "keep" if plan.format.keeps_overlap else "probability" if state.priority is None else "priority"
    priority = (state.in_priority or ()) if overlap == "priority" else ()
    return io.Registry(
        image=state.opened_image().name,
        camera_orientation=orientation_of(state.opened_image().source),
        model=None if state.model is None else state.model.name,
        model_sha256=None if state.model_path is None else io.file_hash(state.model_path),
        thresholds={entry.name: state.threshold(entry.id) for entry in plan.classes},
        merge_rule=io.merge_rule(overlap, marked=True),
        priority=tuple(e.name for e in map(plan.classes.by_id, priority) if e is not None),
        incomplete=tuple(entry.name for entry in plan.classes if state.state_of(entry.id) == "filling"),
        corrected=tuple(entry.name for entry in plan.classes if entry.id in state.annotations),
        classes=plan.classes,
    )


class ExportWriter:
    """Writes an export in a job, whose result is the paths.

    The formats' writers ask for classes or slices in turn. Each request updates the progress, and stops the
    writer after a cancellation: then nothing is written.
    """

    def __init__(self, plan: ExportPlan) -> None:
        self.job = FileJob(f"Exporting {plan.path.name}", self._steps)
        self.plan = plan
        self._reached = Progress(0.0)

    def _steps(self) -> Steps:
        with ThreadPoolExecutor(1, "condseg: writing") as thread:
            written = thread.submit(self._write)
            while wait([written], _LOOK_EVERY).not_done:
                yield Step(self._reached)
            yield Step(Progress(1.0), written.result())

    def _write(self) -> tuple[Path, ...]:
        plan = self.plan
        export = io.Export(
            plan.state.opened_image(),
            registry(plan),
            self._told(fusing.masks(plan.state, plan.classes)),
            self._labels,
            self._told(fusing.probabilities(plan.state, plan.classes)),
        )
        return io.write_export(plan.format, plan.path, export)

    def _told(self, arrays: Mapping[str, NDArray[_Voxel]]) -> Mapping[str, NDArray[_Voxel]]:
        def look_up(name: str) -> NDArray[_Voxel]:
            self._note(self.plan.classes.row(name) / len(self.plan.classes), name)
            return arrays[name]

        return OnDemand(tuple(arrays), look_up)

    def _labels(self) -> LabelMap:
        state, classes = self.plan.state, self.plan.classes
        geometry = state.opened_image().geometry
        values = np.empty(geometry.shape, classes.value_type)
        depth = geometry.shape[2]
        for start in range(0, depth, _SLICES):
            self._note(start / depth, f"slice {start + 1}")
            part = (slice(None), slice(None), slice(start, start + _SLICES))
            values[part] = fusing.labels(state, classes.ids, part).values
        self._note(1.0, "writing")
        return LabelMap(values, geometry, classes)

    def _note(self, fraction: float, text: str) -> None:
        if self.job.is_cancelled:
            raise Cancelled("the export was cancelled")
        self._reached = Progress(fraction, text)
