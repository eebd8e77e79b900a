"""Cache of encoded windows: a further class then costs only its own part."""

from collections import OrderedDict

import torch
from torch import Tensor

from condseg_app.memory import free_memory
from condseg_models import Features

# Of the memory that is free when an image is opened; activations and the user's other programs want the rest.
_PART_OF_FREE = 0.25


class FeatureCache:
    """Features by window; those that were not used for longest go first when the budget is spent.

    Args:
        budget: bytes.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._kept: OrderedDict[int, Features] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, window: int) -> Features | None:
        """A window's features; None if not in the cache."""
        features = self._kept.get(window)
        if features is not None:
            self._kept.move_to_end(window)
        return features

    def put(self, window: int, features: Features) -> None:
        """Keep a window's features, possibly parts of a batch's, if the budget allows."""
        size = _bytes(features)
        if window in self._kept or size > self._budget:
            return
        while self.size + size > self._budget:
            self.size -= _bytes(self._kept.popitem(last=False)[1])
        self._kept[window] = tuple(f if f.untyped_storage().nbytes() == f.nbytes else f.clone() for f in features)
        self.size += size

    def close(self) -> None:
        """Let everything go, and keep nothing from now on."""
        self._kept.clear()
        self.size = self._budget = 0


def cache_budget(device: torch.device) -> int:
    """Bytes that features may take on a device."""
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()
    return int(free * _PART_OF_FREE)


def _bytes(features: tuple[Tensor, ...]) -> int:
    return sum(f.nbytes for f in features)
