"""Between a model, which is a value, and a network, which computes."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from condseg_app.data import ClassEntry, ClassTable, Model, Preprocessing
from condseg_app.errors import ModelError
from condseg_models import PRESETS, ROWS, Condition, DenseUNet, build


def new_model(
    name: str, preset: str, classes: ClassTable, preprocessing: Preprocessing, settings: Mapping[str, Any] | None = None
) -> Model:
    """A model with fresh weights.

    Args:
        name: what to call it.
        preset: a key of `condseg_models.PRESETS`.
        classes: its look-up table.
        preprocessing: what its images go through.
        settings: network settings that differ from the preset's.
    """
    chosen = PRESETS[preset]
    all_settings = {
        **chosen.settings,
        **(settings or {}),
        "in_channels": preprocessing.network_channels,
        "classes": len(classes),
    }
    model = Model(name, chosen.network, all_settings, preprocessing, classes)
    return with_weights(model, _build(model))


def build_network(model: Model, device: torch.device) -> DenseUNet:
    """A model's network with its weights, on a device, in evaluation mode.

    Raises:
        ModelError: the weights are missing, of another shape, or not those of the settings.
    """
    network = _build(model)
    wanted = network.state_dict()
    _check_weights(model, wanted)
    network.load_state_dict({name: torch.from_numpy(np.array(model.weights[name])) for name in wanted})
    network.to(device)
    # torch's own annotations leave out this overload of Module.to.
    network.to(memory_format=memory_format(network))  # type: ignore[call-overload]
    return network.eval()


def network_stride(model: Model) -> int:
    """Multiples of this many voxels are what a model's network takes."""
    return _build(model).stride


def with_weights(model: Model, network: torch.nn.Module) -> Model:
    """The model with a network's weights, float32 on the CPU."""
    weights = {name: tensor.detach().cpu().contiguous().numpy().copy() for name, tensor in network.state_dict().items()}
    return replace(model, weights=weights)


def add_class(model: Model, entry: ClassEntry) -> Model:
    """The model with one more row in its look-up table; every other class answers as before.

    The new row starts as the mean of the others.

    Raises:
        ModelError: the network has no table (`condition_at='none'`).
    """
    if model.settings.get("condition_at", "decoder") == "none":
        raise ModelError(f"model '{model.name}' is not conditioned on a class, so none can be added; use another model")
    weights = {
        name: np.concatenate([w, w.mean(axis=0, keepdims=True)]) if name.endswith(ROWS) else w
        for name, w in model.weights.items()
    }
    classes = model.classes.adding(entry)
    return replace(model, classes=classes, settings={**model.settings, "classes": len(classes)}, weights=weights)


def condition_for(classes: ClassTable, names: Iterable[str], device: torch.device) -> Condition:
    """The condition of some classes, one sample each."""
    rows = [classes.row(name) for name in names]
    codes = [classes.entries[row].code for row in rows]
    return Condition(torch.tensor(rows, device=device), torch.tensor(codes, dtype=torch.float32, device=device))


def memory_format(network: DenseUNet) -> torch.memory_format:
    """Channels last: convolutions are quicker in it on CPUs and on GPUs with tensor cores."""
    return torch.channels_last_3d if network.settings.dimensions == 3 else torch.channels_last


def _build(model: Model) -> DenseUNet:
    try:
        return build(model.network, model.settings)
    except (TypeError, ValueError) as error:
        raise ModelError(f"model '{model.name}' cannot be built: {error}", path=model.source) from error


def _check_weights(model: Model, wanted: Mapping[str, Tensor]) -> None:
    missing = sorted(set(wanted) - set(model.weights))
    if missing:
        raise ModelError(
            f"model '{model.name}' lacks {len(missing)} tensor(s) such as '{missing[0]}'; get the file again",
            path=model.source,
        )
    for name, tensor in wanted.items():
        if tuple(model.weights[name].shape) != tuple(tensor.shape):
            raise ModelError(
                f"tensor '{name}' of model '{model.name}' has shape {model.weights[name].shape}, "
                f"expected {tuple(tensor.shape)}; get the file again",
                path=model.source,
            )
