"""Classes of a model file: exported, imported, renamed, removed. The model file itself is unchanged."""

from dataclasses import replace
from pathlib import Path

from condseg_app.data import Model
from condseg_app.errors import ClassTableError, ModelError
from condseg_app.io import file_hash, find_model, read_model, write_model
from condseg_app.io.models.class_file import read_class, write_class


def export_class(model: str, name: str, output: Path) -> None:
    """Write a class of a model into a class file."""
    from condseg_app.engine.class_rows import taught_class  # torch: renaming needs none

    write_class(output, taught_class(read_model(find_model(model)), name))


def import_class(file: Path, model: str, output: Path, name: str | None = None) -> None:
    """Write the model with a class from a class file, under another name if given.

    Raises:
        ModelError: the class was taught to another model.
        ClassTableError: the model has the class, or another of that name.
    """
    taught = read_class(file)
    named = taught if name is None else replace(taught, entry=replace(taught.entry, name=name))
    path = find_model(model)
    from condseg_app.engine.class_rows import with_class  # torch, once both files are known to be there

    write_derived(path, with_class(read_model(path), named), output)


def rename_class(model: str, old: str, new: str, output: Path) -> None:
    """Write the model with another name for a class."""
    path = find_model(model)
    found = read_model(path)
    if new in found.classes:
        raise ClassTableError(f"the model has a class '{new}' already; choose another name")
    classes = found.classes.renaming(old, new)
    records = {new if name == old else name: kept for name, kept in found.training.get("classes", {}).items()}
    training = {**found.training, **({"classes": records} if records else {})}
    write_derived(path, replace(found, classes=classes, training=training), output)


def remove_class(model: str, name: str, output: Path) -> None:
    """Write the model without a class."""
    path = find_model(model)
    from condseg_app.engine.class_rows import without_class  # torch: renaming needs none

    write_derived(path, without_class(read_model(path), name), output)


def write_derived(path: Path, changed: Model, output: Path) -> None:
    """Write a model that was made from another's file, which is noted as the parent."""
    refuse_own_file(path, output)
    write_model(output, replace(changed, name=output.stem, parent=file_hash(path)))


def refuse_own_file(path: Path, output: Path) -> None:
    """Raise a ModelError if the file to write is the model's own."""
    if output.exists() and output.samefile(path):
        raise ModelError("the output is the model itself, which stays as it is; choose another file", path=output)
