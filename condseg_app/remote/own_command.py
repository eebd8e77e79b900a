"""The command of this very installation."""

import sys


def own_command(*arguments: str) -> list[str]:
    """The command `condseg` with arguments, frozen or not."""
    if getattr(sys, "frozen", False):
        return [sys.executable, *arguments]
    # -P: a file in the working directory must not stand in for a module.
    return [sys.executable, "-P", "-m", "condseg_app", *arguments]
