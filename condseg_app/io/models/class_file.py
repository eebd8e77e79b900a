"""A taught class as a small file: safetensors, with the rest as JSON in the metadata."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from condseg_app.data import TaughtClass
from condseg_app.errors import ClassTableError, ModelError
from condseg_app.io.atomic import atomic_write
from condseg_app.io.labels.sidecar import CodedEntry
from condseg_app.io.models.model_file import packable

CLASS_SUFFIX = ".class.safetensors"
_KEY = "condseg_class"
_LARGEST = 1 << 26  # bytes; a row takes some kB


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Content(_Strict):
    format_version: Literal[1]
    entry: CodedEntry
    trunk_sha256: str
    model: str
    training: dict[str, Any]
    licence: str


def is_class_file(path: Path) -> bool:
    """Whether the name is that of a class's file."""
    return path.name.lower().endswith(CLASS_SUFFIX)


def write_class(path: Path, taught: TaughtClass) -> None:
    """Write a class; equal classes give equal bytes.

    Raises:
        WriteError: the disk refuses; a file that stood there is untouched.
    """
    content = {
        "format_version": 1,
        "entry": asdict(taught.entry),
        "trunk_sha256": taught.trunk_sha256,
        "model": taught.model,
        "training": dict(taught.training),
        "licence": taught.licence,
    }
    data = save(packable(taught.row), metadata={_KEY: json.dumps(content, sort_keys=True)})
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def read_class(path: Path) -> TaughtClass:
    """Read a class.

    Raises:
        ModelError: not a class's file, damaged, or of another format version.
    """
    if not path.is_file():
        raise ModelError("there is no such class file; check the path", path=path)
    if path.stat().st_size > _LARGEST:
        raise ModelError("is too large for a class's file (a whole model?); choose another file", path=path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            row = {name: file.get_tensor(name) for name in sorted(file.keys())}
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise ModelError("is not a class's file (safetensors), or is damaged; get it again", path=path) from error
    if _KEY not in metadata:
        raise ModelError("holds no taught class; choose a file that a class was exported to", path=path)
    try:
        content = _Content.model_validate_json(metadata[_KEY])
    except (ValidationError, ClassTableError) as error:
        raise ModelError("has a damaged description, or is of a newer version; get it again", path=path) from error
    return TaughtClass(content.entry, row, content.trunk_sha256, content.model, content.training, content.licence)
