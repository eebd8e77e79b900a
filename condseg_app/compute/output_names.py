"""What the output of each image of a folder is called: after the image, and unlike that of any other."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from condseg_app.io.file_names import as_file_name, short_hash
from condseg_app.io.file_start import name_of


def output_names(files: Sequence[Path]) -> Mapping[Path, str]:
    """Image -> a name for its output that every file system takes.

    Images of one name in several folders have their folders' names before it, 'sub-01_T1w' and 'sub-02_T1w'; where
    that does not tell them apart a hash of the path does.
    """
    names = {file: as_file_name(name_of(file)) for file in files}
    for file in _shared(names):
        names[file] = as_file_name(f"{file.resolve().parent.name}_{name_of(file)}")
    for file in _shared(names):
        names[file] = as_file_name(f"{name_of(file)}-{short_hash(str(file.resolve()))}")
    return names


def _shared(names: Mapping[Path, str]) -> Iterable[Path]:
    """The images that have not got a name of their own, as file systems compare them that do not tell capitals."""
    called = defaultdict(list)
    for file, name in names.items():
        called[name.casefold()].append(file)
    return [file for same in called.values() if len(same) > 1 for file in same]
