"""`make verify`, through the real pipeline; and what is published, made again by another CPU, simulated."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from benchmarks import pipeline
from stages.gan.core import devices, portability
from tests import calls

OTHER_CPU = {
    "PYTHONPATH": str(Path(__file__).with_name("other_cpu")),
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW",  # the C library's own functions
}


def environment() -> dict[str, str]:
    known = pipeline.environment() | pipeline.IDENTITY
    return {key: value for key, value in known.items() if key not in portability.LIMITS}


def run(folder: Path, *command: str, **more: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, cwd=folder, env=environment() | more, capture_output=True, text=True, check=False
    )


def verify(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess:
    return run(folder, sys.executable, "-m", "stages.tools.verify", *arguments, **more)


def state(folder: Path) -> set[str]:
    """What git knows of, and what it ignores, but for compiled modules."""
    listed = run(folder, "git", "status", "--porcelain", "--ignored").stdout.splitlines()
    return {line for line in listed if "__pycache__" not in line}


@pytest.fixture(scope="module")
def publication(tmp_path_factory) -> Path:
    """A repository that has published a tiny run; to be changed and put back."""
    folder = tmp_path_factory.mktemp("publication")
    calls.checkout(folder)
    pipeline.make_idle(folder)
    calls.change(folder, experiments=["sine"], seeds=[1])
    pipeline.commit(folder)
    done = run(folder, "dvc", "repro")
    assert done.returncode == 0, done.stderr
    pipeline.commit(folder)
    return folder


@pytest.fixture
def published(publication) -> Path:
    yield publication
    assert run(publication, "git", "reset", "--quiet", "--hard", "HEAD").returncode == 0


@pytest.mark.slow
def test_what_was_published_here_is_made_again_byte_for_byte(published):
    before = state(published)
    done = verify(published)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"verify: all \d+ files have the published bytes; made again on \S", done.stdout)
    for stage in ("prepare@sine", "judge@sine", "train@sine-1", "plot@sine-1", "report"):
        assert re.search(rf"^{stage} +(\d+) +\1$", done.stdout, re.MULTILINE), stage
    assert state(published) == before


@pytest.mark.slow
def test_a_result_that_nobody_can_make_again_is_found(published):
    losses = published / "reports" / "runs" / "sine" / "seed-1" / "losses.csv"
    losses.write_text(losses.read_text().replace("\n1,", "\n1,0"))
    run(published, "git", "commit", "--quiet", "--all", "--message", "forged")
    try:
        done = verify(published, "--seed", "1")
    finally:
        run(published, "git", "reset", "--quiet", "--hard", "HEAD~1")
    assert done.returncode == 1, done.stdout
    assert "differs: reports/runs/sine/seed-1/losses.csv" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("error: verify: 1 of ")
    assert "the first in train@sine-1: reports/runs/sine/seed-1/losses.csv. They should be" in done.stderr


@pytest.mark.slow
def test_what_another_processor_made_is_compared_by_its_scores(published):
    first = published / "reports" / "runs" / "sine" / "seed-1"
    shutil.copytree(first, first.with_name("seed-2"))
    for seed, factor in ((1, 0.5), (2, 2)):
        folder = first.with_name(f"seed-{seed}")
        about = json.loads((folder / "run.json").read_text())
        about |= {"processor": "a Xeon", "portable": False}
        (folder / "run.json").write_text(json.dumps(about, indent=2) + "\n")
        scores = json.loads((folder / "metrics.json").read_text())
        (folder / "metrics.json").write_text(json.dumps({k: v * factor for k, v in scores.items()}))
    lock = yaml.safe_load((published / "dvc.lock").read_text())
    lock["stages"]["evaluate@sine-1"]["outs"][0]["md5"] = "0" * 32
    (published / "dvc.lock").write_text(yaml.safe_dump(lock, sort_keys=False))
    pipeline.commit(published)
    try:
        done = verify(published, "--seed", "1")
    finally:
        run(published, "git", "reset", "--quiet", "--hard", "HEAD~1")
    assert "the bytes may differ: processor: published with a Xeon, here any x86-64" in done.stdout
    assert re.search(r"^sine, seed 1 +energy_distance .* within$", done.stdout, re.MULTILINE)
    assert done.returncode == 0  # the made ones are between half and twice of them
    assert "scores are within the range of the published seeds" in done.stdout


@pytest.mark.slow
def test_mistakes_are_said_before_anything_is_made(published):
    for arguments, words in (
        (
            ("--seed", "3"),
            "error: sine, seed 3, is not published: the commit has no reports/runs/sine/",
        ),
        (("--experiment", "cosine"), "error: params.yaml: "),
        (("--seed", "one"), "error: argument --seed: must be a whole number"),
    ):
        done = verify(published, *arguments)
        assert done.returncode in (1, 2)
        assert done.stderr.splitlines()[-1].startswith(words), done.stderr


@pytest.mark.slow
def test_another_cpu_makes_the_published_bytes(root, tmp_path):
    """At full size; on a simulated one, of which the last is seen to differ where nothing is limited."""
    if reason := portability.why_not():
        pytest.skip(reason)
    if len(devices.available()) > 1:
        pytest.skip("a GPU would compute")
    seen = tmp_path / "seen"
    done = verify(root, **OTHER_CPU, OTHER_CPU_SEEN=str(seen))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert {"train.py", "judge.py", "sample.py", "evaluate.py"} <= set(seen.read_text().split())
    assert re.search(r"verify: all \d+ files have the published bytes", done.stdout)
    assert all(f"train@{name}" in done.stdout for name in ("sine", "digits"))


def test_the_other_cpu_is_another_one_where_nothing_is_limited(root):
    if reason := portability.why_not():
        pytest.skip(reason)
    script = (
        "import hashlib, torch\n"
        "drawn = torch.rand(300, 300, generator=torch.Generator().manual_seed(1))\n"
        "found = (drawn @ drawn, drawn.double() @ drawn.double(), drawn.exp(), drawn.tanh(), drawn.log())\n"
        "print(*(hashlib.md5(one.numpy().tobytes()).hexdigest() for one in found))\n"
    )
    free = run(root, sys.executable, "-c", script), run(root, sys.executable, "-c", script, **OTHER_CPU)
    limited = [
        run(root, sys.executable, "-c", script, **portability.LIMITS, **more) for more in ({}, OTHER_CPU)
    ]
    assert not any(one.stderr for one in (*free, *limited))
    assert free[0].stdout != free[1].stdout
    assert limited[0].stdout == limited[1].stdout


def test_the_lock_belongs_to_the_code(root, tmp_path):
    """A commit that changes results has them made again: `dvc status` names no code and no parameter.

    Where params.yaml has been changed, results of its parameters may be in dvc.lock, or not yet, and others
    beside them. Then only the code that all parameters share is compared.
    """
    pipeline.checkout(tmp_path, results=True)
    ours, published = (
        yaml.safe_load(path.read_text()) | {"experiments": [], "seeds": []}
        for path in (tmp_path / "params.yaml", calls.PARAMS)
    )
    lock = yaml.safe_load((tmp_path / "dvc.lock").read_text())["stages"]
    runs = [re.fullmatch(r"train@(\w+)-(\d+)", name) for name in lock]
    named = [run.groups() for run in runs if run]
    calls.change(
        tmp_path,
        experiments=list(dict.fromkeys(name for name, _ in named)),
        seeds=sorted({int(seed) for _, seed in named}),
    )
    assert run(tmp_path, sys.executable, "-m", "stages.check").returncode == 0
    done = run(tmp_path, "dvc", "status", "--json")
    stale = []
    for stage in lock.keys() & (changed := json.loads(done.stdout)).keys():
        for change in changed[stage]:
            if isinstance(change, str):  # its command
                stale.append((stage, change))
                continue
            for path, how in change.get("changed deps", {}).items():
                # There are no data here; and the lists are others than params.yaml has, for this.
                listed = stage == "check" or set(how) <= {"experiments", "seeds"}
                absent = how == "deleted" and path.startswith("data/")
                changed_here = ours != published and path.startswith(("params.yaml", "data/"))
                if not absent and not changed_here and not (path == "params.yaml" and listed):
                    stale.append((stage, path, how))
    assert not stale, "run `dvc repro` with the seeds of dvc.lock, and commit what it makes"
