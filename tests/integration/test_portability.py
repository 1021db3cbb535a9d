"""The same bytes on every x86-64 CPU with AVX2: those that are written down here."""

import hashlib
import os
import subprocess
import sys

import pytest
import torch

from stages.gan.core import devices, portability
from stages.pipeline import check
from tests import calls

# Of both networks and the losses after ten steps by one thread, on an AMD EPYC of the third generation. Those
# of all but mnist are also of an Intel Haswell, as QEMU emulates it, and those of all but mnist_fast of an
# Intel Xeon with AVX512; for mnist's large products see docs/devices.md.
SUMS = {
    "sine": "fb45625db838cc1016e5964651d194e0",
    "digits_classic": "18c62fb295ca2d6aa2cb369212759fdb",
    "mnist": "d72d0284257e3640d48a449aacacbacf",
    "mnist_fast": "38e7a9062c057d289c1a9a06085bb58a",
}


@pytest.fixture(autouse=True)
def _able() -> None:
    if reason := portability.why_not():
        pytest.skip(reason)


def test_this_cpu_makes_the_same_bytes_as_all_others(root, tmp_path):
    for name, expected in SUMS.items():
        file = tmp_path / name
        command = [sys.executable, "-m", "benchmarks.trajectory", file, "--cases", name, "--steps", "10"]
        command += ["--params", calls.PARAMS]
        subprocess.run(command, cwd=root, env={**os.environ, **portability.LIMITS}, check=True)
        assert hashlib.md5(file.read_bytes()).hexdigest() == expected, name


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_large_products_are_chains_of_multiply_adds_in_order(root, threads):
    """What ``core/products.py`` rests on."""
    done = subprocess.run(
        [sys.executable, "tests/integration/chains.py", str(threads)],
        cwd=root,
        env={**os.environ, **portability.LIMITS, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True True True\n" * 4


def test_a_stage_is_limited_before_anything_that_computes_is_imported(root):
    script = (
        "import os, sys\n"
        "from stages.runtime import command\n"
        "def work(name, experiment, settings):\n"
        "    assert not {'numpy', 'torch', 'scipy'} & set(sys.modules)\n"
        "    import torch\n"
        "    print('seen', torch.backends.cpu.get_cpu_capability(), os.environ['MKL_CBWR'])\n"
        "command.for_experiment(work, None)\n"
    )
    params = calls.PARAMS
    own = {key: value for key, value in os.environ.items() if key not in portability.LIMITS}
    done = subprocess.run(
        [sys.executable, "-c", script, "--experiment", "sine", "--params", params],
        cwd=root,
        env=own,
        capture_output=True,
        text=True,
    )
    assert "seen AVX2 COMPATIBLE" in done.stdout, done.stderr


def test_where_it_cannot_be_check_says_so_in_a_line(tmp_path, monkeypatch):
    params = tmp_path / "params.yaml"
    params.write_text(calls.PARAMS.read_text())

    def said() -> list[str]:
        out = calls.call(tmp_path, "check", "--params", "params.yaml").out
        return [line for line in out.splitlines() if "portable" in line]

    monkeypatch.setattr(check, "_GPUS", [tmp_path / "gpu"])
    assert said() == []
    (tmp_path / "gpu").touch()
    assert said() == []  # a driver is there, but no GPU that PyTorch can use
    monkeypatch.setattr(devices, "find", lambda name: torch.device("cuda"))
    assert said() == ["portable: auto: only machines of this kind make the same bytes: a GPU computes"]
    params.write_text(params.read_text().replace("portable: auto", "portable: false"))
    assert said() == []
    monkeypatch.undo()
    monkeypatch.setattr(portability, "why_not", lambda *_: "it is a toaster")
    calls.change(tmp_path, portable="auto", device="cpu")
    assert said() == ["portable: auto: only machines of this kind make the same bytes: it is a toaster"]
