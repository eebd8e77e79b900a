"""The commands without a window, a module for each group."""

from condseg_app.cli.commands import app, main

__all__ = ["app", "main"]
