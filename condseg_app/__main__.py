"""`condseg`: opens the app; with a verb, runs a command without a window."""

import sys


def main() -> int:
    """Open the app for no arguments or `app`, else run the command."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] == "app":
        from condseg_app.desktop.main import main as open_app

        return open_app(arguments[1:])
    from condseg_app.cli import main as run_command

    return run_command(arguments)


if __name__ == "__main__":
    sys.exit(main())
