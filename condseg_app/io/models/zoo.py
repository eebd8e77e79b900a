"""The installed models: shipped models, and models in the user's folder."""

import logging
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import platformdirs

from condseg_app.data import Model
from condseg_app.errors import CondsegError, ModelError
from condseg_app.io.models.model_file import SUFFIX, read_model_description

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ModelFile:
    """A model that can be opened.

    Attributes:
        name: for `find_model`: the file's name without the ending.
        path: the file.
        description: all but the weights.
    """

    name: str
    path: Path
    description: Model

    @property
    def card(self) -> Path | None:
        """The Markdown page about the model, if there is a page beside the file."""
        page = self.path.with_suffix(".md")
        return page if page.exists() else None


def read_card(path: Path) -> str:
    """The Markdown page beside a model's file; empty where there is none that can be read."""
    try:
        return path.with_suffix(".md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def user_models_folder() -> Path:
    """Folder of the user's own models; may not exist yet."""
    return Path(platformdirs.user_data_dir("condseg", appauthor=False)) / "models"


def models_available() -> tuple[ModelFile, ...]:
    """Shipped models, then the user's; files that cannot be read are left out, as are checkpoints."""
    found: dict[str, ModelFile] = {}
    for path in _files():
        try:
            found.setdefault(path.stem, ModelFile(path.stem, path, read_model_description(path)))
        except CondsegError as error:
            _log.warning("left out: %s", error)
    return tuple(found.values())


def find_model(name: str | Path) -> Path:
    """The file of a model's name, or the path itself.

    Raises:
        ModelError: there is no such model; the message names those that there are.
    """
    known = {file.stem: file for file in reversed(_files())}
    if str(name) in known:
        return known[str(name)]
    path = Path(name).expanduser()
    if path.is_file():
        return path
    if path.suffix == SUFFIX or len(path.parts) > 1:
        raise ModelError("there is no such model file; check the path", path=path)
    names = ", ".join(sorted(known)) or "none"
    raise ModelError(f"no model '{name}' is known; there are: {names} (or give the path of a {SUFFIX} file)")


def _files() -> list[Path]:
    folders = (*_shipped_folders(), user_models_folder())
    files = [f for folder in folders if folder.is_dir() for f in sorted(folder.glob(f"*{SUFFIX}"))]
    return [f for f in files if not f.name.endswith(f".checkpoint{SUFFIX}")]


def _shipped_folders() -> tuple[Path, ...]:
    """Folders inside the installed package, or beside the package in a source checkout; the package is not imported."""
    if hasattr(sys, "_MEIPASS"):  # a bundle made by PyInstaller
        return (Path(sys._MEIPASS) / "condseg_models" / "zoo",)
    package = find_spec("condseg_models")
    if package is None or not package.submodule_search_locations:
        return ()
    home = Path(next(iter(package.submodule_search_locations)))
    beside = home.parent / "zoo"
    return (home / "zoo", *((beside,) if home.parent.name == "models" else ()))
