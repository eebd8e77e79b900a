"""Five thousand files damaged on purpose: each is read, or refused in one sentence.

More of them, with what each of them was, are tried by benchmarks/fuzz_failures.py.
"""

import sys
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("limits of memory and time are set as Linux does", allow_module_level=True)

from harness.mutant_formats import CHANGES
from harness.mutant_seeds import seeds
from harness.mutant_trials import trial
from harness.mutants import mutant

from condseg_app.io.formats import FORMATS

RUN = 0
MUTANTS = 5000


def test_damaged_files_are_read_or_refused_in_a_sentence(tmp_path: Path) -> None:
    tally = trial(RUN, 0, MUTANTS, tmp_path)
    assert tally.failures == {}
    assert tally.tried == MUTANTS
    assert all(tally.read[name] and tally.refused[name] for name in CHANGES)  # neither too tame nor hopeless


def test_a_mutant_can_be_made_again() -> None:
    first, second = seeds(), seeds()
    assert first == second
    assert [mutant(first, CHANGES, 1, n) for n in range(200)] == [mutant(second, CHANGES, 1, n) for n in range(200)]
    assert mutant(first, CHANGES, 1, 7) != mutant(first, CHANGES, 2, 7)


def test_every_format_has_mutants() -> None:
    assert {form.name for form in FORMATS} <= set(CHANGES)
    assert {seed.format for seed in seeds()} == set(CHANGES)
