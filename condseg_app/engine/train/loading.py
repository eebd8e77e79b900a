"""Samples of each training step, made ready while the step before computes."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from condseg_app.engine.train.recipes import Recipe, Sampling
from condseg_app.engine.train.samples import SampleSource, TrainingSample
from condseg_app.errors import CondsegError


@dataclass(frozen=True)
class Share:
    """The place of this process among those that train together."""

    rank: int = 0
    processes: int = 1


@dataclass(eq=False)
class Loader:
    """Samples of several sources by step.

    A sample is drawn with a generator seeded by the recipe's seed, the step's number and the sample's place in the
    step. So a resumed training sees the same samples, and several processes together see those of a single process.

    Attributes:
        sources: sources of samples.
        recipe: batch size, sampling rule and seed.
        share: the place of this process among several.
    """

    sources: Sequence[SampleSource]
    recipe: Recipe
    share: Share = field(default_factory=Share)
    _ahead: tuple[int, Future[list[list[TrainingSample]]]] | None = None

    def __post_init__(self) -> None:
        if not self.sources:
            raise CondsegError("there is nothing to learn from; name at least one data set")
        self._odds = odds([source.size for source in self.sources], self.recipe.sampling)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="samples")

    def take(self, step: int) -> list[list[TrainingSample]]:
        """The samples of a step, a list for each pass; those of the next step are begun."""
        if self._ahead is None or self._ahead[0] != step:
            self._ahead = (step, self._thread.submit(self.draw, step))
        samples = self._ahead[1].result()
        self._ahead = (step + 1, self._thread.submit(self.draw, step + 1)) if step + 1 < self.recipe.steps else None
        return samples

    def draw(self, step: int) -> list[list[TrainingSample]]:
        """Draw the samples of a step."""
        batch, processes, rank = self.recipe.batch, self.share.processes, self.share.rank
        firsts = [(n * processes + rank) * batch for n in range(self.recipe.accumulate)]
        return [[self._draw_one(step, first + n) for n in range(batch)] for first in firsts]

    def _draw_one(self, step: int, place: int) -> TrainingSample:
        rng = np.random.default_rng([self.recipe.seed, step, place])
        return self.sources[rng.choice(len(self.sources), p=self._odds)].draw(rng)


def odds(sizes: Sequence[int], sampling: Sampling) -> NDArray[np.float64]:
    """Probability of each source, by the sources' numbers of images."""
    power = {"equal": 0.0, "sqrt": 0.5, "per_image": 1.0}[sampling]
    weights: NDArray[np.float64] = np.array(sizes, dtype=np.float64) ** power
    return np.asarray(weights / weights.sum())
