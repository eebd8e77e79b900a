"""Volumes that a round trip changes: 48 axis orders, six kinds of places, three types, every volume format.

Each volume is written, and read back by us and by a second library (nibabel, pynrrd, SimpleITK, tifffile, zarr). A
round trip has failed if a voxel differs, or a number of the affine by more than float32 can tell apart.

    make bench ONLY=round_trip_failures
"""

import itertools
import tempfile
from collections import Counter
from pathlib import Path

import typer
from harness.report import report
from harness.round_trips import DTYPES, PLACES, SUFFIXES, failure, orders, volume


def main() -> None:
    """Try the whole product."""
    failures: Counter[str] = Counter()
    tried = 0
    with tempfile.TemporaryDirectory() as folder:
        for order, place, dtype in itertools.product(orders(), PLACES, DTYPES):
            image = volume(order, place, dtype)
            for suffix in SUFFIXES:
                tried += 1
                found = failure(Path(folder), suffix, image)
                failures.update([] if found is None else [f"{suffix}, {place}: {found}"])
    report("round_trip_failures", sum(failures.values()), "failures", "0", tried=tried, **failures)


if __name__ == "__main__":
    typer.run(main)
