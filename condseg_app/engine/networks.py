"""Between a model, which is a value, and a network, which computes."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from condseg_app.data import ClassEntry, ClassTable, Model, Preprocessing
from condseg_app.engine.predict.kernels import kernels_for
from condseg_app.engine.predict.windows import network_window
from condseg_app.errors import ModelError
from condseg_models import NETWORKS, PRESETS, ROWS, Condition, ConditionedModule, build


def new_model(
    name: str,
    preset: str,
    classes: ClassTable,
    preprocessing: Preprocessing,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Model:
    """A model with fresh weights, the same for the same seed.

    Args:
        name: the model's name.
        preset: a key of `condseg_models.PRESETS`.
        classes: the look-up table.
        preprocessing: of images.
        settings: network settings that differ from the preset's.
        seed: of the weights.

    Raises:
        ModelError: the settings cannot be, or the window is too small for the network.
    """
    chosen = PRESETS[preset]
    all_settings = {
        **chosen.settings,
        **(settings or {}),
        "in_channels": preprocessing.network_channels,
        "classes": len(classes),
    }
    if _takes(chosen.network, "parts"):
        all_settings["parts"] = [
            [classes.row(entry.part_of), row]
            for row, entry in enumerate(classes)
            if entry.part_of is not None and entry.part_of in classes
        ]
    model = Model(name, chosen.network, all_settings, preprocessing, classes)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        network = _build(model)
    _check_window(model, network.stride)
    return with_weights(model, network.state_dict())


def _check_window(model: Model, stride: int) -> None:
    """Instance norms need more than one voxel where the network is coarsest."""
    plan = model.preprocessing
    window = network_window(plan, stride)[: 3 if plan.dimensions == "3D" else 2]
    if all(n == stride for n in window):
        shown = " x ".join(map(str, plan.window))
        raise ModelError(
            f"a window of {shown} leaves network '{model.network}' a single voxel where it is coarsest; use a window "
            f"of at least {2 * stride} along one axis"
        )


def transfer(model: Model, trained: Model) -> Model:
    """A model with the trunk of another, for other classes and images (`condseg train --init-from`).

    Tensors of the same name and shape are taken over; so are the rows of classes of the same name. Everything else
    keeps its fresh weights.

    Raises:
        ModelError: less than half of the other model's trunk fits.
    """
    weights, taken = dict(model.weights), 0
    trunk = sum(old.size for name, old in trained.weights.items() if not name.endswith(ROWS))
    for name, old in trained.weights.items():
        if name not in weights:
            continue
        if name.endswith(ROWS) and old.shape[1:] == weights[name].shape[1:]:
            weights[name] = _with_rows_of(weights[name], model.classes, old, trained.classes)
        elif old.shape == weights[name].shape:
            weights[name] = old
            taken += old.size
    if taken < 0.5 * trunk:
        raise ModelError(
            f"{taken / trunk:.0%} of model '{trained.name}' fits a network '{model.network}' of these settings; "
            "choose its preset",
            path=trained.source,
        )
    record = {**model.training, "initialised_from": trained.name, "part_taken": round(taken / trunk, 3)}
    return replace(model, weights=weights, training=record)


def _with_rows_of(
    rows: NDArray[np.generic], classes: ClassTable, old_rows: NDArray[np.generic], old: ClassTable
) -> NDArray[np.generic]:
    rows = rows.copy()
    for row, name in enumerate(classes.names):
        if name in old:
            rows[row] = old_rows[old.row(name)]
    return rows


def _takes(network: str, setting: str) -> bool:
    return setting in {f.name for f in fields(NETWORKS[network].settings)}


def build_network(model: Model, device: torch.device) -> ConditionedModule:
    """A model's network with its weights, on a device, in evaluation mode; on 'meta' without weights.

    Raises:
        ModelError: the weights are missing, of another shape, or not those of the settings.
    """
    if device.type == "meta":
        with device:
            network = _build(model)
        device = torch.device("cpu")  # as whose the layout of memory is told
    else:
        network = _build(model)
        wanted = network.state_dict()
        _check_weights(model, wanted)
        network.load_state_dict({name: torch.from_numpy(np.array(model.weights[name])) for name in wanted})
        network.to(device)
    for parameter in network.parameters():
        if parameter.dim() in (4, 5):  # a network may have 2D and 3D convolutions
            parameter.data = parameter.data.contiguous(memory_format=memory_format(parameter.dim() - 2, device))
    return network.eval()


@torch.no_grad()
def load_changed(network: nn.Module, before: Model, after: Model) -> None:
    """Load the tensors in which a model of the same settings differs from the model that a network was built from."""
    for name, tensor in network.state_dict().items():
        if after.weights[name] is not before.weights[name]:
            tensor.copy_(torch.from_numpy(np.array(after.weights[name])))


def member(model: Model, number: int) -> Model:
    """A network of an ensemble as a model; the first carries the model's own names of tensors."""
    if number == 0:
        return model
    prefix = f"member {number}."
    found = {name.removeprefix(prefix): w for name, w in model.weights.items() if name.startswith(prefix)}
    return replace(model, weights=found)


def answers_together(model: Model) -> bool:
    """Whether a model's network has a softmax over all classes, and does not answer class by class."""
    return hasattr(NETWORKS[model.network].network, "scores")


def network_stride(model: Model) -> int:
    """Window sizes of a model's network are multiples of this many voxels."""
    return _build(model).stride


def with_weights(model: Model, state: Mapping[str, Tensor]) -> Model:
    """The model with a network's state, on the CPU."""
    weights = {name: tensor.detach().cpu().contiguous().numpy().copy() for name, tensor in state.items()}
    return replace(model, weights=weights)


def add_class(model: Model, entry: ClassEntry) -> Model:
    """The model with another row in the look-up table; every other class answers as before.

    The new row starts as the mean of the others.

    Raises:
        ModelError: the network answers for a fixed set of classes.
    """
    weights = {
        name: np.concatenate([w, w.mean(axis=0, keepdims=True)]) if name.endswith(ROWS) else w
        for name, w in model.weights.items()
    }
    classes = model.classes.adding(entry)
    wider = replace(model, classes=classes, settings={**model.settings, "classes": len(classes)}, weights=weights)
    try:
        _check_weights(wider, _build(wider).state_dict())
    except ModelError as error:
        raise ModelError(
            f"model '{model.name}' is not conditioned on a class, so none can be added; use another model"
        ) from error
    return wider


def with_room(model: Model, rank: int, own_encoders: bool = False) -> Model:
    """The model with room in its rows for updates of single classes; every class answers as before, to the bit.

    Networks that have such room already, or cannot have any, stay unchanged.

    Args:
        model: with its weights.
        rank: of the updates of convolutions.
        own_encoders: whether to make room for updates of the encoder as well.
    """
    return _roomier(_roomier(model, "class_rank", rank), "own_encoders", own_encoders)


def _roomier(model: Model, setting: str, value: int) -> Model:
    if not _takes(model.network, setting) or model.settings.get(setting, 0) >= value:
        return model
    wider = replace(model, settings={**model.settings, setting: value})
    try:
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(0)
            fresh = _build(wider).state_dict()
    except ModelError:
        return model  # layers in the paper's order have no room for updates
    weights = {name: w for name, w in model.weights.items() if name in fresh and w.shape == tuple(fresh[name].shape)}
    return replace(wider, weights={**{name: t.numpy() for name, t in fresh.items()}, **weights})


def condition_for(classes: ClassTable, names: Iterable[str], device: torch.device) -> Condition:
    """The condition of some classes, a sample each."""
    rows = [classes.row(name) for name in names]
    codes = [classes.entries[row].code for row in rows]
    return Condition(torch.tensor(rows, device=device), torch.tensor(codes, dtype=torch.float32, device=device))


def memory_format(spatial: int, device: torch.device) -> torch.memory_format:
    """The quickest memory format of a device's convolutions with 2 or 3 spatial axes."""
    return kernels_for(device, spatial).memory_format(spatial)


def _build(model: Model) -> ConditionedModule:
    try:
        return build(model.network, model.settings)
    except (TypeError, ValueError) as error:
        raise ModelError(f"model '{model.name}' cannot be built: {error}", path=model.source) from error


def _check_weights(model: Model, wanted: Mapping[str, Tensor]) -> None:
    missing = sorted(set(wanted) - set(model.weights))
    if missing:
        raise ModelError(
            f"model '{model.name}' lacks {len(missing)} of its tensors, such as '{missing[0]}'; get the file again",
            path=model.source,
        )
    for name, tensor in wanted.items():
        if tuple(model.weights[name].shape) != tuple(tensor.shape):
            raise ModelError(
                f"tensor '{name}' of model '{model.name}' has shape {model.weights[name].shape}, "
                f"expected {tuple(tensor.shape)}; get the file again",
                path=model.source,
            )
