"""A model's network that is asked for windows: each is encoded once, and decoded for every class."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from condseg_app.data import Model
from condseg_app.engine.devices import pick_device
from condseg_app.engine.networks import build_network, condition_for, load_changed, member
from condseg_app.engine.predict.feature_cache import FeatureCache, cache_budget
from condseg_app.engine.predict.kernels import Kernels, kernels_for
from condseg_app.engine.predict.windows import windows_at_once
from condseg_app.errors import OutOfMemory
from condseg_models import Condition, ConditionedModule, Features

_logger = logging.getLogger(__name__)
_CLASSES_AT_ONCE = 8

Answer = tuple[str, Sequence[int], Tensor]
"""A class, windows, and the class's probabilities in the windows in whole 255ths, (windows, I, J, K)."""

Shown = Callable[[int], Tensor]


class Averaged(ConditionedModule):
    """The mean of logits over an ensemble and over mirrored images.

    Args:
        members: networks of the same settings.
        mirrored: spatial axes along which images are mirrored, alone and together.
    """

    def __init__(self, members: Sequence[ConditionedModule], mirrored: Sequence[int]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        axes = [2 + axis for axis in mirrored]
        flips = [flip for count in range(len(axes) + 1) for flip in combinations(axes, count)]
        self._ways = [(network, flip) for network in members for flip in flips]

    @property
    def stride(self) -> int:
        """The members' stride."""
        return self._ways[0][0].stride

    def encode(self, image: Tensor) -> Features:
        """Features of all ways, one after the other."""
        return tuple(f for network, flip in self._ways for f in network.encode(image.flip(flip)))

    def encode_for(self, image: Tensor, condition: Condition) -> Features:
        """`encode`, without features that these classes do not need."""
        return tuple(f for network, flip in self._ways for f in network.encode_for(image.flip(flip), condition))

    def decode(self, features: Features, condition: Condition) -> Tensor:
        """The mean of logits."""
        count = len(features) // len(self._ways)
        parts = (features[first : first + count] for first in range(0, len(features), count))
        ways = zip(self._ways, parts, strict=True)
        return torch.stack([net.decode(part, condition).flip(flip) for (net, flip), part in ways]).mean(dim=0)


def prediction_network(model: Model, device: torch.device) -> ConditionedModule:
    """A model's network with its settings of predicting; raises as `build_network`."""
    settings = model.inference
    networks = [build_network(member(model, n), device) for n in range(settings.members)]
    return Averaged(networks, settings.mirrored) if settings.mirrored or len(networks) > 1 else networks[0]


class WindowNetwork:
    """A model's network on a device, with encoded windows that are kept while memory allows.

    Args:
        model: with its weights.
        device: 'auto', 'cpu', 'cuda', ...
        cache: bytes of encoded windows to keep; a quarter of the device's free memory if None.
    """

    def __init__(self, model: Model, device: str, cache: int | None) -> None:
        self._model, self._device, self._budget = model, pick_device(device), cache
        self._spatial = 3 if model.preprocessing.dimensions == "3D" else 2
        self._network = prediction_network(model, self._device)
        # A batch of classes pays on a GPU, where each of many small steps must be started.
        self._classes_at_once = _CLASSES_AT_ONCE if self._device.type == "cuda" else 1
        self._notice = ""
        self.forget_windows()

    def forget_windows(self) -> None:
        """Let all encoded windows go, for those of another part."""
        self._features = FeatureCache(cache_budget(self._device) if self._budget is None else self._budget)

    def use(self, model: Model) -> None:
        """Go on with a model that differs only in its classes; encoded windows are kept."""
        if model.settings != self._model.settings:  # other numbers of classes, so other shapes
            self._network = prediction_network(model, self._device)
        else:
            networks = self._network.members if isinstance(self._network, Averaged) else [self._network]
            for number, network in enumerate(networks):
                load_changed(network, member(self._model, number), member(model, number))
        self._model = model

    @property
    def stride(self) -> int:
        """Sizes of windows are multiples of this."""
        return self._network.stride

    def at_once(self, window: Sequence[int]) -> int:
        """Best number of windows of a size to ask together; the answers equal those of single windows."""
        alike = self._device.type == "cpu" and self._kernels.alike
        return windows_at_once((window[0], window[1], window[2])) if alike else 1

    def take_notice(self) -> str:
        """A sentence for the user since the last call, empty without."""
        notice, self._notice = self._notice, ""
        return notice

    def ask(self, wanted: Mapping[int, Sequence[str]], shown: Shown) -> list[Answer]:
        """Probabilities of classes by window; slower where memory is short.

        Args:
            wanted: window -> classes.
            shown: gives a window as the network's input.

        Raises:
            ClassTableError: a class is not in the model's table.
            OutOfMemory: the device has too little memory for a single window.
        """
        while True:
            try:
                return list(self._ask(wanted, shown))
            except torch.OutOfMemoryError as error:
                self._make_room(error)

    @property
    def _kernels(self) -> Kernels:
        return kernels_for(self._device, self._spatial)

    @torch.inference_mode()
    def _ask(self, wanted: Mapping[int, Sequence[str]], shown: Shown) -> Iterator[Answer]:
        """Predict several classes of a window at a time, or several windows of a class."""
        windows = list(wanted)
        with self._kernels.autocast(self._device):
            features = self._encoded(windows, shown)
        if len(windows) == 1:
            names = wanted[windows[0]]
            for first in range(0, len(names), self._classes_at_once):
                some = names[first : first + self._classes_at_once]
                for name, level in zip(some, self._decoded(features, some), strict=True):
                    yield name, windows, level[None]
            return
        for name in dict.fromkeys(name for names in wanted.values() for name in names):
            rows = [row for row, window in enumerate(windows) if name in wanted[window]]
            asked = features if len(rows) == len(windows) else tuple(f[rows] for f in features)
            yield name, [windows[row] for row in rows], self._decoded(asked, [name] * len(rows))

    def _decoded(self, features: Features, classes: Sequence[str]) -> Tensor:
        """Probabilities in whole 255ths, (classes, I, J, K)."""
        with self._kernels.autocast(self._device):
            logits = self._network.decode(features, condition_for(self._model.classes, classes, self._device))
        levels = logits.float().sigmoid().mul_(255).round_().cpu()[:, 0]
        return levels if self._spatial == 3 else levels[..., None]

    def _encoded(self, windows: Sequence[int], shown: Shown) -> Features:
        kept = {window: self._features.get(window) for window in windows}
        new = [window for window, features in kept.items() if features is None]
        if new:
            batch = torch.stack([shown(window) for window in new])
            layout = self._kernels.memory_format(self._spatial)
            # A copy, for a single channel's memory format is anyone's guess.
            placed = torch.empty_like(batch, memory_format=layout, device=self._device).copy_(batch)
            # A class with an own encoder, alone in its model, shares nothing.
            every = condition_for(self._model.classes, self._model.classes.names, self._device)
            features = self._network.encode_for(placed, every)
            parts = zip(*(f.split(1) for f in features), strict=True)
            for window, part in zip(new, parts, strict=True):
                self._features.put(window, part)
                kept[window] = part
            if len(new) == len(windows):
                return features
        return tuple(map(torch.cat, zip(*(f for f in kept.values() if f is not None), strict=True)))

    def _make_room(self, error: torch.OutOfMemoryError) -> None:
        """Take less of the device's memory after a shortage: no cache, then class by class, then the CPU."""
        if len(self._features):
            self._features.close()
        elif self._classes_at_once > 1:
            self._classes_at_once = 1
        elif self._device.type != "cpu":
            self._device = torch.device("cpu")
            self._network.to(self._device)
            self._notice = "The GPU's memory is too small for one window, so the CPU goes on; it takes longer."
            _logger.warning(self._notice)
        else:
            raise OutOfMemory("the memory is too small for one window; close other programs") from error
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
