import re
import subprocess
import sys

import pytest
import yaml

from tests import calls

KINDS = ("outs", "metrics", "plots")
STAGES = ("prepare", "judge", "reference", "train", "sample", "evaluate", "plot", "report")
TOOLS = ("draw", "classify", "export", "invert", "register", "sync", "ui", "comment")
TOOLS += ("repro", "smoke", "verify", "resolve")


def stage(folder, root, name: str, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", f"stages.{name}", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(root), "PATH": ""},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "params.yaml").write_text(calls.PARAMS.read_text())
    return tmp_path


def assert_one_line(run: subprocess.CompletedProcess, *words: str) -> None:
    assert run.returncode == 1
    (line,) = run.stderr.strip().splitlines()
    assert line.startswith("error: ")
    for word in words:
        assert word in line


def test_a_mistake_gets_one_line_and_leaves_nothing_behind(folder, root):
    before = sorted(folder.rglob("*"))
    assert_one_line(stage(folder, root, "prepare", "--experiment", "sin"), "no block named sin", "sine")
    (folder / "params.yaml").write_text(calls.PARAMS.read_text().replace("threads: 1", "threads: 0"))
    assert_one_line(stage(folder, root, "prepare", "--experiment", "sine"), "params.yaml: threads", "got 0")
    assert sorted(folder.rglob("*")) == before


def test_a_stage_without_what_it_needs_names_it(folder, root):
    missing = stage(folder, root, "train", "--experiment", "sine", "--seed", "1")
    assert_one_line(missing, "data/sine/dataset.safetensors", "run the prepare stage")


@pytest.mark.parametrize("name", ["check", *STAGES, *(f"tools.{tool}" for tool in TOOLS)])
def test_nothing_heavy_is_imported_before_the_work(name, folder, root):
    """A mistake is reported at once, and MLflow is imported beside the rest, not after it."""
    code = f"import sys, stages.{name}; print(*{{'torch', 'mlflow', 'matplotlib'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("name", ["check", *STAGES, "tools.sync"])
def test_help_says_what_a_stage_reads_and_writes(name, folder, root):
    """All that dvc.yaml says of files other than code, by their names, and a command that works as it is."""
    shown = stage(folder, root, name, "--help").stdout
    about, reads, writes, example = re.split(r"^(?:Reads|Writes|Examples?):$", shown, flags=re.MULTILINE)
    assert len(about.splitlines()) > 2
    command = f"python -m stages.{name}"
    assert f"usage: {command} [-h]" in about
    assert example.strip().startswith(command)
    stages = yaml.safe_load((root / "dvc.yaml").read_text())["stages"]
    known = [about for about in stages.values() if about["cmd"].split()[2] == f"stages.{name}"]
    outs = [key for about in known for kind in KINDS for key in about.get(kind, ())]
    made = [key if isinstance(key, str) else next(iter(key)) for key in outs]
    read = [dep for about in known for dep in about["deps"] if not dep.startswith("stages/")]
    assert (made and read) or name == "tools.sync"
    for part, files in ((writes, made), (reads, read)):
        for file in files:
            assert file.replace("${item.experiment}", "EXPERIMENT").replace("${item.seed}", "SEED") in part
    assert ("--experiment" in shown) == ("EXPERIMENT" in shown)
    assert not (folder / "reports").exists()


def test_a_sweeps_help_says_so_too(folder, root):
    shown = stage(folder, root, "sweep", "--help").stdout
    assert [word for word in ("Reads:", "Writes:", "Example:") if word not in shown] == []


def test_sigterm_ends_a_stage_even_where_python_drops_what_it_raises(root):
    program = """
import os, signal
from stages.runtime import progress, signals

class Dropped:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        sum(range(10_000))

signals.install()
for number in progress.track(range(100), 100, "step", str, every=10):
    if number == 5:
        Dropped()
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
    assert done.returncode == 143
    assert "step 10/100" not in done.stdout


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_what_a_signal_breaks_is_no_error(name, code, root):
    """A module written in C may drop the exception in its import, and fail later for what it lacks."""
    program = f"""
import os, signal
from stages.runtime import command

def work():
    try:
        os.kill(os.getpid(), signal.{name})
        sum(range(10_000))
    except BaseException:
        raise AttributeError("half imported")

command.guard(work)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (code, "")


def test_a_deferred_signal_waits_for_the_work_and_a_second_one_does_not(root):
    program = """
import os, signal
from stages.runtime import command, signals

def work():
    with signals.deferred():
        os.kill(os.getpid(), signal.SIGTERM)
        sum(range(10_000))
        print("requested", signals.stop_requested(), flush=True)
        if TWICE:
            os.kill(os.getpid(), signal.SIGTERM)
            sum(range(10_000))
        print("to the end of the block", flush=True)
    print("not reached", flush=True)

command.guard(work)
"""
    for twice, lines in ((False, ["requested True", "to the end of the block"]), (True, ["requested True"])):
        code = program.replace("TWICE", str(twice))
        done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (143, "")
        assert done.stdout.splitlines() == lines
