"""nnU-Net's form of the Decathlon's layout: a file for each channel, regions of several labels, an ignored label.

Source: https://github.com/MIC-DKFZ/nnUNet/blob/master/documentation/dataset_format.md and, beside it,
region_based_training.md and ignore_label.md.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

_CHANNEL = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})")
_IGNORE = "ignore"
_ITS_OWN = {"channel_names", "file_ending"}  # in no other dataset.json


@dataclass(frozen=True)
class Regions:
    """Labels of a dataset.json, regions of several values included, as classes of a single value each.

    Attributes:
        values: class name -> value.
        part_of: class name -> the containing class.
        merged: value in the label files -> class value, where these differ.
    """

    values: Mapping[str, int]
    part_of: Mapping[str, str] = field(default_factory=dict)
    merged: Mapping[int, int] = field(default_factory=dict)


def regions_of(labels: Mapping[str, Any]) -> Regions | None:
    """The classes of labels such as {"tumour": [1, 2], "core": [2]}: a region within another region is its part.

    None where every label has one value.

    Raises:
        ValueError: two regions share values without nesting, which no class table can express.
    """
    if not any(isinstance(values, list) for values in labels.values()):
        return None
    sets = {name: frozenset(map(int, v if isinstance(v, list) else [v])) for name, v in labels.items()}
    sets = {name: values - {0} for name, values in sets.items() if values != {0}}
    empty = next((name for name, values in sets.items() if not values), None)
    if empty is not None:
        raise ValueError(f"the region '{empty}' has no value")
    for (one, of_one), (other, of_other) in combinations(sets.items(), 2):
        if of_one & of_other and not (of_one < of_other or of_other < of_one):
            raise ValueError(f"the regions '{one}' and '{other}' overlap, and neither is a part of the other")
    wholes = {name: [w for w in sets if sets[name] < sets[w]] for name in sets}
    part_of = {name: min(above, key=lambda w: len(sets[w])) for name, above in wholes.items() if above}
    free = max((max(values) for values in sets.values()), default=0) + 1
    values, merged = dict[str, int](), dict[int, int]()
    for name, stored in sets.items():
        own = stored.difference(*(sets[part] for part, whole in part_of.items() if whole == name))
        values[name] = min(own) if own else free
        free += not own
        merged |= {value: values[name] for value in own if value != values[name]}
    return Regions(values, part_of, merged)


def ignored_of(content: Mapping[str, Any]) -> int | None:
    """The value of voxels of which nothing is known; only nnU-Net's own files give that meaning to a label's name."""
    labels = content.get("labels") if content.keys() & _ITS_OWN else None
    value = labels.get(_IGNORE) if isinstance(labels, dict) else None
    return value if isinstance(value, int) else None


def case_of(name: str) -> str:
    """The case that a channel's file is of: 'liver_001' for 'liver_001_0000'."""
    channel = _CHANNEL.fullmatch(name)
    return name if channel is None else channel["case"]


def channels_of(case: str, names: Iterable[str]) -> list[str]:
    """The channels of a case among names of files without their endings, in order."""
    return sorted(name for name in names if name != case and case_of(name) == case)
