"""The networks that can be chosen by name, each with the shape of window it is made for."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from torch import nn

from condseg_models.dense_unet import DenseUNet, DenseUNetSettings


@dataclass(frozen=True)
class NetworkKind:
    """A network class and the dataclass of its settings."""

    network: type[DenseUNet]
    settings: type[DenseUNetSettings]


NETWORKS = {"dense_unet": NetworkKind(DenseUNet, DenseUNetSettings)}


@dataclass(frozen=True)
class Preset:
    """A network with its settings and the windows it is shown.

    Attributes:
        summary: what it is for, in one line.
        network: a key of `NETWORKS`.
        dimensions: '2D', '2.5D' (neighbouring slices as channels) or '3D'.
        window: voxels of a window (I, J, K); K is 1 for '2D' and '2.5D'.
        settings: what differs from the network's default settings.
        neighbours: slices on each side that are shown as channels ('2.5D' only).
    """

    summary: str
    network: str
    dimensions: Literal["2D", "2.5D", "3D"]
    window: tuple[int, int, int]
    settings: Mapping[str, Any] = field(default_factory=dict)
    neighbours: int = 0


# Six dense blocks and five poolings, channels proportional to depth, LReLU of slope 0.3. The paper leaves widths
# open; two layers of growth 16, 32, ... keep every width a multiple of 16.
_PAPER = {
    "width": 32,
    "growth": (16, 32, 48, 64, 80, 96),
    "layers": (2, 2, 2, 2, 2, 2),
    "conditioning": "constant",
    "layer_order": "activation_first",
    "slope": 0.3,
}

PRESETS: dict[str, Preset] = {
    "dense-2d": Preset(
        "2D pictures, on a CPU or a GPU",
        "dense_unet",
        "2D",
        (256, 256, 1),
        {"dimensions": 2, "width": 16, "growth": (16, 32, 48, 64, 64), "layers": (1, 2, 2, 2, 2)},
    ),
    "dense-2.5d": Preset(
        "volumes slice by slice with one neighbour on each side; learns fastest on a CPU",
        "dense_unet",
        "2.5D",
        (256, 256, 1),
        {"dimensions": 2, "width": 16, "growth": (16, 32, 48, 64, 64), "layers": (1, 2, 2, 2, 2)},
        neighbours=1,
    ),
    "dense-3d": Preset(
        "small volumes in full 3D, on a CPU or a GPU",
        "dense_unet",
        "3D",
        (40, 64, 40),
        {"dimensions": 3, "width": 16, "growth": (16, 32, 48, 64), "layers": (1, 1, 2, 2)},
    ),
    "dense-3d-half": Preset(
        "larger volumes in 3D at half the resolution inside, on a CPU",
        "dense_unet",
        "3D",
        (96, 96, 64),
        {"dimensions": 3, "width": 32, "growth": (32, 48, 64), "layers": (2, 2, 2), "stem_stride": 2},
    ),
    "paper-2d": Preset(
        "the paper's network in 2D (its street scenes); wants a GPU",
        "dense_unet",
        "2D",
        (512, 1024, 1),
        {"dimensions": 2, **_PAPER},
    ),
    "paper-3d": Preset(
        "the paper's network in 3D (its abdominal CT); wants a GPU",
        "dense_unet",
        "3D",
        (256, 256, 32),
        {"dimensions": 3, **_PAPER},
    ),
}


def build(network: str, settings: Mapping[str, Any]) -> DenseUNet:
    """A network with fresh weights.

    Raises:
        ValueError: no such network or setting, or a setting's value is not allowed.
    """
    if network not in NETWORKS:
        raise ValueError(f"no network '{network}'; there are: {', '.join(NETWORKS)}")
    kind = NETWORKS[network]
    known = {f.name for f in fields(kind.settings)}
    unknown = set(settings) - known
    if unknown:
        raise ValueError(f"network '{network}' has no setting {sorted(unknown)}; it has {sorted(known)}")
    plain: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()
    }
    return kind.network(kind.settings(**plain))


def count_parameters(network: nn.Module) -> int:
    """How many numbers are learnt."""
    return sum(p.numel() for p in network.parameters())
