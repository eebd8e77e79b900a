import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from condseg_app.data import (
    ClassEntry,
    ClassTable,
    CropToForeground,
    CtNormalisation,
    Inference,
    IntensityStep,
    Model,
    Percentile,
    Preprocessing,
    Reorient,
    Spacing,
    Transpose,
    Unchanged,
    UnitRange,
    Window,
    ZScore,
)
from condseg_app.errors import ModelError, ReadError, WriteError
from condseg_app.io import (
    Checkpoint,
    atomic_write,
    file_hash,
    read_checkpoint,
    read_model,
    read_model_description,
    write_checkpoint,
    write_model,
)
from condseg_app.io.models.model_file import FORMAT_VERSION

RNG = np.random.default_rng(0)
TABLE = ClassTable(
    (
        ClassEntry(3, "liver", (1, 2, 3), -1.0, terminology="SCT:10200004", notes="Läsion"),
        ClassEntry(1, "tumour", (4, 5, 6), 0.125, part_of="liver"),
    )
)
WEIGHTS: dict[str, NDArray[np.generic]] = {
    "a.weight": RNG.normal(size=(4, 3, 2)).astype(np.float32),
    "a.turned": RNG.normal(size=(4, 3)).astype(np.float32).T,
    "a.half": RNG.normal(size=5).astype(np.float16),
    "a.count": np.array(7, np.int64),
    "a.double": RNG.normal(size=(2, 2)),
    "a.empty": np.zeros((0, 3), np.float32),
    "a.flag": np.array([True, False]),
}
MODEL = Model(
    "my model",
    "dense_unet",
    {"widths": [16, 32], "conditioning": "film", "dropout": 0.1},
    Preprocessing(
        "2.5D",
        (64, 48, 1),
        (Window(-100.0, 300.0), ZScore(masked=True, limit=None)),
        Reorient("RAS"),
        CropToForeground(),
        Spacing((1.0, 1.5, 2.0)),
        1,
    ),
    TABLE,
    WEIGHTS,
    "CC BY-SA 4.0",
    {"data": ["hippocampus"], "dice": {"liver": 0.9}, "steps": 100},
    "ab" * 32,
)


STEPS = asdict(MODEL.preprocessing)
VERSION_1 = {
    "dimensions": "2.5D",
    "window": [64, 48, 1],
    "channels": 2,
    "orientation": "RAS",
    "spacing": [1.0, 1.5, 2.0],
    "intensity": "window",
    "low": -100.0,
    "high": 300.0,
    "neighbours": 1,
}


def same_weights(found: Model, expected: Model) -> bool:
    return found.weights.keys() == expected.weights.keys() and all(
        found.weights[n].dtype == w.dtype and found.weights[n].shape == w.shape and np.array_equal(found.weights[n], w)
        for n, w in expected.weights.items()
    )


def without_weights(model: Model) -> dict[str, Any]:
    return {**vars(model), "weights": None, "source": None}


def test_a_model_reads_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "my.safetensors"
    write_model(path, MODEL)
    model = read_model(path)
    assert same_weights(model, MODEL)
    assert without_weights(model) == without_weights(MODEL)
    assert model.source == path


def test_a_description_is_all_but_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "my.safetensors"
    write_model(path, MODEL)
    model = read_model_description(path)
    assert model.weights == {}
    assert without_weights(model) == without_weights(MODEL)
    with pytest.raises(ModelError, match="without its weights"):
        write_model(path, model)
    assert same_weights(read_model(path), MODEL)


@settings(max_examples=30, deadline=None)
@given(
    weights=st.dictionaries(
        st.text("abc.", min_size=1, max_size=5),
        hnp.arrays(st.sampled_from([np.float32, np.float16, np.int64]), hnp.array_shapes(min_dims=0, max_dims=4)),
        min_size=1,
        max_size=4,
    )
)
def test_any_weights_keep_their_bits(tmp_path_factory: pytest.TempPathFactory, weights: dict[str, Any]) -> None:
    path = tmp_path_factory.mktemp("model") / "a.safetensors"
    write_model(path, replace(MODEL, weights=weights))
    found = read_model(path).weights
    assert {n: (w.shape, w.tobytes()) for n, w in found.items()} == {
        n: (w.shape, w.tobytes()) for n, w in weights.items()
    }


def test_equal_models_give_equal_bytes(tmp_path: Path) -> None:
    a, b = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    write_model(a, MODEL)
    turned = {name: MODEL.settings[name] for name in sorted(MODEL.settings)}
    write_model(b, replace(MODEL, weights=dict(reversed(WEIGHTS.items())), settings=turned))
    assert file_hash(a) == file_hash(b) == hashlib.sha256(a.read_bytes()).hexdigest()


def test_numpys_numbers_in_the_record_become_plain_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_model(path, replace(MODEL, training={"loss": np.float32(0.5), "dice": np.array([1, 2])}))
    assert read_model(path).training == {"loss": 0.5, "dice": [1, 2]}


def test_what_is_no_plain_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="more than plain values"):
        write_model(tmp_path / "a.safetensors", replace(MODEL, settings={"norm": object()}))
    assert list(tmp_path.iterdir()) == []


def manifest(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="numpy") as file:
        content: dict[str, Any] = json.loads(file.metadata()["condseg"])
    return content


def rewritten(path: Path, drop: str | None = None, **changes: object) -> Path:
    """A model file with another manifest, or without one of its tensors."""
    write_model(path, MODEL)
    content = {**manifest(path), **changes}
    tensors = {n: np.ascontiguousarray(w) for n, w in WEIGHTS.items() if n != drop}
    save_file(tensors, path, {"condseg": json.dumps(content)})
    return path


@pytest.mark.parametrize("version", [0, FORMAT_VERSION + 1, "1", True, None, [1]])
@pytest.mark.parametrize("read", [read_model, read_model_description])
def test_another_format_version_is_refused(tmp_path: Path, version: object, read: Any) -> None:
    path = rewritten(tmp_path / "a.safetensors", format_version=version)
    with pytest.raises(ModelError, match=rf"this program reads 1 to {FORMAT_VERSION}; update the program") as caught:
        read(path)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("window", Window(-100.0, 300.0)),
        ("percentile", Percentile(0.5, 99.5)),
        ("zscore", ZScore()),
        ("unit", UnitRange()),
    ],
)
def test_a_file_of_format_version_1_is_read_as_steps(tmp_path: Path, name: str, step: IntensityStep) -> None:
    ends = {"low": getattr(step, "low", 0.0), "high": getattr(step, "high", 1.0)}
    old = {**VERSION_1, "intensity": name, **ends}
    path = rewritten(tmp_path / "a.safetensors", format_version=1, preprocessing=old)
    found = read_model(path)
    assert found.preprocessing == Preprocessing(
        "2.5D", (64, 48, 1), (step, step), Reorient("RAS"), None, Spacing((1.0, 1.5, 2.0)), 1
    )
    assert found.inference == Inference()
    assert json.loads(json.dumps(found.preprocessing.plain())) == old, "hashes of it stay valid"
    write_model(path, found)
    assert read_model(path).preprocessing == found.preprocessing


def test_volumes_of_format_version_1_may_keep_their_axes_and_voxels(tmp_path: Path) -> None:
    old = {**VERSION_1, "orientation": None, "spacing": None}
    found = read_model(rewritten(tmp_path / "a.safetensors", format_version=1, preprocessing=old)).preprocessing
    assert (found.orientation, found.spacing, found.crop) == (None, None, None)
    assert json.loads(json.dumps(found.plain())) == old


@pytest.mark.parametrize(
    "steps",
    [
        Preprocessing("3D", (8, 8, 8), (CtNormalisation(-950.0, 1200.0, 80.0, 140.0),)),
        Preprocessing("3D", (8, 8, 8), (Unchanged(), Percentile(0.0, 100.0)), Transpose((2, 0, 1))),
        Preprocessing("3D", (8, 8, 8), (ZScore(limit=None),)),
        Preprocessing("3D", (8, 8, 8), crop=CropToForeground()),
    ],
)
def test_steps_that_version_1_cannot_say_are_written_and_have_plain_values_of_their_own(
    tmp_path: Path, steps: Preprocessing
) -> None:
    path, inference = tmp_path / "a.safetensors", Inference(0.5, (0, 2), 1)
    write_model(path, replace(MODEL, preprocessing=steps, inference=inference))
    found = read_model_description(path)
    assert (found.preprocessing, found.inference) == (steps, inference)
    assert steps.plain() == asdict(steps)


@pytest.mark.parametrize("read", [read_model, read_model_description])
def test_a_missing_tensor_is_named(tmp_path: Path, read: Any) -> None:
    with pytest.raises(ModelError, match=r"lacks 1 of its tensors, such as 'a\.weight'"):
        read(rewritten(tmp_path / "a.safetensors", drop="a.weight"))


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"unheard_of": 1}, "unheard_of"),
        ({"network": None}, "network"),
        ({"preprocessing": {**STEPS, "window": [0, 1, 1]}}, "window of 0 x 1 x 1 voxels"),
        ({"preprocessing": {**STEPS, "spacing": {"size": [1, -1, 1]}}}, "spacing of 1 x -1 x 1 mm"),
        ({"preprocessing": {**STEPS, "dimensions": "4D"}}, r"preprocessing\.dimensions"),
        ({"preprocessing": {**STEPS, "unheard_of": 1}}, r"preprocessing\.unheard_of"),
        ({"preprocessing": {**STEPS, "intensity": [{"kind": "unheard_of"}]}}, r"preprocessing\.intensity"),
        ({"preprocessing": {**STEPS, "intensity": [{"kind": "unchanged", "more": 1}]}}, r"preprocessing\.intensity"),
        ({"preprocessing": {**STEPS, "intensity": []}}, "at least one channel"),
        ({"preprocessing": {**STEPS, "orientation": {"kind": "transpose", "order": [0, 1, 1]}}}, "order of axes"),
        ({"inference": {"overlap": 1.0}}, "below 1"),
        ({"inference": {"unheard_of": 1.0}}, r"inference\.unheard_of"),
        ({"format_version": 1, "preprocessing": {**VERSION_1, "window": [0, 1, 1]}}, "window of 0 x 1 x 1 voxels"),
        ({"format_version": 1, "preprocessing": {**VERSION_1, "spacing": [1, -1, 1]}}, "spacing of 1 x -1 x 1 mm"),
        ({"format_version": 1, "preprocessing": {**VERSION_1, "intensity": "loud"}}, "no intensity 'loud'"),
        ({"format_version": 1, "preprocessing": {**VERSION_1, "channels": 10**12}}, r"preprocessing\.intensity"),
        ({"format_version": 1, "preprocessing": {**VERSION_1, "high": -100.0}}, "give the lower first"),
        ({"format_version": 1, "preprocessing": None}, "preprocessing"),
        ({"classes": [{"value": 1, "name": "a"}]}, r"wrong at 'classes'.*lacks its colour or code"),
        ({"classes": [{"name": "a", "color": [1, 2, 3], "code": 0}]}, r"classes\..*0"),
        ({"classes": [{"value": 0, "name": "a", "color": [1, 2, 3], "code": 0}]}, "value 0"),
        ({"classes": [{"value": v, "name": "a", "color": [1, 2, 3], "code": 0} for v in (1, 2)]}, "used twice"),
        ({"tensors": "a"}, "tensors"),
    ],
)
def test_a_wrong_description_is_refused_in_one_sentence(tmp_path: Path, changes: dict[str, Any], where: str) -> None:
    with pytest.raises(ModelError, match=where) as caught:
        read_model(rewritten(tmp_path / "a.safetensors", **changes))
    assert "\n" not in str(caught.value)


def test_what_is_no_model_file_is_refused(tmp_path: Path) -> None:
    foreign, damaged = tmp_path / "foreign.safetensors", tmp_path / "damaged.safetensors"
    save_file({"a": np.zeros(3, np.float32)}, foreign)
    with pytest.raises(ModelError, match="not a CondSeg model"):
        read_model(foreign)
    save_file({"a": np.zeros(3, np.float32)}, damaged, {"condseg": "{"})
    with pytest.raises(ModelError, match="damaged description"):
        read_model(damaged)
    with pytest.raises(ModelError, match="no such model file"):
        read_model(tmp_path / "none.safetensors")
    with pytest.raises(ModelError, match="no such model file"):
        read_model(tmp_path)


@pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.999])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, part: float) -> None:
    path = tmp_path / "a.safetensors"
    write_model(path, MODEL)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    for read in (read_model, read_model_description):
        with pytest.raises(ModelError, match="is damaged"):
            read(path)


def test_a_pickle_is_never_read(tmp_path: Path) -> None:
    import pickle

    path = tmp_path / "a.safetensors"
    path.write_bytes(pickle.dumps(print))
    with pytest.raises(ModelError, match="is damaged"):
        read_model(path)


def test_a_disk_that_refuses_leaves_the_earlier_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.safetensors"
    write_model(path, MODEL)
    before = path.read_bytes()

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(WriteError, match="No space left"):
        write_model(path, replace(MODEL, name="other"))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]


def test_a_hash_of_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="cannot be read"):
        file_hash(tmp_path / "none")


def test_a_checkpoint_reads_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.checkpoint.safetensors"
    plain = {"step": 3, "seconds": 1.5, "history": [{"loss": 0.5, "dice": {}}]}
    write_checkpoint(path, Checkpoint(WEIGHTS, plain))
    found = read_checkpoint(path)
    assert found.plain == plain
    assert same_weights(replace(MODEL, weights=found.tensors), MODEL)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    with pytest.raises(ModelError, match="no checkpoint to go on from"):
        read_checkpoint(path)
    write_model(path, MODEL)
    with pytest.raises(ModelError, match="not a checkpoint"):
        read_checkpoint(path)
    with atomic_write(path) as temporary:
        temporary.write_bytes(b"{}")
    with pytest.raises(ModelError, match="not a checkpoint"):
        read_checkpoint(path)
    save_file({}, path, {"condseg-checkpoint": "[1]"})
    with pytest.raises(ModelError, match="not a checkpoint"):
        read_checkpoint(path)
