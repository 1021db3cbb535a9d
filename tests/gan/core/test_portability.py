"""On which CPUs the same bytes can be had."""

import pytest

from stages.gan.core import portability
from stages.runtime.errors import UserError


@pytest.mark.parametrize(
    ("machine", "cpuinfo"),
    [
        ("x86_64", "processor: 0\nflags\t\t: fpu sse4_2 avx f16c\n"),
        ("x86_64", "processor: 0\nflags\t\t: fpu sse4_2 avx avx2\n"),
        ("x86_64", ""),
        ("aarch64", "processor: 0\nFeatures: fp asimd\n"),
        ("arm64", None),
    ],
)
def test_other_cpus_are_refused(tmp_path, monkeypatch, machine, cpuinfo):
    monkeypatch.setattr("platform.machine", lambda: machine)
    file = tmp_path / "cpuinfo"
    if cpuinfo is not None:
        file.write_text(cpuinfo)
    with pytest.raises(UserError, match="portable: true needs an x86-64 CPU with AVX2 and FMA"):
        portability.check(file)


def test_an_able_cpu_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nflags\t\t: fpu fma avx avx2\n")
    portability.check(tmp_path / "cpuinfo")
