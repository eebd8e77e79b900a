"""Output names of the images of a folder: after the image, and unique."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from condseg_app.io.file_names import as_file_name, short_hash
from condseg_app.io.file_start import name_of


def output_names(files: Sequence[Path]) -> Mapping[Path, str]:
    """Image -> an output name that every file system accepts.

    Images of the same name in several folders get their folders' names as a prefix, 'sub-01_T1w' and 'sub-02_T1w';
    where names still agree, a hash of the path is added.
    """
    names = {file: as_file_name(name_of(file)) for file in files}
    for file in _shared(names):
        names[file] = as_file_name(f"{file.resolve().parent.name}_{name_of(file)}")
    for file in _shared(names):
        names[file] = as_file_name(f"{name_of(file)}-{short_hash(str(file.resolve()))}")
    return names


def _shared(names: Mapping[Path, str]) -> Iterable[Path]:
    """The images without a unique name, as compared by file systems that ignore case."""
    called = defaultdict(list)
    for file, name in names.items():
        called[name.casefold()].append(file)
    return [file for same in called.values() if len(same) > 1 for file in same]
