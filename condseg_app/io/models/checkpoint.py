"""An interrupted training as a single safetensors file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from condseg_app.errors import ModelError
from condseg_app.io.atomic import atomic_write
from condseg_app.io.models.model_file import packable

_KEY = "condseg-checkpoint"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """State from which a training resumes: tensors by name, and plain JSON values."""

    tensors: Mapping[str, NDArray[np.generic]]
    plain: Mapping[str, Any]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; an earlier checkpoint stays whole until the new file is complete."""
    data = save(packable(checkpoint.tensors), metadata={_KEY: json.dumps(dict(checkpoint.plain))})
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        ModelError: a missing, damaged or other file.
    """
    if not path.is_file():
        raise ModelError("there is no checkpoint to go on from; start without resuming", path=path)
    try:
        with safe_open(path, framework="numpy") as file:
            plain = dict(json.loads((file.metadata() or {})[_KEY]))
            return Checkpoint({name: file.get_tensor(name) for name in file.keys()}, plain)  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        raise ModelError("is not a checkpoint, or is damaged; start without resuming", path=path) from error
