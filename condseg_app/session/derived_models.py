"""Models derived from the open model: each is a new file; the open model's file stays unchanged."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from condseg_app import io
from condseg_app.data import Model
from condseg_app.errors import WriteError
from condseg_app.io.file_names import as_file_name
from condseg_app.session.state import State

_MOST_NAMES = 1000


def save_derived_model(made: Model, state: State, ending: str, folder: Path) -> Path:
    """Write a derived model into a new file, named after the open model, with the user's class names."""
    parent, model = state.opened_model()
    path = _new_file(folder, f"{model.name}{ending}")
    training = dict(made.training)
    if "classes" in training:
        names = {own.name: (state.classes.by_id(own.id) or own).name for own in made.classes}
        training["classes"] = {names.get(own, own): record for own, record in training["classes"].items()}
    classes = made.classes.labelled_as(state.classes)
    kept = replace(made, name=path.stem, classes=classes, training=training, parent=io.file_hash(parent), source=None)
    try:
        io.write_model(path, kept)
    except BaseException:
        path.unlink(missing_ok=True)  # the empty file that kept the name
        raise
    return path


def _new_file(folder: Path, stem: str) -> Path:
    """An empty file of a name that was free."""
    safe = as_file_name(stem)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for count in range(1, _MOST_NAMES):
            path = folder / (f"{safe}.safetensors" if count == 1 else f"{safe} {count}.safetensors")
            with suppress(FileExistsError):
                path.touch(exist_ok=False)
                return path
    except OSError as error:
        raise WriteError(
            f"no model can be written here ({error.strerror}); free it or its disk", path=folder
        ) from error
    raise WriteError(f"there are too many models named '{safe}'; remove some", path=folder)
