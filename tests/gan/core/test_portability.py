"""On which machines the same bytes can be had."""

from pathlib import Path

import pytest

from stages.gan.core import portability
from stages.runtime.errors import UserError

OTHERS = [
    ("x86_64", "processor: 0\nflags\t\t: fpu sse4_2 avx f16c\n"),
    ("x86_64", "processor: 0\nflags\t\t: fpu sse4_2 avx avx2\n"),
    ("x86_64", ""),
    ("aarch64", "processor: 0\nFeatures: fp asimd\n"),
    ("arm64", None),
]


@pytest.fixture
def able(tmp_path, monkeypatch) -> Path:
    """What Linux says of a CPU with all that is needed."""
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nflags\t\t: fpu fma avx avx2\n")
    return file


@pytest.mark.parametrize(("machine", "cpuinfo"), OTHERS)
def test_on_other_cpus_auto_is_off_and_true_is_refused(tmp_path, monkeypatch, machine, cpuinfo):
    monkeypatch.setattr("platform.machine", lambda: machine)
    file = tmp_path / "cpuinfo"
    if cpuinfo is not None:
        file.write_text(cpuinfo)
    assert (
        portability.why_not(file) == "this machine has no x86-64 CPU with AVX2 and FMA, or does not run Linux"
    )
    assert not portability.is_wanted("auto", file)
    assert not portability.is_wanted(False, file)
    with pytest.raises(UserError, match="portable: true: this machine has no x86-64 CPU with AVX2 and FMA"):
        portability.is_wanted(True, file)


def test_on_an_able_cpu_auto_is_on(able):
    assert portability.why_not(able) is None
    assert portability.is_wanted("auto", able)
    assert portability.is_wanted(True, able)
    assert not portability.is_wanted(False, able)


def test_it_is_seen_in_the_environment(monkeypatch):
    for name in portability.LIMITS:
        monkeypatch.delenv(name, raising=False)
    assert not portability.is_limited()
    for name, value in portability.LIMITS.items():
        monkeypatch.setenv(name, value)
    assert portability.is_limited()
    monkeypatch.setenv("MKL_CBWR", "AVX2")
    assert not portability.is_limited()
