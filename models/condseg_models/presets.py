"""Networks by name, each with the shape of its windows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from torch import nn

from condseg_models.dense_trunk import TrunkSettings
from condseg_models.dense_unet import DenseUNet, DenseUNetSettings
from condseg_models.dodnet import DoDNet, DoDNetSettings
from condseg_models.individual import Individual
from condseg_models.multi_head import MultiHead, MultiHeadSettings
from condseg_models.pipo_fan import PipoFan, PipoFanSettings
from condseg_models.protocol import ConditionedModule
from condseg_models.softmax_unet import SoftmaxUNet, SoftmaxUNetSettings
from condseg_models.triplanar import Triplanar, TriplanarSettings


@dataclass(frozen=True)
class NetworkKind:
    """A network class and the dataclass of its settings."""

    network: type[ConditionedModule]
    settings: type[Any]


NETWORKS = {
    "dense_unet": NetworkKind(DenseUNet, DenseUNetSettings),
    "individual": NetworkKind(Individual, TrunkSettings),
    "multi_head": NetworkKind(MultiHead, MultiHeadSettings),
    "softmax_unet": NetworkKind(SoftmaxUNet, SoftmaxUNetSettings),
    "dodnet": NetworkKind(DoDNet, DoDNetSettings),
    "pipo_fan": NetworkKind(PipoFan, PipoFanSettings),
    "triplanar": NetworkKind(Triplanar, TriplanarSettings),
}


@dataclass(frozen=True)
class Preset:
    """A network with its settings and the shape of its windows.

    Attributes:
        summary: its purpose, in a line.
        network: a key of `NETWORKS`.
        dimensions: '2D', '2.5D' (neighbouring slices as channels) or '3D'.
        window: voxels of a window (I, J, K); K is 1 for '2D' and '2.5D'.
        settings: changes of the network's default settings.
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
# The trunk of all networks that work slice by slice, for fair comparisons.
_TRUNK_2D = {"dimensions": 2, "width": 16, "growth": (16, 32, 48, 64, 64), "layers": (1, 2, 2, 2, 2)}
# For many classes: only the finest level is told the class, so that nearly all of a window is computed once for all.
_MANY_2D = {**_TRUNK_2D, "condition_levels": (0,)}
_SLICE = (256, 256, 1)

PRESETS: dict[str, Preset] = {
    "dense-2d": Preset("2D pictures, on a CPU or a GPU", "dense_unet", "2D", _SLICE, _TRUNK_2D),
    "dense-2.5d": Preset(
        "volumes slice by slice with one neighbour on each side; learns fastest on a CPU",
        "dense_unet",
        "2.5D",
        _SLICE,
        _TRUNK_2D,
        neighbours=1,
    ),
    "dense-2.5d-many": Preset(
        "many classes slice by slice; a further class costs next to nothing",
        "dense_unet",
        "2.5D",
        _SLICE,
        _MANY_2D,
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
    "individual-2d": Preset("a network per class, for pictures", "individual", "2D", _SLICE, _TRUNK_2D),
    "individual-2.5d": Preset(
        "a network per class, slice by slice", "individual", "2.5D", _SLICE, _TRUNK_2D, neighbours=1
    ),
    "multi-head-2d": Preset("an encoder and a decoder per class, for pictures", "multi_head", "2D", _SLICE, _TRUNK_2D),
    "multi-head-2.5d": Preset(
        "an encoder and a decoder per class, slice by slice", "multi_head", "2.5D", _SLICE, _TRUNK_2D, neighbours=1
    ),
    "tal-2d": Preset("a softmax with the target adaptive loss, for pictures", "softmax_unet", "2D", _SLICE, _TRUNK_2D),
    "tal-2.5d": Preset(
        "a softmax with the target adaptive loss, slice by slice",
        "softmax_unet",
        "2.5D",
        _SLICE,
        _TRUNK_2D,
        neighbours=1,
    ),
    "dodnet-2d": Preset("a head made on demand, for pictures", "dodnet", "2D", _SLICE, {**_TRUNK_2D, "shape": "dense"}),
    "dodnet-2.5d": Preset(
        "a head made on demand, slice by slice",
        "dodnet",
        "2.5D",
        _SLICE,
        {**_TRUNK_2D, "shape": "dense"},
        neighbours=1,
    ),
    "pipo-fan-2d": Preset("five scales in and out, for pictures", "pipo_fan", "2D", _SLICE, {"width": 16}),
    "pipo-fan-2.5d": Preset(
        "five scales in and out, slice by slice", "pipo_fan", "2.5D", _SLICE, {"width": 16}, neighbours=1
    ),
    "triplanar-3d": Preset(
        "three planes through each voxel, without pooling; slow on a CPU",
        "triplanar",
        "3D",
        (32, 32, 32),
        {"width": 16, "layers": 12, "joint": 96},
    ),
    "paper-2d": Preset(
        "Dmitriev & Kaufman's network in 2D (its street scenes); wants a GPU",
        "dense_unet",
        "2D",
        (512, 1024, 1),
        {"dimensions": 2, **_PAPER},
    ),
    "paper-3d": Preset(
        "Dmitriev & Kaufman's network in 3D (its abdominal CT); wants a GPU",
        "dense_unet",
        "3D",
        (256, 256, 32),
        {"dimensions": 3, **_PAPER},
    ),
    # The paper's patches are 64 slices of 192 x 192.
    "dodnet-paper": Preset("DoDNet as published; wants a GPU", "dodnet", "3D", (192, 192, 64), {"shape": "residual"}),
    "pipo-fan-paper": Preset(
        "PIPO-FAN as published; wants a GPU", "pipo_fan", "2.5D", (224, 224, 1), {"width": 64}, neighbours=1
    ),
    "triplanar-paper": Preset(
        "the triplanar CNN as published; wants a GPU", "triplanar", "3D", (64, 64, 64), {"width": 32, "layers": 25}
    ),
}


def build(network: str, settings: Mapping[str, Any]) -> ConditionedModule:
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
    """Number of learnt parameters."""
    return sum(p.numel() for p in network.parameters())
