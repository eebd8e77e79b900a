"""A model as a single safetensors file, with the manifest as JSON in the metadata. Pickles are never read."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from condseg_app.data import Inference, Model, Preprocessing, intensity_step
from condseg_app.data.model import FINGERPRINT
from condseg_app.errors import ClassTableError, ModelError
from condseg_app.io.atomic import atomic_write
from condseg_app.io.file_start import reading
from condseg_app.io.labels.sidecar import CodedTable

SUFFIX = ".safetensors"
FINGERPRINT_SUFFIX = ".fingerprint.json"
FORMAT_VERSION = 2
"""Of new files; raised with each change that older programs would misread, and every version before is read."""
_KEY = "condseg"
_MOST_CHANNELS = 1000


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Manifest(_Strict):
    format_version: int
    name: str
    network: str
    settings: dict[str, Any]
    preprocessing: Preprocessing
    inference: Inference = Inference()
    classes: CodedTable
    licence: str
    training: dict[str, Any]
    parent: str | None
    tensors: list[str]


def write_model(path: Path, model: Model) -> None:
    """Write a model; equal models give equal bytes.

    Raises:
        ModelError: missing weights, or settings or a training record that are not plain JSON values.
        WriteError: the disk refuses; an earlier file is untouched.
    """
    if not model.weights:
        raise ModelError(f"model '{model.name}' was opened without its weights, so it cannot be written", path=path)
    content = {
        "format_version": FORMAT_VERSION,
        "name": model.name,
        "network": model.network,
        "settings": dict(model.settings),
        "preprocessing": asdict(model.preprocessing),
        "inference": asdict(model.inference),
        "classes": [asdict(entry) for entry in model.classes],
        "licence": model.licence,
        "training": dict(model.training),
        "parent": model.parent,
        "tensors": sorted(model.weights),
    }
    try:
        manifest = json.dumps(content, sort_keys=True, default=_plain)
    except (TypeError, ValueError) as error:
        raise ModelError(f"model '{model.name}' holds more than plain values ({error}); mend its settings") from error
    data = save(packable(model.weights), metadata={_KEY: manifest})
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def read_model(path: Path) -> Model:
    """Read a model with its weights.

    Raises:
        ModelError: not a model file, damaged, of another format version, or with missing tensors.
    """
    return _read(path, with_weights=True)


def read_model_description(path: Path) -> Model:
    """Read all of a model but the weights; quick at any size. Raises as `read_model`."""
    return _read(path, with_weights=False)


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal; ReadError for an unreadable file."""
    with reading(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def packable(tensors: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
    """Tensors in a form for safetensors, which copies the bytes in memory order and ignores strides."""
    return {name: np.array(a, dtype=a.dtype.newbyteorder("="), order="C", copy=None) for name, a in tensors.items()}


def _plain(value: object) -> object:
    """Numpy's numbers as Python's, for JSON."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not a plain value")


def _read(path: Path, with_weights: bool) -> Model:
    if not path.is_file():
        raise ModelError("there is no such model file; check the path", path=path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata, names = file.metadata() or {}, set(file.keys())
            manifest = _manifest(metadata, path)
            missing = sorted(set(manifest.tensors) - names)
            if missing:
                raise ModelError(
                    f"lacks {len(missing)} of its tensors, such as '{missing[0]}'; get the file again", path=path
                )
            weights = {name: file.get_tensor(name) for name in manifest.tensors} if with_weights else {}
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise ModelError("is not a model file (safetensors), or is damaged; get it again", path=path) from error
    return _as_model(manifest, weights, path)


def _manifest(metadata: Mapping[str, str], path: Path) -> _Manifest:
    if _KEY not in metadata:
        raise ModelError("is a safetensors file, but not a CondSeg model; choose another file", path=path)
    try:
        content = json.loads(metadata[_KEY])
    except (ValueError, RecursionError) as error:
        raise ModelError("has a damaged description; get the file again", path=path) from error
    version = content.get("format_version") if isinstance(content, dict) else None
    if type(version) is not int or not 1 <= version <= FORMAT_VERSION:
        raise ModelError(
            f"is of model format {version}, this program reads 1 to {FORMAT_VERSION}; update the program", path=path
        )
    try:
        return _Manifest.model_validate(_of_version_1(content) if version == 1 else content)
    except ModelError as error:
        raise ModelError(f"has impossible preprocessing ({error.message}); get it again", path=path) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(
            f"has a description that is wrong at '{where}' ({first['msg']}); get it again", path=path
        ) from error
    except ClassTableError as error:
        raise ModelError(f"has an impossible class table ({error.message}); get it again", path=path) from error


def _of_version_1(content: dict[str, Any]) -> dict[str, Any]:
    """A description of format version 1 as one of version 2, which has steps of preprocessing."""
    old = content.get("preprocessing")
    if not isinstance(old, dict):
        return content
    new = dict(old)
    channels, ends = new.pop("channels", 1), [new.pop(end, default) for end, default in (("low", 0.0), ("high", 1.0))]
    if "intensity" in new and channels in range(1, _MOST_CHANNELS):
        new["intensity"] = (intensity_step(new["intensity"], *ends),) * channels
    if new.get("orientation") is not None:
        new["orientation"] = {"codes": new["orientation"], "kind": "reorient"}
    if new.get("spacing") is not None:
        new["spacing"] = {"size": new["spacing"]}
    return {**content, "preprocessing": new}


def _as_model(manifest: _Manifest, weights: Mapping[str, NDArray[np.generic]], path: Path) -> Model:
    return Model(
        name=manifest.name,
        network=manifest.network,
        settings=manifest.settings,
        preprocessing=manifest.preprocessing,
        classes=manifest.classes,
        weights=weights,
        licence=manifest.licence,
        training=_with_fingerprint(manifest.training, path),
        parent=manifest.parent,
        source=path,
        inference=manifest.inference,
    )


def _with_fingerprint(training: dict[str, Any], path: Path) -> dict[str, Any]:
    """The training record, with the fingerprint from beside older models, whose records lack a fingerprint."""
    beside = path.with_suffix(FINGERPRINT_SUFFIX)
    if FINGERPRINT in training or not beside.is_file():
        return training
    try:
        return {**training, FINGERPRINT: json.loads(beside.read_text(encoding="utf-8"))}
    except (OSError, ValueError):
        return training
