"""Use cases: one a file, the same for a click, a command and a Python call.

`tasks.train` and so on are imported on first use, for most need torch.
"""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    path = f"{__name__}.{name}"
    if name.startswith("_") or find_spec(path) is None:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return import_module(path)
