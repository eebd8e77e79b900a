"""The runs of a comparison, each in a folder of its own."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from condseg_app.errors import CondsegError
from condseg_app.tasks.comparison_config import ComparisonConfig, SystemConfig
from condseg_app.tasks.comparison_report import Result


@dataclass(frozen=True)
class Run:
    """A training of a system.

    Attributes:
        config: the whole comparison.
        system: to train.
        seed: of weights, samples and augmentation.
        output: the comparison's folder.
    """

    config: ComparisonConfig
    system: SystemConfig
    seed: int
    output: Path

    @property
    def folder(self) -> Path:
        """Folder of the run's files."""
        return self.output / "runs" / re.sub(r"[^\w.+-]+", "_", self.system.name) / f"seed{self.seed}"

    @property
    def model(self) -> Path:
        """The trained model's file."""
        return self.folder / "model.safetensors"

    @property
    def figures(self) -> Path:
        """File of results; present once the run is finished."""
        return self.folder / "figures.json"

    def sibling(self, system: str) -> "Run":
        """The same seed's run of another system."""
        return replace(self, system=next(s for s in self.config.system if s.name == system))

    def settings(self) -> dict[str, Any]:
        """All settings that the result depends on, as plain values."""
        config = self.config.model_dump(mode="json", exclude={"system", "seeds", "title", "text", "measure"})
        system = self.system.model_dump(mode="json", exclude={"paper", "note"})
        return {"comparison": config, "system": system, "seed": self.seed}


def all_runs(config: ComparisonConfig, output: Path, only: Sequence[str] = ()) -> list[Run]:
    """Every run, all systems of the first seed first.

    Raises:
        CondsegError: `only` names a system that is not there.
    """
    names = [system.name for system in config.system]
    unknown = [name for name in only if name not in names]
    if unknown:
        raise CondsegError(f"there is no system '{unknown[0]}'; there are: {', '.join(names)}")
    chosen = [system for system in config.system if not only or system.name in only]
    return [Run(config, system, seed, output) for seed in config.seeds for system in chosen]


def read_results(runs: Sequence[Run]) -> list[Result]:
    """Results of the finished runs."""
    done = [each for each in runs if each.figures.exists()]
    return [Result(r.system.name, r.seed, json.loads(r.figures.read_text(encoding="utf-8"))) for r in done]
