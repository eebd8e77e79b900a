"""Environment of the process, completed for libraries that need a user's name and a home.

In a container a user often has neither (`docker run --user 1234`), and a home may not be writable.
"""

import getpass
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

# The user's folders by the XDG standard, which libraries follow: variable -> usual place in the home.
_FOLDERS = {
    "XDG_CONFIG_HOME": ".config",
    "XDG_CACHE_HOME": ".cache",
    "XDG_DATA_HOME": ".local/share",
    "XDG_STATE_HOME": ".local/state",
}


def set_up_environment() -> None:
    """Give this process and its children a user's name and writable folders."""
    _name_the_user()
    if sys.platform != "win32":
        _give_a_home()
        _give_folders()


def _name_the_user() -> None:
    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):  # no entry in passwd
        os.environ["USER"] = f"user{os.getuid()}"


def _give_a_home() -> None:
    """Set a home where none is known; else '~' would be taken for a folder's name."""
    if not Path(os.path.expanduser("~")).is_absolute():  # noqa: PTH111 - pathlib raises where no home is known
        with suppress(OSError):
            os.environ["HOME"] = str(_own_folder())


def _give_folders() -> None:
    """Put folders for caches and settings elsewhere, where the home's cannot be written."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111
    for variable, usual in _FOLDERS.items():
        if not os.environ.get(variable) and not _can_be_written(home / usual):
            with suppress(OSError):
                os.environ[variable] = str(_own_folder() / usual)


def _can_be_written(folder: Path) -> bool:
    """Whether a folder takes files or can be made. A folder with files of CondSeg stays in use, for reading."""
    if os.access(folder / "condseg", os.R_OK):
        return True
    there = next((each for each in (folder, *folder.parents) if os.access(each, os.F_OK)), folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _own_folder() -> Path:
    """The user's folder in the system's temporary folder; a new folder if the usual name is not safely the user's."""
    folder = Path(tempfile.gettempdir()) / f"condseg-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if folder.is_symlink() or not folder.is_dir() or found.st_uid != os.getuid() or found.st_mode & 0o077:
        return Path(tempfile.mkdtemp(prefix="condseg-"))
    return folder
