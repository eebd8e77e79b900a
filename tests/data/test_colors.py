from hypothesis import given
from hypothesis import strategies as st

from condseg_app.data import PALETTE, ClassEntry, ClassTable
from condseg_app.data.colors import _apart, free_color

colors = st.tuples(*[st.integers(0, 255)] * 3)


@given(st.lists(colors, max_size=40))
def test_a_new_class_gets_a_colour_that_no_other_has(used: list[tuple[int, int, int]]) -> None:
    rows = (ClassEntry(n + 1, f"class {n}", color) for n, color in enumerate(used))
    proposed = ClassTable(tuple(rows)).propose("another").color
    assert proposed not in used


def test_forty_classes_are_told_apart_in_every_vision() -> None:
    table = ClassTable.from_names(f"class {n}" for n in range(40))
    every = [entry.color for entry in table]
    for n, color in enumerate(every):
        assert _apart([color], every[:n] + every[n + 1 :]).min() > 6.0


def test_what_looks_the_same_as_a_colour_in_use_is_not_proposed() -> None:
    almost = (PALETTE[0][0], PALETTE[0][1] + 2, PALETTE[0][2] + 3)
    assert free_color([almost]) != PALETTE[0]
    assert free_color([]) == PALETTE[0]
    assert free_color(PALETTE[:3]) == PALETTE[3]
