"""Which device computes."""

import torch

from condseg_app.data import DeviceInfo
from condseg_app.errors import CondsegError


def pick_device(device: str = "auto") -> torch.device:
    """The device of a name ('cpu', 'cuda', 'cuda:1', 'mps'), or the best there is for 'auto'.

    Raises:
        CondsegError: the device is not there.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        # 3D convolutions are not complete on Apple's GPUs, so they must be asked for by name.
        return torch.device("cpu")
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise CondsegError(f"the device '{device}' cannot be used here; choose 'cpu' or 'auto'") from error
    return torch.device(device)


def describe_device(device: str = "auto") -> DeviceInfo:
    """What `pick_device` picks, for the screen."""
    picked = pick_device(device)
    if picked.type == "cuda":
        return DeviceInfo("cuda", torch.cuda.get_device_name(picked))
    return DeviceInfo(picked.type, "CPU" if picked.type == "cpu" else picked.type, torch.get_num_threads())
