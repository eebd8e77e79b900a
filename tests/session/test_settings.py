import json
from pathlib import Path

import pytest

from condseg_app.data import Pick
from condseg_app.remote import Endpoint, own_certificate
from condseg_app.session.settings import Settings, chosen_place, load_settings, remember_place, save_settings


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


def test_what_was_picked_comes_back_for_as_long_as_its_file_is_recent(tmp_path: Path) -> None:
    path, film = tmp_path / "settings.json", tmp_path / "film.nii.gz"
    settings = Settings()
    settings.opened(film, Pick(frame=3))
    save_settings(settings, path)
    assert load_settings(path).picks == {film: Pick(frame=3)}
    settings.opened(film, Pick(frame=1))
    settings.opened(tmp_path / "scan.nii.gz")
    assert settings.picks == {film: Pick(frame=1)}
    for number in range(9):
        settings.opened(tmp_path / f"{number}.nii.gz")
    assert settings.picks == {}
    path.write_text(json.dumps({"picks": {"a.nii": {"frame": "first"}}, "width": 1000}))
    assert load_settings(path) == Settings(width=1000)


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


def test_where_to_compute_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    save_settings(Settings(theme="light"), path)
    place = Endpoint("workstation:8786", tmp_path / "engine.pem")
    remember_place(place, path)
    assert load_settings(path).place == place
    assert load_settings(path).theme == "light"
    remember_place(None, path)
    assert load_settings(path).place is None


def test_a_damaged_place_is_this_computer(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"engine_address": 7, "engine_certificate": "x.pem", "theme": "light"}))
    assert load_settings(path).place is None
    assert load_settings(path).theme == "light"


def test_the_environment_goes_before_the_settings(tmp_path: Path) -> None:
    settings = Settings(engine_address="workstation:8786", engine_certificate=tmp_path / "a.pem")
    assert chosen_place(settings, {}) == settings.place
    variables = {"CONDSEG_ENGINE": "cluster:1", "CONDSEG_ENGINE_CERTIFICATE": "b.pem"}
    assert chosen_place(settings, variables) == Endpoint("cluster:1", Path("b.pem"))
    assert chosen_place(Settings(), {"CONDSEG_ENGINE": "cluster:1"}) == Endpoint("cluster:1", own_certificate())
    assert chosen_place(Settings(), {"CONDSEG_ENGINE_CERTIFICATE": "b.pem"}) is None
