"""Rows of the look-up table as values: to be taken out of a model and put into another."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import ClassEntry, ClassTable, Model, TaughtClass
from condseg_app.engine.networks import with_room
from condseg_app.errors import ClassTableError, ModelError
from condseg_models import OWN_ENCODER, ROWS

Row = Mapping[str, NDArray[np.generic]]
"""Tensor name -> the tensor's part for a class, without the axis of the classes."""

# Network settings that a class may change without effect on other classes.
_OF_CLASSES = ("classes", "class_rank", "own_encoders")


def taught_class(model: Model, name: str) -> TaughtClass:
    """A class of a model by itself."""
    training = dict(model.training.get("classes", {}).get(name, {}))
    return TaughtClass(model.classes[name], row_of(model, name), trunk_hash(model), model.name, training, model.licence)


def with_class(model: Model, taught: TaughtClass) -> Model:
    """The model with a class that was taught to a copy of the model; the answers are the same to the bit.

    Value and colour change where another class has them.

    Raises:
        ModelError: the class was taught to another model.
        ClassTableError: the model has the class, or another of that name.
    """
    entry = taught.entry
    if taught.trunk_sha256 != trunk_hash(model):
        raise ModelError(
            f"'{entry.name}' was taught to another model, '{taught.model}'; open that one, or teach the class anew"
        )
    known = model.classes.by_id(entry.id)
    if known is not None:
        raise ClassTableError(f"the model has this class already, as '{known.name}'; remove that one first")
    if entry.name in model.classes:
        raise ClassTableError(f"the model has a class '{entry.name}' already; rename or remove that one first")
    rank = max((w.shape[0] for key, w in taught.row.items() if key.endswith(f"inner_{ROWS}")), default=0)
    roomy = with_room(model, rank, own_encoders=OWN_ENCODER in taught.row)
    proposed = model.classes.propose(entry.name)
    if entry.value in {e.value for e in model.classes}:
        entry = replace(entry, value=proposed.value)
    if entry.color in {e.color for e in model.classes}:
        entry = replace(entry, color=proposed.color)
    if entry.part_of is not None and entry.part_of not in model.classes:
        entry = replace(entry, part_of=None)
    return with_record(with_row(roomy, entry, _as_wide(taught.row, roomy)), entry.name, taught.training)


def with_record(model: Model, name: str, record: Mapping[str, Any]) -> Model:
    """The model with a record of how a class was taught."""
    classes = {**model.training.get("classes", {}), name: dict(record)}
    return replace(model, training={**model.training, "classes": classes})


def has_rows(model: Model) -> bool:
    """Whether the classes of a model have rows, or room for rows, that can be learnt alone."""

    def is_among(names: Iterable[str]) -> bool:
        return any(name.endswith(ROWS) for name in names)

    return is_among(model.weights) or is_among(with_room(model, rank=1, own_encoders=True).weights)


def refuse_ensemble(model: Model) -> None:
    """Raise a ModelError for an ensemble: a class would be taught to the first of its networks alone."""
    if model.inference.members > 1:
        raise ModelError(f"model '{model.name}' is an ensemble, which cannot be taught; choose a single network")


def encoded_for_itself(row: Row) -> Row:
    """A row with its own updates of the encoder in use, where the network has room for these."""
    return {**row, OWN_ENCODER: np.ones_like(row[OWN_ENCODER])} if OWN_ENCODER in row else row


def _as_wide(row: Row, model: Model) -> dict[str, NDArray[np.generic]]:
    """A row with the model's rank: its updates are padded with zeros, which change nothing."""
    wide = {}
    for key, w in model.weights.items():
        if key.endswith(ROWS):
            wide[key] = np.zeros(w.shape[1:], w.dtype)
            if key in row:
                wide[key][tuple(slice(0, n) for n in row[key].shape)] = row[key]
    return wide


def rows_hash(model: Model, names: Sequence[str]) -> str:
    """SHA-256 of the rows of some classes; zeros, and zero ranks of updates, do not count."""
    digest = hashlib.sha256()
    for name in names:
        row = row_of(model, name)
        for key in sorted(row):
            part = row[key]
            if key.endswith((f"inner_{ROWS}", f"outer_{ROWS}")):
                used = row[key.replace(f"inner_{ROWS}", f"outer_{ROWS}")].any(axis=0)
                part = part[used] if key.endswith(f"inner_{ROWS}") else part[:, used]
            if part.any():
                digest.update(f"{name} {key} {part.shape}".encode())
                digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def row_of(model: Model, name: str) -> dict[str, NDArray[np.generic]]:
    """The row of a class."""
    row = model.classes.row(name)
    return {key: np.array(w[row]) for key, w in model.weights.items() if key.endswith(ROWS)}


def with_row(model: Model, entry: ClassEntry, row: Row) -> Model:
    """The model with a class of that row: in place of the class of the same name, or as the last class.

    All other tensors, and all other rows, are the same to the bit.

    Raises:
        ModelError: the row belongs to another network.
    """
    keys = {key for key in model.weights if key.endswith(ROWS)}
    if not keys or keys != set(row) or any(row[key].shape != model.weights[key].shape[1:] for key in keys):
        raise ModelError(f"'{entry.name}' was taught to another network than '{model.name}'; use the model it is for")
    known = entry.name in model.classes
    at = model.classes.row(entry.name) if known else len(model.classes)
    weights = dict(model.weights)
    for key in keys:
        old = model.weights[key]
        weights[key] = np.concatenate([old[:at], row[key][None].astype(old.dtype), old[at + 1 :]])
    entries = (*model.classes.entries[:at], entry, *model.classes.entries[at + 1 :])
    classes = ClassTable(entries)
    return replace(model, classes=classes, settings={**model.settings, "classes": len(classes)}, weights=weights)


def without_class(model: Model, name: str) -> Model:
    """The model without a class; the others answer as before, to the bit.

    Raises:
        ClassTableError: the class is the only class, or not in the table.
    """
    at = model.classes.row(name)
    if len(model.classes) == 1:
        raise ClassTableError(f"'{name}' is the model's only class, and a model needs one; add another first")
    kept = [row for row in range(len(model.classes)) if row != at]
    weights = {key: np.asarray(w[kept]) if key.endswith(ROWS) else w for key, w in model.weights.items()}
    classes = model.classes.keeping([n for n in model.classes.names if n != name])
    return replace(model, classes=classes, settings={**model.settings, "classes": len(kept)}, weights=weights)


def only_class(model: Model, entry: ClassEntry, row: Row) -> Model:
    """The model with a single class."""
    weights = {key: row[key][None] if key.endswith(ROWS) else w for key, w in model.weights.items()}
    return replace(model, classes=ClassTable((entry,)), settings={**model.settings, "classes": 1}, weights=weights)


def blended(rows: Sequence[Row]) -> dict[str, NDArray[np.generic]]:
    """The mean of some rows."""
    return {
        key: np.mean(np.stack([row[key] for row in rows]).astype(np.float64), axis=0).astype(rows[0][key].dtype)
        for key in rows[0]
    }


def trunk_hash(model: Model) -> str:
    """SHA-256 of all that classes share: network, preprocessing, and every tensor but the table's rows."""
    settings = {key: value for key, value in model.settings.items() if key not in _OF_CLASSES}
    plain: dict[str, Any] = {"network": model.network, "settings": settings, "shown": model.preprocessing.plain()}
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True, default=list).encode())
    for key in sorted(key for key in model.weights if not key.endswith(ROWS)):
        w = np.ascontiguousarray(model.weights[key])
        digest.update(f"{key} {w.dtype.str} {w.shape}".encode())
        digest.update(w.tobytes())
    return digest.hexdigest()
