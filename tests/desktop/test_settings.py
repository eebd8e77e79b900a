import json
from pathlib import Path

import pytest

from condseg_app.desktop.settings import Settings, load_settings, save_settings


def test_settings_come_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "settings.json"
    settings = Settings(theme="light")
    for number in range(12):
        settings.opened(tmp_path / f"{number}.nii.gz")
    settings.opened(tmp_path / "5.nii.gz")
    save_settings(settings, path)
    back = load_settings(path)
    assert back == settings
    assert back.recent[0].name == "5.nii.gz"
    assert len(back.recent) == 10
    assert back.last_folder == tmp_path


@pytest.mark.parametrize("content", ["", "{", "[1]", "null", '{"theme": 3, "version": 9}', "\x00\xff"])
def test_a_damaged_file_keeps_nobody_from_starting(tmp_path: Path, content: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(content, encoding="latin-1")
    assert load_settings(path) == Settings()


def test_one_bad_value_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"theme": "purple", "width": 1000, "of_a_later_version": True}))
    settings = load_settings(path)
    assert settings.theme == "dark"
    assert settings.width == 1000


def test_a_disk_that_cannot_be_written_is_no_crash(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    save_settings(Settings(), tmp_path / "file" / "settings.json")
