import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from condseg_app import memory
from condseg_app.errors import OutOfMemory

MIB = 1 << 20
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux'")


def group(folder: Path, limit: str, current: int, cached: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{current}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\nactive_file 1\n")


@pytest.fixture
def cgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A control group 'a/b' with nothing said about it yet."""
    membership = tmp_path / "cgroup"
    membership.write_text("4:memory:/elsewhere\n0::/a/b\n")
    monkeypatch.setattr(memory, "_MEMBERSHIP", membership)
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path / "groups")
    return tmp_path / "groups"


def test_without_limits_it_is_the_machines() -> None:
    assert 0 < memory.free_memory() <= psutil.virtual_memory().total


@LINUX
def test_the_tightest_control_group_counts(cgroups: Path) -> None:
    group(cgroups / "a/b", "max", 50 * MIB)
    before = memory.free_memory()
    group(cgroups / "a", str(20 * MIB), 16 * MIB, cached=2 * MIB)
    assert memory.free_memory() == 6 * MIB + 1 < before
    group(cgroups / "a/b", str(4 * MIB), 5 * MIB)
    assert memory.free_memory() == 0


@LINUX
def test_a_control_group_that_cannot_be_understood_is_no_limit(cgroups: Path) -> None:
    group(cgroups / "a/b", "many", 50 * MIB)
    assert memory.free_memory() > MIB


@LINUX
@pytest.mark.parametrize("limit", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_a_limit_of_the_process_counts(limit: str) -> None:
    program = f"""
import resource, psutil
from condseg_app.memory import free_memory
used = psutil.Process().memory_info()
taken = used.vms if "{limit}" == "RLIMIT_AS" else used.data
resource.setrlimit(resource.{limit}, (taken + (90 << 20),) * 2)
print(free_memory())
"""
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert 80 * MIB < int(found.stdout) <= 90 * MIB


def test_small_pieces_are_not_asked_for_and_large_ones_refused() -> None:
    memory.require_memory(1, Path("a.nii"))
    with pytest.raises(OutOfMemory, match=r"a\.nii: its voxels need .* more than is free"):
        memory.require_memory(1 << 60, Path("a.nii"))


@LINUX
def test_large_blocks_are_given_back_from_between_small_ones() -> None:
    program = """
import numpy as np, psutil
from condseg_app.memory import give_large_blocks_back
give_large_blocks_back()
freed = np.ones(20 << 17)  # 20 MiB, by whose end glibc would take all smaller blocks for small from now on
del freed
blocks = [(np.ones(2 << 17), np.ones(1 << 13)) for _ in range(50)]
full = psutil.Process().memory_info().rss
small = [small for _, small in blocks]
del blocks
assert full - psutil.Process().memory_info().rss > 90 << 20, full
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
