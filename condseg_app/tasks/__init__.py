"""Use cases: one a file, the same for a click, a command and a Python call.

`tasks.train` and so on are imported on first use, for most need torch.
"""

from importlib import import_module
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    if name.startswith("_"):
        raise AttributeError(f"module 'condseg_app.tasks' has no attribute '{name}'")
    return import_module(f"condseg_app.tasks.{name}")
