"""Settings kept between two starts of app and plugin. A damaged file never prevents the start."""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from condseg_app.data import Pick, TeachingMode
from condseg_app.errors import CondsegError
from condseg_app.io import atomic_write
from condseg_app.io.choices import EVERYTHING
from condseg_app.remote import Endpoint, own_certificate

_logger = logging.getLogger(__name__)
_MOST_RECENT = 10
Theme = Literal["system", "dark", "light"]
ADDRESS_VARIABLE, CERTIFICATE_VARIABLE = "CONDSEG_ENGINE", "CONDSEG_ENGINE_CERTIFICATE"
"""Environment variables that set the computer, taking precedence over the settings."""


class Settings(BaseModel):
    """Version 1; unknown keys of later versions are ignored."""

    model_config = ConfigDict(extra="ignore", validate_assignment=True)

    version: Literal[1] = 1
    theme: Theme = "dark"
    recent: list[Path] = Field(default_factory=list)
    picks: dict[Path, Pick] = Field(default_factory=dict)
    last_folder: Path | None = None
    width: int = Field(default=1360, ge=400, le=20000)
    height: int = Field(default=860, ge=300, le=20000)
    engine_address: str | None = None
    engine_certificate: Path | None = None
    teaching: TeachingMode = "exact"
    check_files: bool = False

    @property
    def place(self) -> Endpoint | None:
        """The computer to compute on; None for this computer."""
        return _place(self.engine_address, self.engine_certificate)

    def compute_at(self, place: Endpoint | None) -> None:
        """Remember where to compute."""
        self.engine_address = None if place is None else place.address
        self.engine_certificate = None if place is None else place.certificate

    def opened(self, path: Path, pick: Pick = EVERYTHING) -> None:
        """Put a file at the top of the recent files, with the choice made in the file."""
        self.recent = [path, *(other for other in self.recent if other != path)][:_MOST_RECENT]
        picks = {**self.picks, path: pick}
        self.picks = {other: picks[other] for other in self.recent if picks.get(other, EVERYTHING) != EVERYTHING}
        self.last_folder = path.parent


def settings_path() -> Path:
    """The settings' file."""
    return platformdirs.user_config_path("condseg", appauthor=False) / "settings.json"


def journals_folder() -> Path:
    """Folder of the journals of unsaved work."""
    return platformdirs.user_state_path("condseg", appauthor=False) / "journals"


def chosen_place(settings: Settings, environment: Mapping[str, str] = os.environ) -> Endpoint | None:
    """The computer to compute on: from the environment, else the settings; None for this computer."""
    certificate = environment.get(CERTIFICATE_VARIABLE)
    return _place(environment.get(ADDRESS_VARIABLE), Path(certificate) if certificate else None) or settings.place


def remember_place(place: Endpoint | None, path: Path) -> None:
    """Write the computer into the settings' file at once: app and plugin may both be open, and share the file."""
    settings = load_settings(path)
    settings.compute_at(place)
    save_settings(settings, path)


def remember_teaching(mode: TeachingMode, path: Path) -> None:
    """Write the way classes are taught into the settings' file at once, also for sharing."""
    settings = load_settings(path)
    settings.teaching = mode
    save_settings(settings, path)


def load_settings(path: Path) -> Settings:
    """The settings of a file; unusable entries are left at their default, with a line in the log."""
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


def _place(address: str | None, certificate: Path | None) -> Endpoint | None:
    return Endpoint(address, certificate or own_certificate()) if address else None
