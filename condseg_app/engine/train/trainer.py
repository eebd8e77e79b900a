"""Training: a loop of short calls."""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from condseg_app.data import Model, TrainingProgress
from condseg_app.engine.devices import ONE_PROCESS, Processes, make_fabric, pick_device, sum_over_processes
from condseg_app.engine.networks import build_network, with_weights
from condseg_app.engine.train.batches import Batch, ask_unlabelled, make_batch
from condseg_app.engine.train.loading import Loader, Share
from condseg_app.engine.train.losses import dice_score
from condseg_app.engine.train.objectives import make_objective
from condseg_app.engine.train.recipes import Recipe
from condseg_app.engine.train.samples import SampleSource, TrainingSample
from condseg_app.engine.train.validation import Validation, ValidationScore
from condseg_app.errors import ModelError
from condseg_models import ROWS, ConditionedModule

_Tensors = tuple[Tensor, ...] | list[Tensor]

# Displayed figures are means over about this many samples.
_SMOOTHING = 20


@dataclass(frozen=True)
class Step:
    """A step of a training, a line of its log."""

    step: int
    loss: float
    learning_rate: float
    seconds: float
    dice: Mapping[str, float] = field(default_factory=dict)


class Trainer:
    """Trains a model on samples of several sources.

    Args:
        model: the model to start from.
        sources: sources of samples.
        recipe: settings of the training.
        device: 'auto', 'cpu', 'cuda', ...
        validation: sources of held-out samples, for recipes that validate. Then the model is the best so far, and
            the recipe's patience ends the training early.
        processes: number and place of the processes that train together.
    """

    def __init__(
        self,
        model: Model,
        sources: Sequence[SampleSource],
        recipe: Recipe,
        device: str = "auto",
        validation: Sequence[SampleSource] = (),
        processes: Processes = ONE_PROCESS,
    ) -> None:
        self.recipe = recipe
        self.history: list[Step] = []
        self._model, self.sources = model, tuple(sources)
        picked = pick_device(device)
        self._fabric = make_fabric(picked, recipe.precision, processes)
        self._loader = Loader(self.sources, recipe, Share(self._fabric.global_rank, self._fabric.world_size))
        self._validation = (
            Validation(validation, model.classes, recipe) if validation and recipe.validate_every else None
        )
        self._network = build_network(model, self._fabric.device).train()
        objective = make_objective(self._network, model, recipe.loss, self._total)
        optimizer = torch.optim.AdamW(_parameter_groups(self._network, recipe), weight_decay=recipe.weight_decay)
        self._objective, self._optimizer = self._fabric.setup(objective, optimizer)
        self._average = (
            AveragedModel(self._network, multi_avg_fn=_moving_average(recipe.ema), use_buffers=True)
            if recipe.ema
            else None
        )
        self._step, self._seconds = 0, 0.0

    def keep_rows(self, names: Sequence[str]) -> None:
        """Keep the rows of some classes unchanged."""
        learnt = torch.ones(len(self._model.classes), device=self._fabric.device)
        learnt[[self._model.classes.row(name) for name in names]] = 0
        for name, parameter in self._network.named_parameters():
            if name.endswith(ROWS):
                shape = (-1, *[1] * (parameter.dim() - 1))
                parameter.register_hook(lambda gradient, shape=shape: gradient * learnt.reshape(shape))

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and speaks, the first of several."""
        return bool(self._fabric.global_rank == 0)

    @property
    def seconds(self) -> float:
        """Time spent on steps."""
        return self._seconds

    @property
    def looks(self) -> list[ValidationScore]:
        """Scores on the validation samples, in order."""
        return self._validation.looks if self._validation else []

    @property
    def progress(self) -> TrainingProgress:
        """Progress so far."""
        recent = self.history[-_SMOOTHING:]
        loss = float(np.mean([s.loss for s in recent])) if recent else float("nan")
        steps = self._step if self._exhausted else self.recipe.steps
        left = None if self._step == 0 else self._seconds / self._step * (steps - self._step)
        return TrainingProgress(self._step, steps, loss, self._recent_dice(), left)

    def advance(self, seconds: float = 0.5) -> TrainingProgress:
        """Train for about so long, at least one step; nothing happens once all steps are taken."""
        end = time.perf_counter() + seconds
        while self._step < self.recipe.steps and not self._exhausted:
            self._take_step()
            if time.perf_counter() >= end:
                break
        return self.progress

    def model(self) -> Model:
        """The model so far, with a record of the training."""
        best = self._validation.best if self._validation else None
        record = {
            **self._model.training,
            "sources": [source.name for source in self.sources],
            "steps": self._step,
            "seconds": round(self._seconds, 1),
            "recipe": asdict(self.recipe),
            **({"best": asdict(best)} if best else {}),
        }
        weights = self._validation.best_weights if self._validation and best else self._learnt.state_dict()
        return with_weights(replace(self._model, training=record), weights)

    def state(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]]:
        """Everything needed to go on later: tensors by name, and plain values."""
        tensors = {f"network.{name}": t for name, t in self._network.state_dict().items()}
        if self._average is not None:
            tensors |= {f"average.{name}": t for name, t in self._average.state_dict().items()}
        for index, state in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": t for name, t in state.items()}
        best, looks = self._validation.state() if self._validation else ({}, [])
        tensors |= {f"best.{name}": t for name, t in best.items()}
        arrays = {name: t.detach().cpu().contiguous().numpy().copy() for name, t in tensors.items()}
        plain = {
            "step": self._step,
            "seconds": self._seconds,
            "history": [asdict(s) for s in self.history],
            "looks": looks,
            "settings": self._settings(),
        }
        return arrays, plain

    def resume(self, tensors: Mapping[str, NDArray[np.generic]], plain: Mapping[str, Any]) -> None:
        """Go on from an earlier `state` of a training with the same model, sources and recipe.

        Raises:
            ModelError: something differs, but for the number of steps, which may grow.
        """
        _check_settings(plain.get("settings"), self._settings())
        try:
            self._network.load_state_dict(_part(tensors, "network."))
            if self._average is not None:
                self._average.load_state_dict(_part(tensors, "average."))
            optimizer: dict[int, dict[str, Tensor]] = {}
            for name, tensor in _part(tensors, "optimizer.").items():
                index, key = name.split(".", 1)
                optimizer.setdefault(int(index), {})[key] = tensor
            groups = self._optimizer.state_dict()["param_groups"]
            self._optimizer.load_state_dict({"state": optimizer, "param_groups": groups})
            if self._validation:
                self._validation.resume(_part(tensors, "best."), plain["looks"])
            self._step, self._seconds = int(plain["step"]), float(plain["seconds"])
            self.history = [Step(**step) for step in plain["history"]]
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise ModelError("the checkpoint is of another network or recipe; start without resuming") from error

    @property
    def _learnt(self) -> ConditionedModule:
        """The network with the weights that the model is taken from."""
        return self._network if self._average is None else cast("ConditionedModule", self._average.module)

    @property
    def _exhausted(self) -> bool:
        return self._validation is not None and self._validation.exhausted

    def _take_step(self) -> None:
        started = time.perf_counter()
        rate = self._set_learning_rate()
        deep = self._step < self.recipe.deep_supervision * self.recipe.steps
        self._optimizer.zero_grad()
        passes = self._loader.take(self._step)
        losses, dice = [], dict[str, float]()
        for number, samples in enumerate(passes, start=1):
            batch = self._batch(samples)
            with self._fabric.no_backward_sync(self._objective, enabled=number < len(passes)):
                loss, logits = self._objective(batch, deep)
                self._fabric.backward(loss / len(passes))
            losses.append(float(loss.detach()))
            dice |= self._dice(batch, logits.detach())
        if self.recipe.clip:
            self._fabric.clip_gradients(self._objective, self._optimizer, max_norm=self.recipe.clip)
        self._optimizer.step()
        if self._average is not None:
            self._average.update_parameters(self._network)
        self._step += 1
        taken = time.perf_counter() - started
        self._seconds += taken
        self.history.append(Step(self._step, float(np.mean(losses)), rate, round(taken, 3), dice))
        if self._validation and self._validation.due(self._step):
            self._validation.look(self._step, self._learnt)

    def _batch(self, samples: Sequence[TrainingSample]) -> Batch:
        if self.recipe.loss.unlabelled_as_background:
            samples = [ask_unlabelled(sample, self._model.classes) for sample in samples]
        return make_batch(samples, self._model.classes, self._fabric.device)

    def _dice(self, batch: Batch, logits: Tensor) -> dict[str, float]:
        names = [self._model.classes.names[row] for row in batch.rows.tolist()]
        return {name: dice_score(logits[n], batch.target[n], batch.supervised[n]) for n, name in enumerate(names)}

    def _total(self, sums: Tensor) -> Tensor:
        """The sum over all processes."""
        return sums if self._fabric.world_size == 1 else sum_over_processes(sums)

    def _settings(self) -> dict[str, Any]:
        """Settings that a resumed training must share with the interrupted training, as JSON keeps them."""
        recipe = asdict(self.recipe)
        settings = {
            **{name: value for name, value in recipe.items() if not isinstance(value, dict)},
            **{f"{name} {key}": value for name in ("loss", "augmentation") for key, value in recipe[name].items()},
            "network": self._model.network,
            **{f"network {name}": value for name, value in self._model.settings.items()},
            **self._model.preprocessing.plain(),
            "classes": self._model.classes.names,
            "data sets": [[source.name, source.size] for source in self.sources],
            "processes": self._fabric.world_size,
        }
        return cast("dict[str, Any]", json.loads(json.dumps(settings)))

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


def _moving_average(decay: float) -> Callable[[_Tensors, _Tensors, Tensor | int], None]:
    """An exponential moving average that forgets its first weights at any length of training.

    With a decay of 0.995 alone the fresh, random weights would still make up 5 % of the model after 600 steps.
    """

    def update(averaged: _Tensors, current: _Tensors, count: Tensor | int) -> None:
        steps = float(count)
        get_ema_multi_avg_fn(min(decay, (1 + steps) / (10 + steps)))(averaged, current, count)

    return update


def learning_rate(recipe: Recipe, step: int) -> float:
    """The rate of a step: a linear rise, then a cosine down to zero."""
    if step < recipe.warm_up:
        return recipe.learning_rate * (step + 1) / recipe.warm_up
    if not recipe.decay:
        return recipe.learning_rate
    done = (step - recipe.warm_up) / max(1, recipe.steps - recipe.warm_up)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def _check_settings(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> None:
    """Refuse to go on with other settings; more steps are no other settings."""
    if before is None:
        raise ModelError("the checkpoint does not say how it was trained; start without resuming")
    for name in sorted(before.keys() | now.keys()):
        if name != "steps" and before.get(name) != now.get(name):
            raise ModelError(
                f"the training was begun with {name} {before.get(name)}, not {now.get(name)}; "
                "use what it was begun with, or start without resuming"
            )


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
