"""How `make repro` ends; tests/integration/test_repro.py runs the pipeline with it."""

import os
import signal
import subprocess
import sys

import pytest

from stages.gan.core import params
from stages.tools import repro
from tests import calls

STOPPED = "repro: stopped; what is done is kept: run `make repro` again, and it goes on from here\n"
# It ends as DVC does when its stage was ended: neither by the signal, nor with its code.
WORK = """
import signal, time
def end(number, frame):
    print("got", signal.Signals(number).name, flush=True)
    raise SystemExit(255)
signal.signal(signal.SIGINT, end)
signal.signal(signal.SIGTERM, end)
print("at work", flush=True)
time.sleep(60)
"""


def start(root, program: str) -> subprocess.Popen[str]:
    """Have a program run as DVC would; in a process group of its own."""
    code = "import sys; from stages.tools import repro; repro._run((sys.executable, '-c', sys.argv[1]))"
    return subprocess.Popen(
        [sys.executable, "-c", f"{code}; print('next')", program],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize(
    ("program", "code", "said"),
    [
        ("pass", 0, "next\n"),
        ("raise SystemExit(3)", 3, ""),
        ("import os; os.kill(os.getpid(), 9)", 137, ""),
    ],
)
def test_it_ends_as_what_it_runs(root, program, code, said):
    process = start(root, program)
    assert process.communicate(timeout=60) == (said, "")
    assert process.returncode == code


def test_after_ctrl_c_it_waits_and_says_how_to_go_on(root):
    process = start(root, WORK)
    assert process.stdout.readline() == "at work\n"
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    assert process.communicate(timeout=60) == (f"got SIGINT\n{STOPPED}", "")
    assert process.returncode == -signal.SIGINT  # which `make` calls an interrupt, and no error


def test_a_signal_that_comes_to_it_alone_is_passed_on(root):
    process = start(root, WORK)
    assert process.stdout.readline() == "at work\n"
    process.terminate()
    assert process.communicate(timeout=60) == (f"got SIGTERM\n{STOPPED}", "")
    assert process.returncode == -signal.SIGTERM


def test_the_last_lines_name_pictures_of_what_is_listed():
    settings = params.load(calls.PARAMS).settings

    def lines(experiments: list[str], seeds: list[int]) -> list[str]:
        listed = {"experiments": experiments, "seeds": seeds}
        return list(repro._next(settings.model_copy(update=listed)))

    runs, report, after = lines(["digits", "sine"], [5]), *lines(["digits", "sine"], [5])[-2:]
    assert runs[:2] == [
        "digits, seed 5: see reports/runs/digits/seed-5/samples.png, evolution.gif",
        "sine, seed 5: see reports/runs/sine/seed-5/samples.png, evolution.gif",
    ]
    assert runs[2:] == [report, after]
    assert report == "all runs side by side: see reports/README.md"
    assert "`make ui`" in after
    many = lines(["sine"], [*range(1, 10)])
    assert len(many) == 9
    assert many[6] == "3 more runs: see reports/runs"
