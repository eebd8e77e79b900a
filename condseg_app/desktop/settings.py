"""What the app remembers between two starts. A damaged file never keeps it from starting."""

import json
import logging
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from condseg_app.errors import CondsegError
from condseg_app.io import atomic_write

_logger = logging.getLogger(__name__)
_MOST_RECENT = 10
Theme = Literal["system", "dark", "light"]


class Settings(BaseModel):
    """Version 1; unknown keys of later versions are ignored."""

    model_config = ConfigDict(extra="ignore", validate_assignment=True)

    version: Literal[1] = 1
    theme: Theme = "dark"
    recent: list[Path] = Field(default_factory=list)
    last_folder: Path | None = None
    width: int = Field(default=1360, ge=400, le=20000)
    height: int = Field(default=860, ge=300, le=20000)

    def opened(self, path: Path) -> None:
        """Put a file at the top of the recent ones."""
        self.recent = [path, *(other for other in self.recent if other != path)][:_MOST_RECENT]
        self.last_folder = path.parent


def settings_path() -> Path:
    """Where the settings are kept."""
    return platformdirs.user_config_path("condseg", appauthor=False) / "settings.json"


def load_settings(path: Path) -> Settings:
    """The settings of a file; what cannot be used in it is left at its default, with a line in the log."""
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        _logger.warning("settings %s cannot be read (%s); defaults are used", path, error)
        return Settings()
    if not isinstance(found, dict):
        return Settings()
    try:
        return Settings.model_validate(found)
    except ValidationError as error:
        wrong = {str(detail["loc"][0]) for detail in error.errors()}
        _logger.warning("settings %s: %s cannot be used", path, ", ".join(sorted(wrong)))
        return Settings.model_validate({key: value for key, value in found.items() if key not in wrong})


def save_settings(settings: Settings, path: Path) -> None:
    """Write the settings; a full or read-only disk is logged, not raised."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as part:
            part.write_text(settings.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except (OSError, CondsegError) as error:
        _logger.warning("settings %s cannot be written (%s)", path, error)
