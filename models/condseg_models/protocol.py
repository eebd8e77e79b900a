"""The protocol of all networks: encode an image once, then decode class after class."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn


@dataclass(frozen=True)
class Condition:
    """The class that each sample of a batch is asked for.

    Attributes:
        rows: (B,) int64, the class's row in the look-up table.
        codes: (B,) float, the class's number there, `hash(c)` of Dmitriev & Kaufman's equation 2.
    """

    rows: Tensor
    codes: Tensor


# From `encode` to `decode`; only the network itself looks inside. The batch is the first axis of each tensor.
Features = tuple[Tensor, ...]


class ConditionedNetwork(Protocol):
    """Encode an image once, then decode class after class.

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
        """Logits (B, 1, *spatial), a class per sample; features of an image serve any number of classes."""
        ...


class SoftmaxNetwork(ConditionedNetwork, Protocol):
    """A network that answers for all classes at once, the background included."""

    def scores(self, features: Features) -> tuple[Tensor, ...]:
        """Scores before the softmax, each (B, 1 + classes, *spatial of the image), background first.

        Predictions are made from the first; the others are further outputs to supervise.
        """
        ...


class ConditionedModule(nn.Module):
    """A torch module that keeps to `ConditionedNetwork`."""

    @property
    @abstractmethod
    def stride(self) -> int:
        """Each spatial size of an image must be a multiple of this."""

    @abstractmethod
    def encode(self, image: Tensor) -> Features:
        """Everything that does not depend on the class. Image (B, C, *spatial)."""

    @abstractmethod
    def decode(self, features: Features, condition: Condition) -> Tensor:
        """Logits (B, 1, *spatial), a class per sample."""

    def encode_for(self, image: Tensor, condition: Condition) -> Features:
        """`encode`, without features that these classes do not need."""
        return self.encode(image)

    def forward(self, image: Tensor, condition: Condition) -> Tensor:
        """`encode`, then `decode`."""
        return self.decode(self.encode(image), condition)
