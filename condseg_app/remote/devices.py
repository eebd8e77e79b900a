"""The devices of an engine that serves others."""

import os

from condseg_app.errors import CondsegError

_VISIBLE = "CUDA_VISIBLE_DEVICES"


def pick_devices(text: str) -> tuple[str, ...]:
    """The devices of a list such as 'cuda:0,cuda:1'; for 'auto' all CUDA devices, or the CPU where there is none.

    Raises:
        CondsegError: a device is missing, named twice, or no device at all.
    """
    import torch  # a window's process imports this module, too

    found = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    if text == "auto":
        return tuple(found) or ("cpu",)
    names = ["cuda:0" if name == "cuda" else name for name in (part.strip() for part in text.split(","))]
    for name in names:
        if name not in ("cpu", *found):
            raise CondsegError(f"there is no device '{name}' here; --devices takes {', '.join(['cpu', *found])}")
    if len(set(names)) < len(names):
        raise CondsegError(f"--devices {text} names a device twice; name each once")
    return tuple(names)


def environment(device: str) -> dict[str, str]:
    """Environment variables for a process that is to see a single device.

    Training takes the first visible GPU, so a process must see only its own.
    """
    if device == "cpu":
        return {_VISIBLE: ""}
    number = int(device.partition(":")[2])
    visible = [name for name in os.environ.get(_VISIBLE, "").split(",") if name]
    return {_VISIBLE: visible[number] if visible else str(number)}


def all_cores() -> dict[str, str]:
    """Environment variable with which a process computes on all cores that it may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {"OMP_NUM_THREADS": str(cores)}
