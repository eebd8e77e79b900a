"""What every network here can do: encode an image once, then answer for one class after another."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn


@dataclass(frozen=True)
class Condition:
    """Which class each sample of a batch is asked for.

    Attributes:
        rows: (B,) int64, the class's row in the look-up table.
        codes: (B,) float, the class's number there, `hash(c)` of Dmitriev & Kaufman's equation 2.
    """

    rows: Tensor
    codes: Tensor


# What `encode` leaves for `decode`; only the network itself looks inside. The batch comes first in each.
Features = tuple[Tensor, ...]


class ConditionedNetwork(Protocol):
    """Encode an image once, then ask it for one class after another.

    A network holds no state between calls: the same features and condition give the same logits.
    """

    @property
    def stride(self) -> int:
        """Each spatial size of an image must be a multiple of this."""
        ...

    def encode(self, image: Tensor) -> Features:
        """Everything that does not depend on the class. Image (B, C, *spatial)."""
        ...

    def decode(self, features: Features, condition: Condition) -> Tensor:
        """Logits (B, 1, *spatial) of one class per sample; features of one image serve any number of classes."""
        ...


class SoftmaxNetwork(ConditionedNetwork, Protocol):
    """Answers for all classes at once, the background among them."""

    def scores(self, features: Features) -> tuple[Tensor, ...]:
        """Scores before the softmax, each (B, 1 + classes, *spatial of the image), background first.

        The first is what predictions are made of; any behind it are further outputs to supervise.
        """
        ...


class ConditionedModule(nn.Module):
    """What every network here is: a torch module that keeps to `ConditionedNetwork`."""

    @property
    @abstractmethod
    def stride(self) -> int:
        """Each spatial size of an image must be a multiple of this."""

    @abstractmethod
    def encode(self, image: Tensor) -> Features:
        """Everything that does not depend on the class. Image (B, C, *spatial)."""

    @abstractmethod
    def decode(self, features: Features, condition: Condition) -> Tensor:
        """Logits (B, 1, *spatial) of one class per sample."""

    def encode_for(self, image: Tensor, condition: Condition) -> Features:
        """`encode`, of which what these classes do not need may be missing."""
        return self.encode(image)

    def forward(self, image: Tensor, condition: Condition) -> Tensor:
        """`encode` and `decode` in one."""
        return self.decode(self.encode(image), condition)
