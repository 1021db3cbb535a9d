"""Whatever is wrong with what a stage is given: one line, what and where, and nothing on disk has changed."""

import gzip
import hashlib
import json
import math
import pickle
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes

from stages.gan.core import datasets, devices, weights
from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.base.registry import get_generator
from stages.gan.networks.mlp import MlpGenerator
from stages.gan.sources import downloads, mnist
from stages.gan.sources.sine import SineSource
from stages.gan.training import loop
from tests import calls

RUN = f"seed-{calls.SEED}"
GENERATOR = f"data/sine/{RUN}/generator.safetensors"
JUDGE = "data/sine/judge.safetensors"
REFERENCE = "data/sine/reference.safetensors"
DATASET = "data/sine/dataset.safetensors"
SAMPLES = f"data/sine/{RUN}/samples.npy"
PREVIEWS = f"data/sine/{RUN}/previews.npy"
LOSSES = f"reports/runs/sine/{RUN}/losses.csv"
SCORES = f"reports/runs/sine/{RUN}/metrics.json"
ABOUT = f"reports/runs/sine/{RUN}/run.json"
COMMON = f"data/sine/{RUN}/grid.npy"
GRID = f"reports/runs/sine/{RUN}/grid.png"
COVERAGE = f"data/digits/{RUN}/coverage.npy"
NONE = "not-there"


class Malicious:
    """What makes a file when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("a-pickle-was-here"),)


@dataclass(frozen=True)
class Case:
    """A mistake: how it is made in a folder where all is well, the stage that meets it, and what it says."""

    name: str
    stage: str
    spoil: Callable[[Path], object]
    words: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    experiment: str = "sine"


def bad_value(key: str, value: object, *words: str) -> Case:
    """A bad value of a parameter."""
    spoil = {key.replace(".", "__"): value}
    said = words or (key,)
    shown = str(value)[:30].encode("unicode_escape").decode()
    return Case(f"{key} is {shown}", "prepare", lambda f: calls.change(f, **spoil), ("params.yaml: ", *said))


def bad_name(name: str, *words: str) -> Case:
    """A bad name of an experiment."""

    def spoil(folder: Path) -> None:
        calls.change(folder, **{name: {}, "experiments": [name]})

    shown = name[:30].encode("unicode_escape").decode()
    return Case(f"named {shown}", "prepare", spoil, ("params.yaml: ", *(words or ("an experiment's name",))))


def bad_text(about: str, content: str | bytes, *words: str) -> Case:
    """A parameter file that holds something else."""

    def spoil(folder: Path) -> None:
        data = content.encode() if isinstance(content, str) else content
        (folder / "params.yaml").write_bytes(data)

    return Case(about, "prepare", spoil, ("params.yaml", *words))


def more_text(about: str, lines: str, *words: str) -> Case:
    """A parameter file with something more in it."""

    def spoil(folder: Path) -> None:
        path = folder / "params.yaml"
        path.write_text(path.read_text() + lines)

    return Case(about, "prepare", spoil, ("params.yaml", *words))


def bad_file(stage: str, path: str, about: str, spoil: Callable[[Path], object], *words: str) -> Case:
    """A bad file."""
    return Case(f"{stage}: {path} {about}", stage, lambda f: spoil(f / path), (path, *words))


def bad_drawn(about: str, spoil: Callable[[Path], object], *words: str) -> Case:
    """A bad generator's file, drawn from by hand: there, it may be of any run and of any architecture."""
    arguments = ("--generator", GENERATOR, "--out", "drawn.png")
    return Case(
        f"draw: {about}", "tools.draw", lambda f: spoil(f / GENERATOR), (GENERATOR, *words), arguments
    )


def bad_command(about: str, stage: str, *arguments: str, words: tuple[str, ...]) -> Case:
    """A bad command line."""
    return Case(about, stage, lambda _: None, words, arguments)


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def rubbish(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 8)


def disguise(path: Path) -> None:
    path.write_bytes(pickle.dumps(Malicious()))


def disguise_as_array(path: Path) -> None:
    np.save(path.open("wb"), np.array([Malicious()] * 200, dtype=object), allow_pickle=True)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[3] ^= 0x7F
    path.write_bytes(content)


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def of_digits(path: Path) -> None:
    path.write_bytes(Path(str(path).replace("/sine/", "/digits/")).read_bytes())


def network(path: Path, experiment: str = "sine", seed: int = calls.SEED, **changes: Any) -> None:
    """Put another generator there."""
    arguments = {"latent": 2, "hidden": [16, 32], "shape": (2,)} | changes
    made = MlpGenerator(**arguments, weights=random_generator(1, "g"))
    weights.save(path, made, {"experiment": experiment, "seed": seed, "device": "cpu"})


def not_a_number(path: Path) -> None:
    made = MlpGenerator(2, [16, 32], (2,), random_generator(1, "g"))
    torch.nn.init.constant_(made.layers[0].weight, float("nan"))
    weights.save(path, made, {"experiment": "sine", "seed": calls.SEED, "device": "cpu"})


def with_header(path: Path, **changes: object) -> None:
    """Put a file there whose header says other things of its network."""
    architecture = {"network": "mlp", "latent": 2, "hidden": [16, 32], "shape": [2]}
    run = {"experiment": "sine", "seed": calls.SEED, "device": "cpu"}
    about = {"architecture": architecture, **run, **changes}
    path.write_bytes(to_bytes({"w": torch.zeros(1)}, metadata={"about": json.dumps(about)}))


def tensors(path: Path, **changes: torch.Tensor) -> None:
    """Change tensors of a prepared data set."""
    found = load_file(path) | {key.replace("__", "."): value for key, value in changes.items()}
    path.write_bytes(to_bytes(found))


def array(path: Path, value: object, dtype: str = "float32") -> None:
    np.save(path.open("wb"), np.asarray(value, dtype=dtype))


def edit_lines(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")


def edit_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def no_device() -> str:
    return next(kind for kind in ("mps", "cuda") if kind not in devices.available())


def laughs() -> str:
    rows = ["x0: &x0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    rows += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(rows) + "\n"


HUGE = 10**9
PARAMETERS = [
    bad_value("sine.train.epoch", 3, "sine.train.epoch: no such parameter; did you mean epochs?"),
    bad_value("sine.train.batchsize", 3, "did you mean batch_size?"),
    bad_value("sine.trian", {}, "sine.trian: no such parameter; did you mean train?"),
    bad_value("sine.train.colour", "red", "sine.train.colour: no such parameter; there are loss, epochs"),
    bad_value("thread", 2, "thread: neither a setting nor an experiment's block; did you mean threads?"),
    bad_value("experiment", ["sine"], "did you mean experiments?"),
    bad_value("sine.train.lr", "fast", "sine.train.lr: should be a valid number, got 'fast'"),
    bad_value("sine.train.lr", [0.1]),
    bad_value("sine.train.lr", True),
    bad_value("sine.train.lr", None),
    bad_value("sine.train.lr", -0.1),
    bad_value("sine.train.lr", 0),
    bad_value("sine.train.lr", 2),
    bad_value("sine.train.lr", float("nan"), "sine.train.lr: should be a finite number"),
    bad_value("sine.train.lr", float("inf"), "sine.train.lr: should be a finite number"),
    bad_value("sine.train.lr", "-inf"),
    bad_value("sine.train.epochs", 0),
    bad_value("sine.train.epochs", -5),
    bad_value("sine.train.epochs", 1.5),
    bad_value("sine.train.epochs", 10**12),
    bad_value("sine.train.epochs", 10**400),
    bad_value("sine.train.betas", [0.9, 0.9, 0.9]),
    bad_value("sine.train.preview", HUGE),
    bad_value("sine.train.batch_size", "32"),
    bad_value("sine.train", []),
    bad_value("sine", [1], "sine: neither a setting nor an experiment's block"),
    bad_value("sine.data.points", -1),
    bad_value("sine.data.source", "cosine", "source must be one of 'array', 'digits', 'emnist'"),
    bad_value("sine.data.seed", 2**63),
    bad_value("sine.generator.hidden", [HUGE], "sine.generator.hidden.0", "65536"),
    bad_value(
        "sine.generator.hidden", [65_536] * 60, "sine: generator: has", "weights; at most 1,000,000,000"
    ),
    bad_value("sine.generator.hidden", []),
    bad_value("sine.generator.hidden", "16, 32"),
    bad_value("sine.discriminator.dropout", 1.0),
    bad_value("sine.sample.count", 10**18),
    bad_value("seeds", []),
    bad_value("seeds", [1, 2, 1], "seeds: each may be listed once only, got [1, 2, 1]"),
    bad_value("seeds", 111),
    bad_value("seeds", [2**64]),
    bad_value("seeds", ["1"]),
    bad_value("experiments", []),
    bad_value("experiments", ["sine", "sine"], "experiments: each may be listed once only"),
    bad_value("experiments", ["sinus"], "no block named sinus; there are sine, digits", "did you mean sine?"),
    bad_value("experiments", [["sine"]]),
    bad_value("device", "gpu", "device: should be 'auto', 'cpu', 'cuda' or 'mps', got 'gpu'"),
    bad_value("threads", 10**6),
    bad_value("sine.data.points", 1),
    bad_value("mnist.data.limit", 1),
    bad_value("sine.train.batch_size", 65, "train.batch_size: 65 is more than the 64 training samples"),
    bad_value("digits.train.batch_size", 1438, "train.batch_size: 1438 is more than the 1437"),
    bad_value("digits.judge.channels", [8] * 4, "digits: judge.channels: 4 are too many for images of 8x8"),
    bad_value(
        "digits.generator", {"network": "conv", "latent": 4, "channels": [8] * 4},
        "digits: generator.channels: 4 are too many for images of 8x8",
    ),
    bad_value(
        "mnist.generator", {"network": "conv", "latent": 4, "channels": [8] * 3},
        "mnist: generator.channels: 3 are too many for images of 28x28",
    ),
    bad_value(
        "digits.discriminator", {"network": "conv", "channels": [8] * 4},
        "digits: discriminator.channels: 4 are too many for images of 8x8",
    ),
    bad_value("sine.judge.hidden", [65_536] * 20, "sine: judge: has", "weights; at most 1,000,000,000"),
    bad_value("sine.train.Lr", 1, "did you mean lr?"),
    bad_value("sine.train.lr", "٣e-3"),
    bad_value("sine.train.lr", "1_0e-2"),
]  # fmt: skip
NAMES = [
    bad_name("../x"),
    bad_name("/etc"),
    bad_name("a/b"),
    bad_name("a\\b"),
    bad_name("Sine"),
    bad_name("sine."),
    bad_name("sine "),
    bad_name("-sine"),
    bad_name("x" * 65),
    bad_name("y" * 5000),
    bad_name("a\nb"),
    bad_name("\x1b[31mred"),
    bad_name("siné"),
    bad_name(""),
    bad_name("con", "con: cannot be an experiment's name"),
    bad_name("lpt1", "lpt1: cannot be an experiment's name"),
    bad_name("raw", "raw: cannot be an experiment's name"),
]
FILES = [
    bad_text("not YAML", "a: [1\nb: 2", "is not valid YAML in line 2, column 2"),
    bad_text("a tab", "a:\n\t- 1\n", "is not valid YAML in line 2, column 1"),
    bad_text("empty", "", "must hold keys and values"),
    bad_text("a list", "- 1\n", "must hold keys and values"),
    bad_text("two documents", "a: {}\n---\nb: {}\n", "is not valid YAML in line 2"),
    bad_text("a word", "hello", "must hold keys and values"),
    bad_text("bytes", bytes(range(256)), "is not valid YAML"),
    bad_text("zeros", bytes(100), "is not valid YAML"),
    bad_text("too large", "# " + "x" * 2_000_000, "is larger than"),
    bad_text("too deep", "[" * 100_000, "nested too deeply"),
    more_text(
        "an object", "x: !!python/object/apply:os.system ['touch a']\n", "is not valid YAML in line", "tag"
    ),
    more_text(
        "an object made new", "x: !!python/object/new:os.system ['touch a']\n", "is not valid YAML in line"
    ),
    more_text("a name", "x: !!python/name:os.system\n", "is not valid YAML in line"),
    more_text("a tag of one's own", "x: !mine 3\n", "is not valid YAML in line"),
    more_text("an alias bomb", laughs(), "its aliases make more than 100,000 values"),
    more_text("an alias of itself", "x: &x {y: *x}\n", "its aliases make more than"),
    more_text("an unknown alias", "x: *y\n", "is not valid YAML in line"),
    more_text("a key twice", "threads: 1\n", "threads is given twice"),
    more_text("a block twice", "sine: {}\n", "sine is given twice"),
    more_text("a key twice inside", "x: {a: 1, b: 2, a: 3}\n", "a is given twice"),
    more_text("a day that is none", "x: 2001-99-99\n", "is not valid YAML in line", "month"),
    more_text("a number as a name", "3: {}\n", "3: an experiment's name"),
    more_text("a list as a key", "? [1, 2]\n: 3\n", "is not valid YAML in line"),
    bad_file("prepare", "params.yaml", "missing", Path.unlink, "params.yaml: cannot be read"),
    bad_file("prepare", "params.yaml", "a folder", folder_instead, "params.yaml: cannot be read"),
]
COMMANDS = [
    bad_command(
        "no such experiment", "train", "--experiment", "sign", "--seed", "1", words=("did you mean sine?",)
    ),
    bad_command("a path", "train", "--experiment", "../x", "--seed", "1", words=("no block named ../x",)),
    bad_command("no experiment", "prepare", "--seed", "1", words=("--experiment",)),
    bad_command("a negative seed", "train", "--experiment", "sine", "--seed", "-1", words=("--seed",)),
    bad_command("a huge seed", "train", "--experiment", "sine", "--seed", str(2**63), words=("--seed",)),
    bad_command(
        "a word as seed", "sample", "--experiment", "sine", "--seed", "one", words=("--seed", "'one'")
    ),
    bad_command("an unknown flag", "report", "--quick", words=("--quick",)),
    bad_command(
        "no such file", "judge", "--experiment", "sine", "--params", NONE, words=(f"{NONE}: cannot be read",)
    ),
]
DEVICES = [
    Case(
        f"{stage} on a device that is not there", stage,
        lambda f: calls.change(f, device=no_device()), ("device: ", "is not available; this machine has cpu"),
        () if stage != "plot" else ("--experiment", "sine"),
    )
    for stage in ("judge", "reference", "train", "sample", "evaluate", "plot")
]  # fmt: skip
UNREADABLE: list[tuple[str, Callable[[Path], object]]] = [
    ("missing", Path.unlink),
    ("cut short", cut),
    ("empty", empty),
    ("rubbish", rubbish),
    ("with a bad header", flip),
    ("a folder", folder_instead),
    ("a pickle", disguise),
]
DATA = [
    *(
        bad_file(stage, DATASET, about, spoil, "not a readable data set", "run the prepare stage")
        for about, spoil in UNREADABLE
        for stage in ("judge", "train")
    ),
    bad_file(
        "judge", DATASET, "of digits", of_digits, "its train split holds 1,437 uint8", "run the prepare",
    ),
    bad_file("train", DATASET, "of digits", of_digits, "its train split holds 1,437 uint8"),
    bad_file("sample", DATASET, "of digits", of_digits, "its train split holds 1,437 uint8"),
    bad_file("evaluate", DATASET, "of digits", of_digits, "its train split holds 1,437 uint8"),
    bad_file(
        "judge", DATASET, "with fewer points",
        lambda path: tensors(path, train__samples=torch.zeros(5, 2)), "holds 5 float32", "gives 64 float32",
    ),
    bad_file(
        "judge", DATASET, "with numbers that are none",
        lambda path: tensors(path, test__samples=torch.full((64, 2), float("nan"))), "not finite",
    ),
    bad_file(
        "judge", DATASET, "with a single number",
        lambda path: tensors(path, train__samples=torch.tensor(1.0)), "its samples have no shape",
    ),
    bad_file(
        "judge", DATASET, "with labels of -1",
        lambda path: tensors(path, train__labels=torch.full((64,), -1)), "not all from 0 to 999",
    ),
    bad_file(
        "judge", DATASET, "with labels", lambda path: tensors(path, train__labels=torch.zeros(64)), "labels"
    ),
]  # fmt: skip
WEIGHTS = [
    *(
        bad_file("sample", GENERATOR, about, spoil, "not a readable network", "make it again")
        for about, spoil in UNREADABLE
    ),
    *(
        bad_file(stage, JUDGE, about, spoil, "not a readable network")
        for about, spoil in UNREADABLE
        for stage in ("reference", "evaluate")
    ),
    *(
        bad_file("evaluate", REFERENCE, about, spoil, "not a readable reference", "run the reference stage")
        for about, spoil in UNREADABLE
    ),
    bad_file("evaluate", GENERATOR, "a pickle", disguise, "not a readable network"),
    bad_file(
        "sample", GENERATOR, "with NaN", not_a_number, "layers.0.weight holds numbers that are not finite"
    ),
    bad_file(
        "sample", GENERATOR, "of other widths", lambda p: network(p, hidden=[8]), "hidden is [8], but"
    ),
    bad_file("sample", GENERATOR, "of another latent space", lambda p: network(p, latent=3), "latent is 3"),
    bad_file("sample", GENERATOR, "of images", lambda p: network(p, shape=(1, 8, 8)), "shape is [1, 8, 8]"),
    bad_file("sample", GENERATOR, "of digits", of_digits, "is the generator of digits, seed 7, not of sine"),
    bad_file(
        "evaluate", GENERATOR, "of seed 8", lambda p: network(p, seed=8), "the generator of sine, seed 8"
    ),
    bad_file(
        "sample", GENERATOR, "of no kind", lambda p: with_header(p, architecture={"network": "vae"}), "vae"
    ),
    bad_file("sample", GENERATOR, "without one", lambda p: with_header(p, architecture=3), "not a readable"),
    bad_file("sample", GENERATOR, "with other tensors", with_header, "not a readable network"),
    bad_drawn(
        "of no kind", lambda p: with_header(p, architecture={"network": "vae"}),
        "not a readable network", "there is no generator named vae",
    ),
    bad_drawn(
        "of huge widths",
        lambda p: with_header(
            p, architecture={"network": "mlp", "latent": 2, "hidden": [2**40], "shape": [2]}
        ), "not a readable network",
    ),
    bad_file(
        "sample", GENERATOR, "a data set",
        lambda p: p.write_bytes(to_bytes({"train.samples": torch.zeros(2)})), "not a readable network",
    ),
    bad_file("evaluate", JUDGE, "of digits", of_digits, "cnn"),
    bad_file("evaluate", REFERENCE, "of digits", of_digits, "another experiment's"),
    bad_file("evaluate", REFERENCE, "tensors", lambda p: p.write_bytes(to_bytes({"a": torch.zeros(2)}))),
    bad_file("evaluate", JUDGE, "a generator", lambda p: network(p), "not a readable network"),
]  # fmt: skip
RESULTS = [
    *(
        bad_file("evaluate", SAMPLES, about, spoil, "not readable samples", "run the sample stage")
        for about, spoil in UNREADABLE
    ),
    bad_file("evaluate", SAMPLES, "a pickled array", disguise_as_array, "not readable samples"),
    bad_file("evaluate", SAMPLES, "too few", lambda p: array(p, np.zeros((5, 2))), "(5, 2), but 200 samples"),
    bad_file("evaluate", SAMPLES, "of digits", of_digits, "run the sample stage"),
    bad_file("evaluate", SAMPLES, "with NaN", lambda p: array(p, np.full((200, 2), np.nan)), "not finite"),
    bad_file("evaluate", SAMPLES, "of text", lambda p: array(p, ["a"] * 200, "U1"), "not readable samples"),
    *(bad_file("plot", PREVIEWS, about, spoil, "not readable previews") for about, spoil in UNREADABLE),
    bad_file("plot", PREVIEWS, "a pickled array", disguise_as_array, "not readable previews"),
    bad_file("plot", PREVIEWS, "of one epoch", lambda p: array(p, np.zeros((2, 16, 2))), "has 2 epochs"),
    bad_file("plot", PREVIEWS, "one number", lambda p: array(p, 1), "run the train stage"),
    bad_file("plot", LOSSES, "missing", Path.unlink, "not a readable history"),
    bad_file("plot", LOSSES, "rubbish", rubbish, "not a readable history"),
    bad_file("plot", LOSSES, "empty", empty, "not a readable history"),
    bad_file("plot", LOSSES, "cut short", cut, "not a readable history"),
    bad_file("plot", LOSSES, "without a row", lambda p: edit_lines(p, lambda r: r[:-1]), "run the train"),
    bad_file(
        "plot", LOSSES, "with a word",
        lambda p: edit_lines(p, lambda rows: [*rows[:-1], "2,a,1,1,1"]), "not a readable history", "'a'",
    ),
    bad_file(
        "plot", LOSSES, "with NaN",
        lambda p: edit_lines(p, lambda rows: [*rows[:-1], "2,nan,1,1,1"]), "finite",
    ),
    bad_file("report", LOSSES, "rubbish", rubbish, "not readable losses"),
    *(
        bad_file("plot", path, about, spoil, "not readable samples", "run the sample stage")
        for path in (SAMPLES, COMMON)
        for about, spoil in UNREADABLE
    ),
    bad_file("plot", SAMPLES, "of digits", of_digits, "run the sample stage"),
    bad_file("plot", COMMON, "of digits", of_digits, "run the sample stage"),
    bad_file("plot", PREVIEWS, "of digits", of_digits, "run the train stage"),
    *(
        Case(
            f"plot: {COVERAGE} {about}", "plot", lambda f, s=spoil: s(f / COVERAGE),
            (COVERAGE, "not readable numbers", "run the evaluate stage"), experiment="digits",
        )
        for about, spoil in UNREADABLE
    ),
]  # fmt: skip
REPORTED = [
    *(
        Case(
            f"report: {path} {about}", "report", lambda f, p=path, s=spoil: s(f / p),
            (f"reports/runs/sine/{RUN}: not a readable run", "run the evaluate stage"),
        )
        for path in (SCORES, ABOUT)
        for about, spoil in UNREADABLE
        if (path, about) != (ABOUT, "missing")  # then it is no run yet
    ),
    Case(
        "a score is a word", "report", lambda f: edit_json(f / SCORES, energy_distance="low"),
        ("scores.energy_distance",),
    ),
    Case("a score is NaN", "report", lambda f: edit_json(f / SCORES, diversity=float("nan")), ("diversity",)),
    Case("there are no scores", "report", lambda f: (f / SCORES).write_text("{}"), ("json has no scores",)),
    Case("a run without a seed", "report", lambda f: edit_json(f / ABOUT, seed=None), ("seed",)),
    *(
        bad_file("report", GRID, about, spoil, "not a readable picture", "run the plot stage")
        for about, spoil in UNREADABLE
        if about not in ("missing", "with a bad header")
    ),
]  # fmt: skip
CASES = [*PARAMETERS, *NAMES, *FILES, *COMMANDS, *DEVICES, *DATA, *WEIGHTS, *RESULTS, *REPORTED]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_mistake_gets_one_line_and_nothing_changes(case, workplace):
    case.spoil(workplace)
    before = calls.digest(workplace)
    ended = calls.call(workplace, case.stage, *case.arguments, experiment=case.experiment)
    calls.assert_refused(ended, *case.words)
    assert calls.digest(workplace) == before


def test_there_are_as_many_cases_as_were_promised():
    assert len({case.name for case in CASES}) == len(CASES) >= 200


@pytest.mark.parametrize(
    "case",
    [PARAMETERS[0], NAMES[0], FILES[0], COMMANDS[3], DATA[1], WEIGHTS[6], RESULTS[0]],
    ids=lambda case: case.name,
)
def test_a_process_of_its_own_ends_so_too(case, workplace, root):
    case.spoil(workplace)
    before = calls.digest(workplace)
    arguments = case.arguments or ("--experiment", "sine")
    if not case.arguments and case.stage in calls.OF_A_RUN:
        arguments += ("--seed", str(calls.SEED))
    done = subprocess.run(
        [sys.executable, "-m", f"stages.{case.stage}", *arguments],
        cwd=workplace,
        env={"PYTHONPATH": str(root), "PATH": ""},
        capture_output=True,
        text=True,
    )
    calls.assert_refused(calls.Ended(done.returncode, done.stdout, done.stderr), *case.words)
    assert calls.digest(workplace) == before


def test_the_malicious_pickle_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    disguise(tmp_path / "pickle")
    pickle.loads((tmp_path / "pickle").read_bytes())
    assert (tmp_path / "a-pickle-was-here").exists()


@pytest.mark.parametrize("spoil", [spoil for _, spoil in UNREADABLE if spoil is not flip])
def test_no_weights_of_inception_are_unpickled(spoil, workplace):
    (workplace / "inception.pth").touch()
    spoil(workplace / "inception.pth")
    calls.change(workplace, digits__evaluate={"inception": "inception.pth"})
    before = calls.digest(workplace)
    for stage in ("reference", "evaluate"):
        ended = calls.call(workplace, stage, experiment="digits")
        calls.assert_refused(ended, "inception.pth: ", "Inception-V3", "evaluate.inception to null")
    assert calls.digest(workplace) == before


def test_a_training_that_diverges_ends_there_and_its_last_finite_networks_are_kept(workplace, monkeypatch):
    monkeypatch.setattr(loop, "learning_rates", lambda _, done: (math.inf if done >= 0.5 else 1e-3,) * 2)
    before = {name: calls.digest(workplace / name) for name in ("data", "reports")}
    ended = calls.call(workplace, "train", tracked=True)
    words = "no longer finite in epoch 2 (", "lower train.lr", "MLflow, checkpoints/epoch-0002-step-0"
    calls.assert_refused(ended, *words)
    assert {name: calls.digest(workplace / name) for name in ("data", "reports")} == before

    client = MlflowClient(f"sqlite:///{workplace}/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name("sine").experiment_id])
    assert run.info.status == "FAILED"
    assert [point.step for point in client.get_metric_history(run.info.run_id, "loss_d")] == [1]
    monkeypatch.chdir(workplace)
    path = client.download_artifacts(run.info.run_id, "checkpoints/epoch-0002-step-0", str(workplace))
    assert {file.name for file in Path(path).iterdir()} == {
        "generator.safetensors",
        "discriminator.safetensors",
    }
    weights.load(Path(path, "generator.safetensors"), get_generator, torch.device("cpu"))  # all of it finite

    monkeypatch.undo()
    assert calls.call(workplace, "train").code == 0


def test_a_judge_that_diverges_ends_there_with_advice(workplace, monkeypatch):
    monkeypatch.setattr(datasets.Split, "normalized", property(lambda split: split.samples * float("nan")))
    before = calls.digest(workplace)
    ended = calls.call(workplace, "judge", experiment="digits")
    calls.assert_refused(ended, "judge: the loss is no longer finite in epoch 1 (nan)", "lower judge.lr")
    assert calls.digest(workplace) == before


def test_a_training_that_diverges_in_truth(workplace):
    calls.change(
        workplace,
        sine__generator__hidden=[64] * 12,
        sine__discriminator__hidden=[1024, 1024, *[64] * 7],
        sine__train__lr=1.0,
        sine__train__betas=[0.999, 0.0],
        sine__train__r1=1000,
    )
    before = {name: calls.digest(workplace / name) for name in ("data", "reports")}
    ended = calls.call(workplace, "train")
    calls.assert_refused(ended, "no longer finite in epoch 1 (", "lower train.lr")
    assert {name: calls.digest(workplace / name) for name in ("data", "reports")} == before


def test_a_judge_that_can_judge_nothing_is_told(workplace):
    calls.change(workplace, digits__judge__lr=1.0, digits__judge__epochs=3)
    before = calls.digest(workplace)
    ended = calls.call(workplace, "judge", experiment="digits")
    calls.assert_refused(ended, "judge: it gives the same answer to whatever it sees; lower judge.lr")
    assert calls.digest(workplace) == before


def test_a_notebooks_choice_of_how_to_draw_is_no_mistake(workplace, root):
    done = subprocess.run(
        [sys.executable, "-m", "stages.prepare", "--experiment", "sine"],
        cwd=workplace,
        env={"PYTHONPATH": str(root), "PATH": "", "MPLBACKEND": "module://not_there.backend"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), "failed to map segment"),
        (MemoryError(), "not enough memory (no more is available)"),
        (RuntimeError("CUDA out of memory. Tried to allocate 9 GiB"), "Tried to allocate 9 GiB"),
        (RuntimeError("[enforce fail] . DefaultCPUAllocator: can't allocate memory: 1\nline"), "1 line"),
    ],
)
def test_too_little_memory_is_told(error, words, workplace, monkeypatch):
    def fail(*_):
        raise error

    monkeypatch.setattr(SineSource, "load", fail)
    before = calls.digest(workplace)
    calls.assert_refused(calls.call(workplace, "prepare"), "not enough memory", "data.limit", words)
    assert calls.digest(workplace) == before


def test_a_mistake_of_the_programs_is_not_hidden(workplace, monkeypatch):
    def fail(*_):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(SineSource, "load", fail)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        calls.call(workplace, "prepare")


COUNTS = (6, 4)


def packed(content: bytes) -> bytes:
    """The same bytes whenever it is called, as gzip's header else has the time."""
    return gzip.compress(content, mtime=0)


def idx(magic: int, *shape: int, missing: int = 0) -> bytes:
    """A file in MNIST's format, packed."""
    content = bytes(range(int(np.prod(shape)) - missing)) if len(shape) == 1 else bytes(int(np.prod(shape)))
    return packed(struct.pack(f">{1 + len(shape)}i", magic, *shape) + content)


def archives(**changes: bytes) -> dict[str, bytes]:
    """The four files of a small MNIST, or others in their places."""
    found = {}
    for part, count in zip(("train", "t10k"), COUNTS, strict=True):
        found[f"{part}-images-idx3-ubyte.gz"] = idx(0x803, count, 28, 28)
        found[f"{part}-labels-idx1-ubyte.gz"] = idx(0x801, count)
    return found | {f"{key.replace('_', '-')}-ubyte.gz": value for key, value in changes.items()}


@pytest.fixture
def make_mirror(workplace, monkeypatch) -> Callable[..., Path]:
    """Declares files to be MNIST's, and makes a mirror of them, the only one, in a folder."""
    from torchvision.datasets import MNIST

    limited, fetch = mnist.limited, downloads._fetch

    def declare(contents: dict[str, bytes], folder: str = "mirror") -> Path:
        sums = [(name, hashlib.md5(content).hexdigest()) for name, content in contents.items()]
        monkeypatch.setattr(MNIST, "resources", sums)
        monkeypatch.setattr(MNIST, "mirrors", [])
        monkeypatch.setattr(mnist, "limited", lambda _, limit: limited(COUNTS, limit))
        monkeypatch.setattr(downloads, "_fetch", lambda *arguments: fetch(*arguments[:-1], COUNTS))
        calls.change(workplace, mnist__train__batch_size=2, mnist_fast__train__batch_size=2)
        mirror = workplace / folder
        mirror.mkdir()
        for name, content in contents.items():
            (mirror / name).write_bytes(content)
        monkeypatch.setenv("GAN_MIRROR", str(mirror))
        return mirror

    return declare


IMAGES = "train-images-idx3-ubyte.gz"


def downloaded(workplace: Path) -> list[str]:
    return sorted(path.name for path in (workplace / "data" / "raw").rglob("*ubyte*"))


@pytest.mark.parametrize(
    ("about", "spoil"),
    [
        ("missing", Path.unlink),
        ("cut short", cut),
        ("too long", lambda path: path.write_bytes(path.read_bytes() + b"more")),
        ("empty", empty),
        ("corrupted", flip),
        ("a page", lambda path: path.write_text("<html>404</html>")),
        ("a pickle", disguise),
        ("a folder", folder_instead),
    ],
)
def test_a_bad_download_is_not_kept_and_the_next_mirror_is_tried(
    about, spoil, make_mirror, workplace, monkeypatch
):
    mirror = make_mirror(archives())
    spoil(mirror / IMAGES)
    before = calls.digest(workplace, "data/raw")
    calls.assert_refused(calls.call(workplace, "prepare", experiment="mnist"), f"tried {mirror} (", IMAGES)
    assert calls.digest(workplace, "data/raw") == before
    assert IMAGES not in downloaded(workplace)
    assert IMAGES.removesuffix(".gz") not in downloaded(workplace)

    good = workplace / "good"
    good.mkdir()
    for name, content in archives().items():
        (good / name).write_bytes(content)
    monkeypatch.setattr(
        "torchvision.datasets.MNIST.mirrors",
        ["nonsense", "x://y", mirror.as_uri(), "http://127.0.0.1:9", str(good)],
    )
    ended = calls.call(workplace, "prepare", experiment="mnist")
    assert (ended.code, ended.err) == (0, "")
    assert "6 training and 4 test samples" in ended.out


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param(f"{part}_idx{3 if 'images' in part else 1}", content, id=f"{part} {about}")
        for part, about, content in (
            ("train_images", "with the magic of labels", idx(0x801, 6, 28, 28)),
            ("train_images", "without magic", idx(0x0, 6, 28, 28)),
            ("train_images", "one too few", idx(0x803, 5, 28, 28)),
            ("train_images", "27 rows high", idx(0x803, 6, 27, 28)),
            ("train_images", "cut short", packed(struct.pack(">4i", 0x803, 6, 28, 28) + bytes(100))),
            ("train_labels", "with the magic of images", idx(0x803, 6, 28, 28)),
            ("train_labels", "one too few", idx(0x801, 5)),
            ("t10k_labels", "cut short", idx(0x801, 4, missing=1)),
            ("t10k_labels", "empty", packed(b"")),
            ("t10k_labels", "in half an archive", packed(bytes(100))[:-15]),
            ("t10k_labels", "in no archive", b"no archive"),
        )
    ],
)
def test_a_file_with_the_wrong_magic_or_count_is_refused(name, content, make_mirror, workplace):
    mirror = make_mirror(archives(**{name: content}))
    before = calls.digest(workplace, "data/raw")
    calls.assert_refused(calls.call(workplace, "prepare", experiment="mnist"), f"tried {mirror} (")
    assert calls.digest(workplace, "data/raw") == before
    assert not [name for name in downloaded(workplace) if not name.endswith(".gz")]


@pytest.mark.parametrize("write", [str, Path.as_uri, lambda path: f"~/{path.name}"])
def test_a_mirror_is_a_folder_or_its_address(write, make_mirror, workplace, monkeypatch):
    mirror = make_mirror(archives(), "a mirror")
    monkeypatch.setenv("HOME", str(workplace))
    monkeypatch.setenv("GAN_MIRROR", write(mirror))
    ended = calls.call(workplace, "prepare", experiment="mnist")
    assert (ended.code, ended.err) == (0, "")


def test_a_mirrors_password_is_not_shown(make_mirror, workplace, monkeypatch):
    make_mirror(archives())
    monkeypatch.setenv("GAN_MIRROR", "http://user:secret@127.0.0.1:9/x")
    ended = calls.call(workplace, "prepare", experiment="mnist")
    calls.assert_refused(ended, "tried http://127.0.0.1:9/x (")
    assert "secret" not in ended.err


def test_a_download_without_room_says_so_and_is_not_kept(make_mirror, workplace):
    make_mirror(archives())
    before = calls.digest(workplace, "data/raw")
    with calls.file_limit(10):
        ended = calls.call(workplace, "prepare", experiment="mnist")
    calls.assert_refused(ended, "data/raw/MNIST/raw: File too large")
    assert calls.digest(workplace, "data/raw") == before
    assert downloaded(workplace) == []


class CutShort(BaseHTTPRequestHandler):
    """A server that promises more than it sends."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"too little")

    def log_message(self, *_: object) -> None:
        pass


def test_a_download_that_breaks_off_is_not_kept(make_mirror, workplace, monkeypatch):
    good = make_mirror(archives())
    server = ThreadingHTTPServer(("127.0.0.1", 0), CutShort)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("GAN_MIRROR", address)
    try:
        ended = calls.call(workplace, "prepare", experiment="mnist")
        calls.assert_refused(
            calls.Ended(ended.code, "", ended.err.splitlines()[-1]), f"tried {address} (", "GAN_MIRROR"
        )
        assert downloaded(workplace) == []
        monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", [str(good)])
        assert calls.call(workplace, "prepare", experiment="mnist").code == 0
    finally:
        server.shutdown()
        server.server_close()
