"""Stages called in this process, mostly with no tracking: seconds faster than as processes of their own."""

import contextlib
import hashlib
import io
import os
import resource
import runpy
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml

from benchmarks import pipeline
from stages.tools import smoke

PARAMS = Path(__file__).with_name("params.yaml")  # the tests' own: the project's are the user's to change
SEED = 7
OF_A_RUN = ("train", "sample", "evaluate", "plot")
SIZES = {"epochs": 2, "preview": 16, "image_every": 5, "checkpoint_every": 5, "batch_size": 16}


@dataclass(frozen=True)
class Ended:
    """How a stage has ended."""

    code: int
    out: str
    err: str


class _Left(BaseException):
    pass


class Untracked:
    """A store, and a run in it, that take everything and keep nothing."""

    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> "Untracked":
        return self

    def __exit__(self, *_: object) -> None: ...

    def __getattr__(self, name: str) -> Callable[..., None]:
        assert name in {"open", "flush", "set_tags", "set_experiment_tags"} or name.startswith("log_")
        return lambda *_, **__: None

    @contextlib.contextmanager
    def start(self, *_: object, **__: object) -> Iterator["Untracked"]:
        yield self

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        with TemporaryDirectory() as name:
            yield Path(name)

    def find(self, *_: object) -> "Untracked":
        return self

    def new_key(self) -> str:
        return "none"


def call(folder: Path, stage: str, *arguments: str, experiment: str = "sine", tracked: bool = False) -> Ended:
    """Run a stage's main program in a folder; exceptions that would show a traceback come out of here."""
    if not arguments and stage != "report":
        arguments = ("--experiment", experiment)
        if stage in OF_A_RUN:
            arguments += ("--seed", str(SEED))
    out, err = io.StringIO(), io.StringIO()
    code: int | str | None = None

    def leave(ended: int) -> None:
        raise _Left(ended)

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("sys.argv", [f"stages/{stage.replace('.', '/')}.py", *arguments])
        if not tracked:
            patch.setattr("stages.tracking.store.Store", Untracked)
        patch.setattr("stages.runtime.locks.claim", lambda *_: None)  # it is held until the process ends
        patch.setattr("stages.runtime.locks.free", lambda folder: folder)  # likewise
        patch.setattr("stages.runtime.signals.exit_now", leave)
        patch.setattr("stages.runtime.signals.install", lambda: None)
        patch.setattr("gc.set_threshold", lambda *_: None)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                runpy.run_module(f"stages.{stage}", run_name="__main__")
            except _Left as left:
                code = left.args[0]
            except SystemExit as left:
                code = left.code
    assert isinstance(code, int)
    return Ended(code, out.getvalue(), err.getvalue())


def assert_refused(ended: Ended, *words: str) -> None:
    """One line that says what and where, and a code that is not 0."""
    assert ended.code in (1, 2), ended
    lines = [line for line in ended.err.splitlines() if not line.startswith("warning: ")]
    assert len(lines) == 1, ended.err
    assert lines[0].startswith("error: ")
    assert "Traceback" not in ended.err
    assert len(lines[0]) < 1000
    assert lines[0].isprintable()
    for word in words:
        assert word in lines[0]


def digest(folder: Path, *leave_out: str) -> dict[str, str]:
    """Everything below a folder, but what some paths begin with: folders, and the sums of files."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not name.startswith(leave_out):
            found[name] = hashlib.md5(path.read_bytes()).hexdigest() if path.is_file() else "folder"
    return found


def change(folder: Path, **values: object) -> None:
    """Set parameters; ``__`` stands for the dot in a key."""
    path = folder / "params.yaml"
    content = yaml.safe_load(path.read_text())
    for key, value in values.items():
        *parents, last = key.split("__")
        block = content
        for parent in parents:
            block = block[parent]
        block[last] = value
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def checkout(folder: Path) -> None:
    """Copy the project's files into a new repository, without results, and with the tests' parameters."""
    pipeline.checkout(folder)
    shutil.copyfile(PARAMS, folder / "params.yaml")


def install(folder: Path) -> None:
    """Leave in a project what `make install` would: newer than requirements.txt, so nothing is installed."""
    (folder / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        if part.name != "installed":
            (folder / ".venv" / part.name).symlink_to(part)
    os.utime(folder / "requirements.txt", (0, 0))
    (folder / ".venv" / "installed").touch()


def make(folder: Path) -> None:
    """Run all stages of two small experiments in an empty folder."""
    content = yaml.safe_load(PARAMS.read_text())
    content["digits"] = content.pop("digits_classic")
    smoke.shrink(content, samples=200)
    for name in ("sine", "digits"):
        content[name]["train"] |= SIZES
    content["digits"]["judge"]["epochs"] = 3  # enough to know a zero
    content["digits"]["train"]["batch_size"] = 512
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    for name in ("sine", "digits"):
        for stage in ("prepare", "judge", "reference", *OF_A_RUN):
            ended = call(folder, stage, experiment=name)
            assert ended.code == 0, ended
        assert call(folder, "plot", "--experiment", name).code == 0
    assert call(folder, "report").code == 0


@contextlib.contextmanager
def file_limit(size: int) -> Iterator[None]:
    """Within the block, no file can grow beyond ``size`` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
