"""Choice of the device, and training on several devices."""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.distributed
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor

from condseg_app.data import DeviceInfo
from condseg_app.errors import CondsegError

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


def pick_device(device: str = "auto") -> torch.device:
    """The device of a name ('cpu', 'cuda', 'cuda:1', 'mps'), or the best there is for 'auto'.

    Raises:
        CondsegError: the device is not there.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        # 3D convolutions are not complete on Apple's GPUs, so these must be asked for by name.
        return torch.device("cpu")
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise CondsegError(f"the device '{device}' cannot be used here; choose 'cpu' or 'auto'") from error
    return torch.device(device)


def describe_device(device: str = "auto") -> DeviceInfo:
    """The device of `pick_device`, for the screen."""
    picked = pick_device(device)
    if picked.type == "cuda":
        return DeviceInfo("cuda", torch.cuda.get_device_name(picked))
    return DeviceInfo(picked.type, "CPU" if picked.type == "cpu" else picked.type, torch.get_num_threads())


def cuda_devices() -> list[str]:
    """Name and memory of each CUDA device."""
    found = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    return [f"{device.name}, {device.total_memory / 2**30:.0f} GiB" for device in found]


def why_no_cuda() -> str | None:
    """Why no CUDA device computes, with the remedy; None where a device does."""
    if torch.cuda.is_available():
        return None
    if torch.version.cuda is None and torch.version.hip is None:
        apple = " (Apple's GPU: --device mps, without all 3D networks)" if torch.backends.mps.is_available() else ""
        return f"this torch was built without CUDA; install a build of torch with CUDA to use an NVIDIA GPU{apple}"
    return f"torch for CUDA {torch.version.cuda} finds no GPU; install or update the NVIDIA driver"


@dataclass(frozen=True)
class Processes:
    """Processes that train a model together, one for each device.

    Attributes:
        devices: on this computer.
        nodes: computers; with more than one, torchrun starts the processes.
    """

    devices: int = 1
    nodes: int = 1


ONE_PROCESS = Processes()


def make_fabric(device: torch.device, precision: Precision, processes: Processes) -> Fabric:
    """Lightning Fabric for a device, or for several with their processes started.

    For each process Fabric runs this program's own command once more, so everything before this call happens in each
    process.
    """
    accelerator = "cuda" if device.type == "cuda" else "cpu"
    if processes == ONE_PROCESS:
        return Fabric(accelerator=accelerator, devices=1, precision=precision)
    # A batch may leave a class's own layers out.
    strategy = DDPStrategy(find_unused_parameters=True)
    fabric = Fabric(
        accelerator=accelerator,
        devices=processes.devices,
        num_nodes=processes.nodes,
        strategy=strategy,
        precision=precision,
    )
    fabric.launch()
    return fabric


def sum_over_processes(x: Tensor) -> Tensor:
    """The sum of a tensor over all processes of a training."""
    total: Tensor = _SumOverProcesses.apply(x)  # type: ignore[no-untyped-call]
    return total


class _SumOverProcesses(torch.autograd.Function):
    """Sums forwards and backwards.

    DDP averages gradients over processes. A loss made of such sums is the same in every process, so each
    process's part of its gradient arrives there whole.
    """

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        """Sum over processes, of any shape."""
        out = x.clone()
        torch.distributed.all_reduce(out)
        return out

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        """Sum the gradients over processes, too."""
        out = gradient.clone()
        torch.distributed.all_reduce(out)
        return out
