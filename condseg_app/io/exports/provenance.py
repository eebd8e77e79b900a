"""The record in every export: the classes that values stand for, and how the masks came about."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from condseg_app import __version__
from condseg_app.data import ClassTable, Overlap
from condseg_app.errors import ClassTableError, ReadError
from condseg_app.io.file_start import reading
from condseg_app.io.labels.sidecar import SCHEMA, WrittenTable, sidecar_content, sidecar_text

KEY = "condseg"
"""Under which the registry stands in another format's JSON."""

_CHOSEN_BY: Mapping[Overlap, str] = {
    "probability": "the most probable; the earlier row where equal",
    "priority": "the first in the order of 'priority'",
}
_RULE = "of the classes whose probability reaches their threshold, {}; a part before the whole that contains it"
_MARKED = "; what a person has marked takes precedence, the latest mark over earlier ones"
_KEPT = "each class has all voxels where its probability reaches its threshold, whatever other classes are there"


class Registry(BaseModel):
    """The record in every export, the same in each format.

    Attributes:
        software: program and version that wrote it.
        image: the image's name.
        camera_orientation: the camera's orientation as EXIF numbers it (1 is upright): masks are of the picture turned
            upright, as programs show it, and `camera.as_stored` brings masks back onto the stored pixels.
        model: the model's name; None where a person has drawn everything.
        model_sha256: of its file.
        thresholds: class name -> probability from which a voxel counts.
        merge_rule: overlap rule, a sentence.
        priority: the classes by descending priority, where the overlap rule uses priority.
        incomplete: partly computed classes: voxels outside of their masks are unknown.
        corrected: classes with a person's annotation.
        post_processing: other changes of the masks.
        classes: id, value, name, colour, terminology code and so on of each class.
    """

    model_config = ConfigDict(frozen=True)

    software: str = f"condseg {__version__}"
    image: str = ""
    camera_orientation: int = 1
    model: str | None = None
    model_sha256: str | None = None
    thresholds: dict[str, float] = {}
    merge_rule: str = ""
    priority: tuple[str, ...] = ()
    incomplete: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()
    post_processing: dict[str, Any] | None = None
    classes: WrittenTable = ClassTable()

    def extra(self) -> dict[str, Any]:
        """All but the class table, as plain values for the label writers' sidecar."""
        return self.model_dump(mode="json", exclude={"software", "classes"})

    def content(self) -> dict[str, Any]:
        """The registry as plain values, for a place inside another format's JSON."""
        return sidecar_content(self.classes, self.extra())

    def text(self) -> str:
        """The registry as a separate JSON file."""
        return sidecar_text(self.classes, self.extra())

    def lines(self) -> list[str]:
        """The registry as JSON in short lines of ASCII for a format's comments, as some readers reject long lines."""
        return json.dumps(self.content(), indent=1).splitlines()


def merge_rule(overlap: Overlap, *, marked: bool) -> str:
    """The overlap rule as a sentence; `marked`: whether the masks include a person's annotation."""
    if overlap == "keep":
        return _KEPT
    return _RULE.format(_CHOSEN_BY[overlap]) + (_MARKED if marked else "")


def read_registry(path: Path) -> Registry:
    """Read the registry of an export: of the JSON beside masks, or inside of COCO's, Labelme's or the statistics'.

    Raises:
        ReadError: not JSON, no registry, or a damaged registry.
    """
    with reading(path):
        packed = path.read_bytes()
    try:
        content = registry_content(json.loads(packed.decode("utf-8-sig")))
        if content is None:
            raise ReadError("holds no class table of condseg's; choose the JSON of an export", path=path)
        registry = Registry.model_validate(content)
    except (ValueError, RecursionError, ClassTableError) as error:
        raise ReadError("its class table is damaged; export again, or take it away", path=path) from error
    return registry


def registry_content(content: object) -> Mapping[str, Any] | None:
    """The part of some JSON that is a registry, None if there is none."""
    if not isinstance(content, dict):
        return None
    if content.get("schema") == SCHEMA:
        return content
    inside: Sequence[object] = (content.get(KEY), content.get("info"))
    return next((found for found in map(registry_content, inside) if found is not None), None)
