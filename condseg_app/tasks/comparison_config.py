"""A comparison's plan as a TOML file."""

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from condseg_app.data import Split
from condseg_app.errors import ReadError
from condseg_app.io.file_start import reading


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(_Strict):
    """A data set.

    Attributes:
        folder: relative to the configuration's own folder.
        groups: variant of its single-class groups that is shown, or 'disjoint'; None shows every label.
        rename: names of the data set's classes -> names in the comparison.
    """

    folder: Path
    groups: str | None = None
    rename: dict[str, str] = {}

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name


class SystemConfig(_Strict):
    """A way to learn the classes.

    Attributes:
        name: in the table.
        network: a preset; the configuration's if None.
        settings: network settings that differ from the preset's.
        recipe: training settings that differ from the configuration's, such as {"loss.kind" = ...}.
        preprocessing: preprocessing that differs from the configuration's.
        code_range: of the table's codes.
        all_labels: show every label and not the single-class groups: the upper bound.
        data: names of the training data sets; all if empty.
        complete_from: a system whose model completes the labels first: the second round.
        paper: class name -> the figure that a paper gives for it, in per cent.
        note: for the reader.
    """

    name: str
    network: str | None = None
    settings: dict[str, Any] = {}
    recipe: dict[str, Any] = {}
    preprocessing: dict[str, Any] = {}
    code_range: float = 1.0
    all_labels: bool = False
    data: tuple[str, ...] = ()
    complete_from: str | None = None
    paper: dict[str, float] = {}
    note: str = ""


class ComparisonConfig(_Strict):
    """Systems and data of a comparison.

    Attributes:
        title: of the report.
        text: choices and their costs; Markdown.
        classes: the classes to learn; all if empty.
        split: the part of the data sets that is reported.
        seeds: a training for each.
        network: a preset.
        recipe: changes of the default recipe, for all systems.
        preprocessing: fields of the preprocessing that planning does not set.
        confidence: from which a completed label counts.
        measure: the quality that the tables show first.
        data: the data sets.
        system: the systems.
    """

    title: str
    text: str = ""
    classes: tuple[str, ...] = ()
    split: Split = "test"
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    network: str
    recipe: dict[str, Any] = {}
    preprocessing: dict[str, Any] = {}
    confidence: float = Field(default=0.9, gt=0.5, le=1.0)
    measure: Literal["dice", "iou"] = "dice"
    data: tuple[DataConfig, ...] = Field(min_length=1)
    system: tuple[SystemConfig, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_known(self) -> "ComparisonConfig":
        systems = [s.name for s in self.system]
        if len(set(systems)) < len(systems):
            raise ValueError("two systems have the same name")
        for position, system in enumerate(self.system):
            if system.complete_from is not None and system.complete_from not in systems[:position]:
                raise ValueError(f"'{system.name}' completes from '{system.complete_from}', which must stand before it")
            unknown = set(system.data) - {d.name for d in self.data}
            if unknown:
                raise ValueError(f"'{system.name}' learns from {sorted(unknown)}, which [[data]] does not list")
        return self


def read_comparison_config(path: Path) -> ComparisonConfig:
    """Read a configuration; its folders are taken from its own folder.

    Raises:
        ReadError: not TOML, or impossible settings.
    """
    try:
        with reading(path):
            content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ReadError(f"cannot be read as TOML ({error}); mend it", path=path) from error
    try:
        config = ComparisonConfig.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the configuration"
        raise ReadError(f"{where} is wrong: {first['msg']}; mend it", path=path) from error
    data = tuple(d.model_copy(update={"folder": (path.parent / d.folder).resolve()}) for d in config.data)
    return config.model_copy(update={"data": data})
