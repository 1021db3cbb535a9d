"""`make smoke`, as a person and a CI run it; tests/integration/test_pipeline.py looks at what it makes."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import pipeline
from tests import calls

SOURCE = '''
"""Points that check finds right, and prepare does not."""

from stages.gan.core.source import Source
from stages.runtime.errors import UserError


class BrokenSource(Source):
    """None."""

    kind = "points"
    shape = (2,)
    counts = (512, 512)

    def load(self, raw, show=None):
        """Fail."""
        raise UserError("no points today; try tomorrow")
'''


def smoke(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stages.tools.smoke", *arguments],
        cwd=folder,
        env=pipeline.environment(),
        capture_output=True,
        text=True,
    )


@pytest.fixture
def project(tmp_path) -> Path:
    """The project with changed parameters; all but these in git's index, and nothing committed."""
    folder = tmp_path / "project"
    calls.checkout(folder)
    subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
    changed = {"sine__train__epochs": 10_000, "sine__train__batch_size": 512, "digits__train__lr": 0.5}
    calls.change(folder, experiments=["photographs"], seeds=[5], **changed)
    return folder


def state(folder: Path) -> dict[str, str]:
    return {name: md5 for name, md5 in calls.digest(folder, ".git").items() if "__pycache__" not in name}


@pytest.mark.slow
def test_all_stages_run_and_what_is_here_stays_as_it_is(project, tmp_path):
    before, report = state(project), tmp_path / "smoke.md"
    done = smoke(project, "--report", str(report))
    assert done.returncode == 0, done.stdout + done.stderr
    *_, last = done.stdout.splitlines()
    assert last.startswith("smoke: all 18 stages of sine and digits work: ")
    assert last.endswith(f"; MLflow has 4 runs; see {report}")
    written = report.read_text()
    assert written.startswith("# Smoke run\n\nAll 18 stages of sine and digits work: ")
    for words in ("| train@sine-111 | ", "\n### digits\n", "| Fréchet distance, "):
        assert words in written
    assert "](" not in written  # a link would lead nowhere from there
    assert state(project) == before


def test_a_stage_that_fails_is_named_with_its_message(project, tmp_path):
    """By code that is in no commit, and that git does not know yet."""
    (project / "stages" / "gan" / "sources" / "broken.py").write_text(SOURCE)
    calls.change(project, sine__data={"source": "broken"})
    before, report = state(project), tmp_path / "smoke.md"
    done = smoke(project, "--report", str(report))
    words = "smoke: prepare@sine has failed: no points today; try tomorrow"
    assert done.returncode == 1
    assert done.stderr == f"error: {words}\n"
    assert report.read_text() == f"# Smoke run\n\n{words}\n"
    assert state(project) == before


def test_parameters_that_lack_an_experiment_are_refused_at_once(project):
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("\nsine:\n", "\ncosine:\n"))
    done = smoke(project)
    assert done.returncode == 1
    assert done.stderr.startswith("error: params.yaml: no block named sine; there are cosine, ")
    assert done.stderr.count("\n") == 1
