import os
import subprocess
import sys

import pytest

from benchmarks.waiting import busy
from stages.runtime import waiting

SETTLE = "import os; from stages.runtime import waiting; {}; print(os.environ.get('GOMP_SPINCOUNT'))"


@pytest.mark.parametrize(
    ("running", "threads", "is_busy"), [(1, 2, False), (2, 2, True), (2, 1, False), (6, 1, True)]
)
def test_a_machine_is_busy_where_others_leave_too_few_cpus(running, threads, is_busy, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    (tmp_path / "loadavg").write_text(f"9.00 9.00 9.00 {running}/203 26484\n")
    assert waiting.is_busy(threads, tmp_path / "loadavg") == is_busy


def test_threads_beyond_the_cpus_do_not_make_a_machine_busy_by_themselves(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    (tmp_path / "loadavg").write_text("0.00 0.00 0.00 1/203 26484\n")
    assert not waiting.is_busy(16, tmp_path / "loadavg")


@pytest.mark.skipif(not waiting._LOAD.exists(), reason="there is no /proc/loadavg")
def test_threads_spin_less_on_a_busy_machine(root):
    threads = os.cpu_count() or 1
    with busy(2 * threads):
        found = spins(root, f"waiting.settle({threads})")
    assert found == str(waiting.BUSY)
    assert spins(root, "waiting.sleep()") == "0"


@pytest.mark.parametrize("name", ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY"])
@pytest.mark.parametrize("call", ["settle(2)", "sleep()"])
def test_what_the_environment_says_holds(root, name, call):
    asked = {name: "7" if name == "GOMP_SPINCOUNT" else "ACTIVE"}
    assert spins(root, f"waiting.{call}", **asked) == asked.get("GOMP_SPINCOUNT", "None")


def spins(root, call: str, **asked: str) -> str:
    """What a process has in its environment after a call."""
    plain = {
        key: value for key, value in os.environ.items() if key not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    }
    command = [sys.executable, "-c", SETTLE.format(call)]
    done = subprocess.run(
        command, cwd=root, env={**plain, **asked}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
