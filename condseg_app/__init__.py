"""Class-conditioned segmentation, for scripts and notebooks: `import condseg_app as condseg`.

The functions below are those of `condseg_app.api`, imported on first use.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

__all__ = [
    "Masks",
    "annotation",
    "evaluate",
    "load_model",
    "models",
    "predict",
    "read_image",
    "read_label_map",
    "save_model",
    "teach",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("condseg_app.api"), name)
    raise AttributeError(f"module 'condseg_app' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
