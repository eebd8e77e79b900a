"""Locks of projects and journals: a single window may write."""

import getpass
import json
import os
import socket
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from condseg_app.io.atomic import atomic_write


class Lock:
    """A lock beside the files of a folder, which ends with the process that holds the lock, however that ends.

    Args:
        folder: the folder that a single window may write to.
    """

    def __init__(self, folder: Path) -> None:
        self._owner = folder / ".owner.json"
        self._lock = FileLock(folder / ".lock", thread_local=False)

    def take(self) -> bool:
        """Take the lock if nobody has it; whether this window has it now.

        Raises:
            OSError: the folder cannot be written to.
        """
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        now = datetime.now().astimezone().isoformat(timespec="minutes")
        with atomic_write(self._owner) as temporary:
            temporary.write_text(json.dumps({"user": _user(), "host": socket.gethostname(), "since": now}))
        return True

    @property
    def is_held(self) -> bool:
        """Whether this window has the lock."""
        return self._lock.is_locked

    def release(self) -> None:
        """Let another window have the lock."""
        if self.is_held:
            with suppress(OSError):
                self._owner.unlink()
            self._lock.release()

    def owner(self) -> str:
        """The lock's owner, for a sentence: 'ada on workstation, since 14:32'."""
        try:
            known = json.loads(self._owner.read_text())
            since = datetime.fromisoformat(known["since"])
            when = f"{since:%H:%M}" if since.date() == datetime.now().astimezone().date() else f"{since:%d %B, %H:%M}"
            return f"{known['user']} on {known['host']}, since {when}"
        except (OSError, ValueError, TypeError, KeyError):
            return "another window"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # users without an entry in passwd
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "somebody"
