"""`condseg`: opens the app; with a verb, runs a command without a window."""

import sys
import warnings

from condseg_app.environment import set_up_environment


def main() -> int:
    """Open the app for no arguments or `app`, else run the command."""
    set_up_environment()
    arguments = sys.argv[1:]
    if not arguments or arguments[0] == "app":
        from condseg_app.desktop.main import main as open_app

        return open_app(arguments[1:])
    from condseg_app.cli import main as run_command

    if not sys.warnoptions:  # libraries' warnings are for programmers; Python's -W shows these
        warnings.simplefilter("ignore")
    return run_command(arguments)


if __name__ == "__main__":
    sys.exit(main())
