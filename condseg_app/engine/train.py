"""Training: a loop of short calls."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from condseg_app.data import Model, TrainingProgress
from condseg_app.engine.devices import pick_device
from condseg_app.engine.losses import conditioned_loss, dice_score
from condseg_app.engine.networks import build_network, condition_for, memory_format, with_weights
from condseg_app.engine.recipes import Recipe
from condseg_app.engine.samples import SampleSource, TrainingSample
from condseg_app.errors import CondsegError, ModelError
from condseg_models import ROWS

# Displayed figures are means over about this many samples.
_SMOOTHING = 20


@dataclass(frozen=True)
class Step:
    """One step of a training, a line of its log."""

    step: int
    loss: float
    learning_rate: float
    seconds: float
    dice: Mapping[str, float] = field(default_factory=dict)


class Trainer:
    """Trains a model on samples of several sources, each drawn with equal probability.

    Every step draws from a generator seeded by the recipe's seed and the step's number, so an interrupted
    training that is resumed sees what it would have seen.

    Args:
        model: where to start from.
        sources: where samples come from.
        recipe: how to train.
        device: 'auto', 'cpu', 'cuda', ...
    """

    def __init__(self, model: Model, sources: Sequence[SampleSource], recipe: Recipe, device: str = "auto") -> None:
        if not sources:
            raise CondsegError("there is nothing to learn from; name at least one data set")
        self.recipe = recipe
        self.history: list[Step] = []
        self._start_model, self._sources = model, tuple(sources)
        picked = pick_device(device)
        self._fabric = Fabric(
            accelerator="cuda" if picked.type == "cuda" else "cpu", devices=1, precision=recipe.precision
        )
        network = build_network(model, picked).train()
        self._memory_format = memory_format(network)
        optimizer = torch.optim.AdamW(_parameter_groups(network, recipe), weight_decay=recipe.weight_decay)
        self._network, self._optimizer = self._fabric.setup(network, optimizer)
        self._average = (
            AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema), use_buffers=True)
            if recipe.ema
            else None
        )
        self._step, self._seconds = 0, 0.0

    @property
    def progress(self) -> TrainingProgress:
        """How far it is."""
        recent = self.history[-_SMOOTHING:]
        loss = float(np.mean([s.loss for s in recent])) if recent else float("nan")
        left = None if self._step == 0 else self._seconds / self._step * (self.recipe.steps - self._step)
        return TrainingProgress(self._step, self.recipe.steps, loss, self._recent_dice(), left)

    def advance(self, seconds: float = 0.5) -> TrainingProgress:
        """Train for about so long, at least one step; nothing happens once all steps are taken."""
        end = time.perf_counter() + seconds
        while self._step < self.recipe.steps:
            self._take_step()
            if time.perf_counter() >= end:
                break
        return self.progress

    def model(self) -> Model:
        """What has been learnt so far, with a record of how."""
        network = self._average.module if self._average is not None else self._network.module
        record = {
            **self._start_model.training,
            "sources": [source.name for source in self._sources],
            "steps": self._step,
            "seconds": round(self._seconds, 1),
            "recipe": asdict(self.recipe),
        }
        return with_weights(replace(self._start_model, training=record), network)

    def state(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]]:
        """Everything needed to go on later: tensors by name, and plain values."""
        tensors = {f"network.{name}": t for name, t in self._network.module.state_dict().items()}
        if self._average is not None:
            tensors |= {f"average.{name}": t for name, t in self._average.state_dict().items()}
        for index, state in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": t for name, t in state.items()}
        arrays = {name: t.detach().cpu().contiguous().numpy().copy() for name, t in tensors.items()}
        return arrays, {"step": self._step, "seconds": self._seconds, "history": [asdict(s) for s in self.history]}

    def resume(self, tensors: Mapping[str, NDArray[np.generic]], plain: Mapping[str, Any]) -> None:
        """Go on from an earlier `state` of a training with the same model and recipe."""
        try:
            self._network.module.load_state_dict(_part(tensors, "network."))
            if self._average is not None:
                self._average.load_state_dict(_part(tensors, "average."))
            optimizer: dict[int, dict[str, Tensor]] = {}
            for name, tensor in _part(tensors, "optimizer.").items():
                index, key = name.split(".", 1)
                optimizer.setdefault(int(index), {})[key] = tensor
            groups = self._optimizer.state_dict()["param_groups"]
            self._optimizer.load_state_dict({"state": optimizer, "param_groups": groups})
            self._step, self._seconds = int(plain["step"]), float(plain["seconds"])
            self.history = [Step(**step) for step in plain["history"]]
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise ModelError("the checkpoint is of another network or recipe; start without resuming") from error

    def _take_step(self) -> None:
        started = time.perf_counter()
        rate = self._set_learning_rate()
        samples = self._draw()
        images = torch.stack([s.image for s in samples]).to(self._fabric.device, memory_format=self._memory_format)
        target = torch.stack([s.target for s in samples]).to(self._fabric.device)
        supervised = torch.stack([s.supervised for s in samples]).to(self._fabric.device)
        condition = condition_for(self._start_model.classes, [s.class_name for s in samples], self._fabric.device)
        logits = self._network(images, condition)
        loss = conditioned_loss(logits, target, supervised, condition.rows, self.recipe.loss)
        self._optimizer.zero_grad()
        self._fabric.backward(loss)
        if self.recipe.clip:
            self._fabric.clip_gradients(self._network, self._optimizer, max_norm=self.recipe.clip)
        self._optimizer.step()
        if self._average is not None:
            self._average.update_parameters(self._network.module)
        self._step += 1
        taken = time.perf_counter() - started
        self._seconds += taken
        dice = {s.class_name: dice_score(logits[i], target[i], supervised[i]) for i, s in enumerate(samples)}
        self.history.append(Step(self._step, float(loss.detach()), rate, round(taken, 3), dice))

    def _draw(self) -> list[TrainingSample]:
        rng = np.random.default_rng([self.recipe.seed, self._step])
        chosen = rng.integers(len(self._sources), size=self.recipe.batch)
        return [self._sources[index].draw(rng) for index in chosen]

    def _set_learning_rate(self) -> float:
        rate = learning_rate(self.recipe, self._step)
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        return rate

    def _recent_dice(self) -> dict[str, float]:
        seen: dict[str, list[float]] = {}
        for step in self.history[-3 * _SMOOTHING :]:
            for name, dice in step.dice.items():
                seen.setdefault(name, []).append(dice)
        return {name: float(np.mean(values[-_SMOOTHING:])) for name, values in sorted(seen.items())}


def learning_rate(recipe: Recipe, step: int) -> float:
    """The rate of a step: a linear rise, then a cosine down to zero."""
    if step < recipe.warm_up:
        return recipe.learning_rate * (step + 1) / recipe.warm_up
    if not recipe.decay:
        return recipe.learning_rate
    done = (step - recipe.warm_up) / max(1, recipe.steps - recipe.warm_up)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def _parameter_groups(network: torch.nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    named = list(network.named_parameters())
    rows = [p for name, p in named if name.endswith(ROWS)]
    others = [p for name, p in named if not name.endswith(ROWS)]
    groups = [{"params": others, "factor": 1.0}, {"params": rows, "factor": recipe.row_rate, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def _part(tensors: Mapping[str, NDArray[np.generic]], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): torch.from_numpy(np.array(array))
        for name, array in tensors.items()
        if name.startswith(prefix)
    }
