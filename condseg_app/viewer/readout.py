"""Readout under the mouse: voxel, value and class."""

from typing import Any

import numpy as np

from condseg_app.session import fusing
from condseg_app.viewer.binding import LayerBinding


def readout(binding: LayerBinding, world: tuple[float, ...]) -> str:
    """'voxel 17, 25, 12    value 341    Anterior'; empty outside the image."""
    layer, session = binding.source.main, binding.session
    sight = binding.sight
    if layer is None or sight is None or session.state.image is None or not sight.is_inside(world):
        return ""
    voxel = sight.voxel_at(world)
    shown = voxel[:2] if session.state.image.geometry.is_2d else voxel
    parts = [f"{'pixel' if session.state.image.geometry.is_2d else 'voxel'} {', '.join(str(v) for v in shown)}"]
    value = layer.get_value(np.asarray(world)[-layer.ndim :], world=True)
    if value is not None:
        parts.append(f"value {_figures(value)}")
    here = (slice(voxel[0], voxel[0] + 1), slice(voxel[1], voxel[1] + 1), slice(voxel[2], voxel[2] + 1))
    label = int(fusing.labels(session.state, region=here).values.flat[0])
    parts.extend(entry.name for entry in session.state.classes if entry.value == label)
    return "    ".join(parts)


def _figures(value: Any) -> str:
    return ", ".join(f"{float(v):g}" for v in np.atleast_1d(np.asarray(value)))
