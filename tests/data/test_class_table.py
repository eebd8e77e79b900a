import hashlib
import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condseg_app.data import PALETTE, ClassEntry, ClassId, ClassTable, as_class_name, spread_code
from condseg_app.data.classes import derived_id
from condseg_app.errors import ClassTableError

letters = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])
names = st.text(letters, min_size=1, max_size=12).map(str.strip).filter(bool)
tables = st.lists(names, unique_by=str.casefold, max_size=20).map(ClassTable.from_names)


@settings(deadline=None)
@given(tables)
def test_a_table_of_names_has_values_1_2_3_and_distinct_codes(table: ClassTable) -> None:
    assert [e.value for e in table] == list(range(1, len(table) + 1))
    assert len({e.code for e in table}) == len(table)
    assert all(table.row(e.name) == row and table[e.name] is e for row, e in enumerate(table))


@settings(deadline=None)
@given(tables, names)
def test_adding_a_proposed_class_changes_no_other(table: ClassTable, name: str) -> None:
    if name.casefold() in {n.casefold() for n in table.names}:
        with pytest.raises(ClassTableError, match="twice"):
            table.adding(table.propose(name))
        return
    longer = table.adding(table.propose(name))
    assert longer.entries[:-1] == table.entries
    assert longer.entries[-1].name == name


@settings(deadline=None)
@given(tables, st.data())
def test_keeping_is_in_the_tables_order(table: ClassTable, data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.sampled_from(table.names), unique=True) if len(table) else st.just([]))
    kept = table.keeping(wanted)
    assert set(kept.names) == set(wanted)
    assert [table.row(n) for n in kept.names] == sorted(table.row(n) for n in wanted)
    assert all(kept[n] == table[n] for n in wanted)


@settings(deadline=None)
@given(st.integers(2, 600))
def test_codes_stay_in_range_and_well_apart(count: int) -> None:
    codes = sorted(spread_code(row) for row in range(count))
    assert codes[0] == -1
    assert codes[-1] == 1
    gaps = [b - a for a, b in itertools.pairwise(codes)]
    # Halving a widest gap each time: no two codes are closer than half of an even spread.
    assert min(gaps) >= 1.0 / (count - 1) - 1e-12
    assert max(gaps) <= 2 * min(gaps) + 1e-12


def test_the_first_codes_are_those_that_are_documented() -> None:
    assert [spread_code(row) for row in range(7)] == [-1, 1, 0, -0.5, 0.5, -0.75, -0.25]


@pytest.mark.parametrize("value", [-1, 0, 65536])
def test_a_value_outside_1_to_65535_is_refused(value: int) -> None:
    with pytest.raises(ClassTableError, match="1 to 65535"):
        ClassEntry(value, "liver")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "it is empty"),
        (" ", "it is empty"),
        (" liver", "space at its ends"),
        ("liver\n", "space at its ends"),
        ("li\nver", "line's end"),
        ("li\x1b[31mver", "control character"),
        ("li\udcffver", "control character"),
        ("li\u2028ver", "line's end"),
        ("n" * 300, "300 letters, of at most 200"),
    ],
)
def test_one_rule_refuses_what_is_no_name_and_says_why(name: str, why: str) -> None:
    with pytest.raises(ClassTableError, match=why):
        ClassEntry(1, name)
    assert as_class_name(name) == "" or ClassEntry(1, as_class_name(name)).name


@pytest.mark.parametrize(
    "name", ["head, body", "T2=dark", "Tumor [/T1c]", "海馬 前部", "کبد\u200cچپ", "a\u00a0b", "n" * 200]
)
def test_names_that_people_use_are_names(name: str) -> None:
    assert ClassEntry(1, name).name == name


def test_names_with_commas_are_quoted_in_lists() -> None:
    with pytest.raises(ClassTableError, match=r'there are: "head, body", liver$'):
        ClassTable.from_names(["head, body", "liver"]).row("head")


@pytest.mark.parametrize("color", [(256, 0, 0), (0, -1, 0), (1, 2)])
def test_what_is_no_colour_is_refused(color: tuple[int, int, int]) -> None:
    with pytest.raises(ClassTableError, match="colour"):
        ClassEntry(1, "liver", color)


def test_names_that_differ_in_case_only_are_the_same() -> None:
    with pytest.raises(ClassTableError, match="'liver' is used twice"):
        ClassTable((ClassEntry(1, "liver"), ClassEntry(2, "Liver")))


def test_a_value_used_twice_is_refused() -> None:
    with pytest.raises(ClassTableError, match="value '3' is used twice"):
        ClassTable((ClassEntry(3, "liver"), ClassEntry(3, "spleen")))


def test_an_unknown_name_is_told_which_there_are() -> None:
    table = ClassTable.from_names(["liver", "spleen"])
    for ask in (table.row, table.__getitem__, lambda name: table.keeping([name])):
        with pytest.raises(ClassTableError, match=r"no class 'lung' here; there are: liver, spleen"):
            ask("lung")
    with pytest.raises(ClassTableError, match="there are: none"):
        ClassTable().row("lung")


def test_replacing_changes_one_row_and_is_checked() -> None:
    table = ClassTable.from_names(["liver", "spleen"])
    assert table.replacing("liver", name="hepar")["hepar"].value == 1
    assert table.replacing("liver", name="hepar")["spleen"] == table["spleen"]
    with pytest.raises(ClassTableError, match="twice"):
        table.replacing("liver", name="spleen")


def test_a_proposal_takes_a_free_colour_and_the_next_value() -> None:
    table = ClassTable((ClassEntry(7, "liver", PALETTE[0]),))
    assert table.propose("spleen").value == 8
    assert table.propose("spleen").color == PALETTE[1]
    assert table.propose("spleen", (1, 2, 3)).color == (1, 2, 3)


@settings(deadline=None)
@given(tables, names, st.data())
def test_a_renamed_class_keeps_its_id_and_its_parts(table: ClassTable, new: str, data: st.DataObject) -> None:
    if not len(table) or new.casefold() in {name.casefold() for name in table.names}:
        return
    old = data.draw(st.sampled_from(table.names))
    parts = {name: replace(table[name], part_of=old) for name in table.names if name != old}
    table = ClassTable(tuple(parts.get(e.name, e) for e in table))
    changed = table.renaming(old, new)
    assert [e.id for e in changed] == [e.id for e in table]
    assert changed.by_id(table[old].id) == replace(table[old], name=new)
    assert all(entry.part_of == new for entry in changed if entry.name != new)
    assert changed.renaming(new, old) == table


@settings(deadline=None)
@given(names, st.integers(1, 65535))
def test_a_row_without_an_id_gets_the_same_one_each_time(name: str, value: int) -> None:
    assert ClassEntry(value, name).id == ClassEntry(value, name, (1, 2, 3), notes="other").id == derived_id(name, value)
    assert ClassEntry(value, name).id != ClassEntry(value % 65535 + 1, name).id


def test_the_derived_ids_are_those_that_are_documented() -> None:
    assert derived_id("liver", 1) == hashlib.sha256(b"liver\n1").hexdigest()[:12]
    assert derived_id("liver", 1, 2) == hashlib.sha256(b"liver\n1\n2").hexdigest()[:12]


def test_a_derived_id_gives_way_to_the_same_id_of_another_class_always_alike() -> None:
    renamed = ClassEntry(2, "hepar", id=derived_id("liver", 1))
    table = ClassTable((renamed, ClassEntry(1, "liver")))
    assert [e.id for e in table] == [derived_id("liver", 1), derived_id("liver", 1, 1)]
    assert ClassTable(table.entries) == ClassTable((renamed, ClassEntry(1, "liver"))) == table


def test_an_id_that_two_rows_were_given_is_refused() -> None:
    with pytest.raises(ClassTableError, match="'liver' and 'spleen' have the same id, abc: they are one class"):
        ClassTable((ClassEntry(1, "liver", id=ClassId("abc")), ClassEntry(2, "spleen", id=ClassId("abc"))))


@pytest.mark.parametrize("odd", ["../up", "a b", "x" * 65, "é"])
def test_odd_ids_are_refused(odd: str) -> None:
    with pytest.raises(ClassTableError, match="has an id"):
        ClassEntry(1, "liver", id=ClassId(odd))


def test_a_new_class_is_no_other_of_the_same_name() -> None:
    table = ClassTable.from_names(["liver"])
    assert table.propose_new("spleen").id != table.propose_new("spleen").id
    assert table.by_id(ClassId("not there")) is None
