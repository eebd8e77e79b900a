"""Users without a name, a home, or a home that can be written, as containers have them."""

import getpass
import os
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from condseg_app.environment import set_up_environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows knows its users")
VARIABLES = (
    "HOME",
    "USER",
    "LOGNAME",
    "LNAME",
    "USERNAME",
    *(f"XDG_{kind}_HOME" for kind in ("CONFIG", "CACHE", "DATA", "STATE")),
)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No variable of the user's is set, passwd has no entry, and temporary folders are made here."""
    for variable in VARIABLES:
        monkeypatch.setenv(variable, "x")  # so that all are as before in the end
        monkeypatch.delenv(variable)

    def unknown(uid: int) -> pwd.struct_passwd:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    return tmp_path / "tmp"


def test_a_user_without_a_name_and_a_home_gets_both(temporary: Path) -> None:
    with pytest.raises((KeyError, OSError)):
        getpass.getuser()
    set_up_environment()
    assert getpass.getuser() == f"user{os.getuid()}"
    home = Path.home()
    assert home.parent == temporary
    assert home.stat().st_mode & 0o777 == 0o700
    set_up_environment()
    assert Path.home() == home


def test_what_is_set_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USER", "ada")
    set_up_environment()
    assert (getpass.getuser(), Path.home()) == ("ada", tmp_path)
    assert "XDG_CACHE_HOME" not in os.environ


@pytest.mark.parametrize("home", ["/nowhere/at/all", "/proc", "/dev/null"])
def test_a_home_that_cannot_be_written_is_read_only(
    home: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).is_relative_to(temporary) or mode == os.F_OK)
    set_up_environment()
    assert os.environ["HOME"] == home
    assert Path(os.environ["XDG_CACHE_HOME"]).is_relative_to(temporary)


def test_settings_that_are_there_are_still_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home" / ".config" / "condseg").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    there = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: there(path, mode) and not mode & os.W_OK)
    set_up_environment()
    assert "XDG_CONFIG_HOME" not in os.environ
    assert "XDG_DATA_HOME" in os.environ


def test_a_folder_that_somebody_else_may_change_is_not_used(temporary: Path) -> None:
    taken = temporary / f"condseg-{os.getuid()}"
    taken.mkdir()
    taken.chmod(0o777)
    set_up_environment()
    assert Path.home() != taken
    assert Path.home().parent == temporary


def test_a_command_whose_reader_goes_away_ends_well() -> None:
    command = f"'{sys.executable}' -m condseg_app networks | head -c 1"
    run = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, timeout=120)
    assert (run.returncode, run.stderr) == (0, b"")
