"""Files damaged on purpose that are neither read nor refused in a sentence.

Each mutant is a little file of some format, a sound file or an odd file of the data beside the project, after one to
three changes, most of which know how the format is built: numbers and texts of headers at the ends of their ranges,
fields removed, repeated or of other types, streams cut or replaced by bombs, names that lead out of the folder, links,
pipes. Opening the file, showing a slice, reading labels and describing the file must give a result or a sentence: no
other exception, no more than five seconds, no more than 1 GiB, nothing printed, nothing written. A run can be done in
parts, and a failure again: `python benchmarks/fuzz_failures.py --first 1234 --mutants 1`.

    make bench ONLY=fuzz_failures
"""

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Annotated

import typer
from harness.mutant_trials import Tally, trial
from harness.report import report

_BATCH = 2000
_SHOWN = 50


def main(
    mutants: Annotated[int, typer.Option(help="how many")] = 200_000,
    seed: Annotated[int, typer.Option(help="which run; another one has other mutants")] = 0,
    first: Annotated[int, typer.Option(help="the first mutant's number, to go on where a run stopped")] = 0,
    processes: Annotated[int, typer.Option(help="how many at a time")] = max(1, (os.cpu_count() or 2) // 2),
) -> None:
    """Try mutants, and count those that fail."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(processes) as pool:
        numbers = count()

        def batch(start: int) -> Tally:
            place = Path(folder) / str(next(numbers))
            place.mkdir()
            return trial(seed, start, min(_BATCH, first + mutants - start), place, odd=True)

        for found in pool.map(batch, range(first, first + mutants, _BATCH)):
            tally.add(found)
            _tell(found, tally.tried)
    table = dict(_by_format(tally))
    report(
        "fuzz_failures",
        len(tally.failures),
        "failures",
        "0",
        tried=tally.tried,
        slowest_s=round(tally.slowest, 2),
        **table,
    )


def _tell(found: Tally, done: int) -> None:
    for number, failure in list(found.failures.items())[:_SHOWN]:
        sys.stderr.write(f"{number}: {failure}\n")
    sys.stderr.write(f"{done:,} mutants\n")


def _by_format(tally: Tally) -> Iterator[tuple[str, str]]:
    """Numbers of read and refused files of each format."""
    for name in sorted(tally.read | Counter(tally.refused)):
        yield name, f"{tally.read[name]} read / {tally.refused[name]} refused"


if __name__ == "__main__":
    typer.run(main)
