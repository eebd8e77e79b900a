"""A data set whose label maps bring their class tables along, as exports do: nothing has to be mapped by hand."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from condseg_app.data import ClassTable
from condseg_app.errors import ClassTableError, ReadError
from condseg_app.io.data_sets.dataset_json import DataSetFile
from condseg_app.io.exports.provenance import read_registry
from condseg_app.io.labels.sidecar import sidecar_path
from condseg_app.io.labels.tables import classes_beside


def with_classes_beside(described: DataSetFile, labels: Mapping[str, Path]) -> DataSetFile:
    """A data set's description; without classes of its own, with those beside its label maps.

    A case is then labelled with the classes of its own table, except partly computed classes.

    Args:
        described: its dataset.json, which may be empty.
        labels: case name -> label map.

    Raises:
        ReadError: a table is missing, or two of them contradict each other.
    """
    if described.names_classes or not labels:
        return described
    table = ClassTable()
    labelled: dict[str, list[str]] = {}
    for name, path in sorted(labels.items()):
        own, _ = classes_beside(path)
        if own is None:
            raise ReadError("has no class table beside it; add 'labels' to dataset.json", path=path)
        table = _joined(table, own, path)
        incomplete = _incomplete(path)
        labelled[name] = [entry.name for entry in own if entry.name not in incomplete]
    return replace(described, content={"labelled": labelled, **described.content}, beside=table)


def _joined(table: ClassTable, own: ClassTable, path: Path) -> ClassTable:
    for entry in own:
        if entry.name in table and table[entry.name].value == entry.value:
            continue
        try:
            table = table.adding(entry)
        except ClassTableError as error:
            raise ReadError(
                f"its classes are not those of the other label maps ({error.message})", path=path
            ) from error
    return table


def _incomplete(path: Path) -> tuple[str, ...]:
    try:
        return read_registry(sidecar_path(path)).incomplete
    except ReadError:  # somebody else's table, which does not say
        return ()
