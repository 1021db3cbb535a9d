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
from stages.gan.core.params import MnistData
from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.base.registry import GENERATORS
from stages.gan.networks.mlp import MlpGenerator
from stages.gan.sources import sources
from tests import calls

RUN = f"seed-{calls.SEED}"
GENERATOR = f"data/sine/{RUN}/generator.safetensors"
JUDGE = "data/sine/judge.safetensors"
DATASET = "data/sine/dataset.safetensors"
SAMPLES = f"data/sine/{RUN}/samples.npy"
PREVIEWS = f"data/sine/{RUN}/previews.npy"
LOSSES = f"reports/runs/sine/{RUN}/losses.csv"
SCORES = f"reports/runs/sine/{RUN}/metrics.json"
ABOUT = f"reports/runs/sine/{RUN}/run.json"
GRID = f"reports/runs/sine/{RUN}/grid.png"
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


def key(key: str, value: object, *words: str) -> Case:
    """A bad value of a parameter."""
    spoil = {key.replace(".", "__"): value}
    said = words or (key,)
    shown = str(value)[:30].encode("unicode_escape").decode()
    return Case(f"{key} is {shown}", "prepare", lambda f: calls.change(f, **spoil), ("params.yaml: ", *said))


def name(name: str, *words: str) -> Case:
    """A bad name of an experiment."""

    def spoil(folder: Path) -> None:
        calls.change(folder, **{name: {}, "experiments": [name]})

    shown = name[:30].encode("unicode_escape").decode()
    return Case(f"named {shown}", "prepare", spoil, ("params.yaml: ", *(words or ("an experiment's name",))))


def text(about: str, content: str | bytes, *words: str) -> Case:
    """A parameter file that holds something else."""

    def spoil(folder: Path) -> None:
        data = content.encode() if isinstance(content, str) else content
        (folder / "params.yaml").write_bytes(data)

    return Case(about, "prepare", spoil, ("params.yaml", *words))


def more(about: str, lines: str, *words: str) -> Case:
    """A parameter file with something more in it."""

    def spoil(folder: Path) -> None:
        path = folder / "params.yaml"
        path.write_text(path.read_text() + lines)

    return Case(about, "prepare", spoil, ("params.yaml", *words))


def file(stage: str, path: str, about: str, spoil: Callable[[Path], object], *words: str) -> Case:
    """A bad file."""
    return Case(f"{stage}: {path} {about}", stage, lambda f: spoil(f / path), (path, *words))


def command(about: str, stage: str, *arguments: str, words: tuple[str, ...]) -> Case:
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
    about = {"architecture": {"network": "mlp", "latent": 2, "hidden": [16, 32], "shape": [2]}} | changes
    path.write_bytes(to_bytes({"w": torch.zeros(1)}, metadata={"about": json.dumps(about)}))


def tensors(path: Path, **changes: torch.Tensor) -> None:
    """Change tensors of a prepared data set."""
    found = load_file(path) | {key.replace("__", "."): value for key, value in changes.items()}
    path.write_bytes(to_bytes(found))


def array(path: Path, value: object, dtype: str = "float32") -> None:
    np.save(path.open("wb"), np.asarray(value, dtype=dtype))


def lines(path: Path, change: Callable[[list[str]], list[str]]) -> None:
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
    key("sine.train.epoch", 3, "sine.train.epoch: no such parameter; did you mean epochs?"),
    key("sine.train.batchsize", 3, "did you mean batch_size?"),
    key("sine.trian", {}, "sine.trian: no such parameter; did you mean train?"),
    key("sine.train.colour", "red", "sine.train.colour: none of loss, epochs"),
    key("thread", 2, "thread: neither a setting nor an experiment's block; did you mean threads?"),
    key("experiment", ["sine"], "did you mean experiments?"),
    key("sine.train.lr", "fast", "sine.train.lr: should be a valid number, got 'fast'"),
    key("sine.train.lr", [0.1]),
    key("sine.train.lr", True),
    key("sine.train.lr", None),
    key("sine.train.lr", -0.1),
    key("sine.train.lr", 0),
    key("sine.train.lr", 2),
    key("sine.train.lr", float("nan"), "sine.train.lr: should be a finite number"),
    key("sine.train.lr", float("inf"), "sine.train.lr: should be a finite number"),
    key("sine.train.lr", "-inf"),
    key("sine.train.epochs", 0),
    key("sine.train.epochs", -5),
    key("sine.train.epochs", 1.5),
    key("sine.train.epochs", 10**12),
    key("sine.train.epochs", 10**400),
    key("sine.train.betas", [0.9, 0.9, 0.9]),
    key("sine.train.preview", HUGE),
    key("sine.train.batch_size", "32"),
    key("sine.train", []),
    key("sine", [1], "sine: neither a setting nor an experiment's block"),
    key("sine.data.points", -1),
    key("sine.data.source", "cosine", "source must be one of 'sine', 'array', 'digits'"),
    key("sine.data.seed", 2**63),
    key("sine.generator.hidden", [HUGE], "sine.generator.hidden.0", "65536"),
    key("sine.generator.hidden", [65_536] * 60, "sine: generator: has", "weights; at most 1,000,000,000"),
    key("sine.generator.hidden", []),
    key("sine.generator.hidden", "16, 32"),
    key("sine.discriminator.dropout", 1.0),
    key("sine.sample.count", 10**18),
    key("seeds", []),
    key("seeds", [1, 2, 1], "seeds: each may be listed once only, got [1, 2, 1]"),
    key("seeds", 111),
    key("seeds", [2**64]),
    key("seeds", ["1"]),
    key("experiments", []),
    key("experiments", ["sine", "sine"], "experiments: each may be listed once only"),
    key("experiments", ["sinus"], "no block named sinus; there are sine, digits", "did you mean sine?"),
    key("experiments", [["sine"]]),
    key("device", "gpu", "device: should be 'auto', 'cpu', 'cuda' or 'mps', got 'gpu'"),
    key("threads", 10**6),
    key("sine.data.points", 1),
    key("mnist.data.limit", 1),
    key("sine.train.batch_size", 65, "train.batch_size: 65 is more than the 64 training samples"),
    key("digits.train.batch_size", 1438, "train.batch_size: 1438 is more than the 1437"),
    key("digits.judge.channels", [8] * 4, "digits: judge.channels: 4 are too many for images of 8x8"),
    key(
        "digits.generator", {"network": "conv", "latent": 4, "channels": [8] * 4},
        "digits: generator.channels: 4 are too many for images of 8x8",
    ),
    key(
        "mnist.generator", {"network": "conv", "latent": 4, "channels": [8] * 3},
        "mnist: generator.channels: 3 are too many for images of 28x28",
    ),
    key(
        "digits.discriminator", {"network": "conv", "channels": [8] * 4},
        "digits: discriminator.channels: 4 are too many for images of 8x8",
    ),
    key("sine.judge.hidden", [65_536] * 20, "sine: judge: has", "weights; at most 1,000,000,000"),
    key("sine.train.Lr", 1, "did you mean lr?"),
    key("sine.train.lr", "٣e-3"),
    key("sine.train.lr", "1_0e-2"),
]  # fmt: skip
NAMES = [
    name("../x"),
    name("/etc"),
    name("a/b"),
    name("a\\b"),
    name("Sine"),
    name("sine."),
    name("sine "),
    name("-sine"),
    name("x" * 65),
    name("y" * 5000),
    name("a\nb"),
    name("\x1b[31mred"),
    name("siné"),
    name(""),
    name("con", "con: cannot be an experiment's name"),
    name("lpt1", "lpt1: cannot be an experiment's name"),
    name("raw", "raw: cannot be an experiment's name"),
]
FILES = [
    text("not YAML", "a: [1\nb: 2", "is not valid YAML in line 2, column 2"),
    text("a tab", "a:\n\t- 1\n", "is not valid YAML in line 2, column 1"),
    text("empty", "", "must hold keys and values"),
    text("a list", "- 1\n", "must hold keys and values"),
    text("two documents", "a: {}\n---\nb: {}\n", "is not valid YAML in line 2"),
    text("a word", "hello", "must hold keys and values"),
    text("bytes", bytes(range(256)), "is not valid YAML"),
    text("zeros", bytes(100), "is not valid YAML"),
    text("too large", "# " + "x" * 2_000_000, "is larger than"),
    text("too deep", "[" * 100_000, "nested too deeply"),
    more("an object", "x: !!python/object/apply:os.system ['touch a']\n", "is not valid YAML in line", "tag"),
    more("an object made new", "x: !!python/object/new:os.system ['touch a']\n", "is not valid YAML in line"),
    more("a name", "x: !!python/name:os.system\n", "is not valid YAML in line"),
    more("a tag of one's own", "x: !mine 3\n", "is not valid YAML in line"),
    more("an alias bomb", laughs(), "its aliases make more than 100,000 values"),
    more("an alias of itself", "x: &x {y: *x}\n", "its aliases make more than"),
    more("an unknown alias", "x: *y\n", "is not valid YAML in line"),
    more("a key twice", "threads: 1\n", "threads is given twice"),
    more("a block twice", "sine: {}\n", "sine is given twice"),
    more("a key twice inside", "x: {a: 1, b: 2, a: 3}\n", "a is given twice"),
    more("a day that is none", "x: 2001-99-99\n", "is not valid YAML in line", "month"),
    more("a number as a name", "3: {}\n", "3: an experiment's name"),
    more("a list as a key", "? [1, 2]\n: 3\n", "is not valid YAML in line"),
    file("prepare", "params.yaml", "missing", Path.unlink, "params.yaml: cannot be read"),
    file("prepare", "params.yaml", "a folder", folder_instead, "params.yaml: cannot be read"),
]
COMMANDS = [
    command(
        "no such experiment", "train", "--experiment", "sign", "--seed", "1", words=("did you mean sine?",)
    ),
    command("a path", "train", "--experiment", "../x", "--seed", "1", words=("no block named ../x",)),
    command("no experiment", "prepare", "--seed", "1", words=("--experiment",)),
    command("a negative seed", "train", "--experiment", "sine", "--seed", "-1", words=("--seed",)),
    command("a huge seed", "train", "--experiment", "sine", "--seed", str(2**63), words=("--seed",)),
    command("a word as seed", "sample", "--experiment", "sine", "--seed", "one", words=("--seed", "'one'")),
    command("an unknown flag", "report", "--quick", words=("--quick",)),
    command(
        "no such file", "judge", "--experiment", "sine", "--params", NONE, words=(f"{NONE}: cannot be read",)
    ),
]
DEVICES = [
    Case(
        f"{stage} on a device that is not there", stage,
        lambda f: calls.change(f, device=no_device()), ("device: ", "is not there; this machine has cpu"),
    )
    for stage in ("judge", "train", "sample", "evaluate")
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
        file(stage, DATASET, about, spoil, "not a readable data set", "run the prepare stage")
        for about, spoil in UNREADABLE
        for stage in ("judge", "train")
    ),
    file("judge", DATASET, "of digits", of_digits, "its train split holds 1437 uint8", "run the prepare"),
    file("train", DATASET, "of digits", of_digits, "its train split holds 1437 uint8"),
    file("sample", DATASET, "of digits", of_digits, "its train split holds 1437 uint8"),
    file("evaluate", DATASET, "of digits", of_digits, "its train split holds 1437 uint8"),
    file(
        "judge", DATASET, "with fewer points",
        lambda path: tensors(path, train__samples=torch.zeros(5, 2)), "holds 5 float32", "is 64 float32",
    ),
    file(
        "judge", DATASET, "with numbers that are none",
        lambda path: tensors(path, test__samples=torch.full((64, 2), float("nan"))), "not finite",
    ),
    file(
        "judge", DATASET, "with a single number",
        lambda path: tensors(path, train__samples=torch.tensor(1.0)), "its samples have no shape",
    ),
    file(
        "judge", DATASET, "with labels of -1",
        lambda path: tensors(path, train__labels=torch.full((64,), -1)), "not all from 0 to 999",
    ),
    file(
        "judge", DATASET, "with labels", lambda path: tensors(path, train__labels=torch.zeros(64)), "labels"
    ),
]  # fmt: skip
WEIGHTS = [
    *(
        file("sample", GENERATOR, about, spoil, "not a readable network", "make it again")
        for about, spoil in UNREADABLE
    ),
    *(file("evaluate", JUDGE, about, spoil, "not a readable network") for about, spoil in UNREADABLE),
    file("evaluate", GENERATOR, "a pickle", disguise, "not a readable network"),
    file("sample", GENERATOR, "with NaN", not_a_number, "layers.0.weight holds numbers that are not finite"),
    file("sample", GENERATOR, "of other widths", lambda p: network(p, hidden=[8]), "hidden is [8], but [16"),
    file("sample", GENERATOR, "of another latent space", lambda p: network(p, latent=3), "latent is 3"),
    file("sample", GENERATOR, "of images", lambda p: network(p, shape=(1, 8, 8)), "shape is [1, 8, 8]"),
    file("sample", GENERATOR, "of digits", of_digits, "is the generator of digits, seed 7, not of sine"),
    file("evaluate", GENERATOR, "of seed 8", lambda p: network(p, seed=8), "the generator of sine, seed 8"),
    file("sample", GENERATOR, "of no kind", lambda p: with_header(p, architecture={"network": "vae"}), "vae"),
    file("sample", GENERATOR, "without one", lambda p: with_header(p, architecture=3), "not a readable"),
    file("sample", GENERATOR, "with other tensors", with_header, "not a readable network"),
    file(
        "sample", GENERATOR, "of huge widths",
        lambda p: with_header(
            p, architecture={"network": "mlp", "latent": 2, "hidden": [2**40], "shape": [2]}
        ), "not a readable network",
    ),
    file(
        "sample", GENERATOR, "a data set",
        lambda p: p.write_bytes(to_bytes({"train.samples": torch.zeros(2)})), "not a readable network",
    ),
    file("evaluate", JUDGE, "of digits", of_digits, "cnn"),
    file("evaluate", JUDGE, "a generator", lambda p: network(p), "not a readable network"),
]  # fmt: skip
RESULTS = [
    *(
        file("evaluate", SAMPLES, about, spoil, "not readable samples", "run the sample stage")
        for about, spoil in UNREADABLE
    ),
    file("evaluate", SAMPLES, "a pickled array", disguise_as_array, "not readable samples"),
    file("evaluate", SAMPLES, "too few", lambda p: array(p, np.zeros((5, 2))), "(5, 2), but 200 samples"),
    file("evaluate", SAMPLES, "of digits", of_digits, "run the sample stage"),
    file("evaluate", SAMPLES, "with NaN", lambda p: array(p, np.full((200, 2), np.nan)), "not finite"),
    file("evaluate", SAMPLES, "of text", lambda p: array(p, ["a"] * 200, "U1"), "not readable samples"),
    *(file("evaluate", PREVIEWS, about, spoil, "not readable previews") for about, spoil in UNREADABLE),
    file("evaluate", PREVIEWS, "a pickled array", disguise_as_array, "not readable previews"),
    file("evaluate", PREVIEWS, "of one epoch", lambda p: array(p, np.zeros((2, 16, 2))), "has 2 epochs"),
    file("evaluate", PREVIEWS, "one number", lambda p: array(p, 1), "run the train stage"),
    file("evaluate", LOSSES, "missing", Path.unlink, "not a readable history"),
    file("evaluate", LOSSES, "rubbish", rubbish, "not a readable history"),
    file("evaluate", LOSSES, "empty", empty, "not a readable history"),
    file("evaluate", LOSSES, "cut short", cut, "not a readable history"),
    file("evaluate", LOSSES, "without a row", lambda p: lines(p, lambda rows: rows[:-1]), "run the train"),
    file(
        "evaluate", LOSSES, "with a word",
        lambda p: lines(p, lambda rows: [*rows[:-1], "2,a,1,1,1"]), "not a readable history", "'a'",
    ),
    file("evaluate", LOSSES, "with NaN", lambda p: lines(p, lambda r: [*r[:-1], "2,nan,1,1,1"]), "finite"),
    file("report", LOSSES, "rubbish", rubbish, "not readable losses"),
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
    Case("no collapse is told", "report", lambda f: (f / SCORES).write_text("{}"), ("lacks collapsed",)),
    Case("a run without a seed", "report", lambda f: edit_json(f / ABOUT, seed=None), ("seed",)),
    *(
        file("report", GRID, about, spoil, "not a readable picture", "run the sample stage")
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
    ended = calls.call(workplace, "evaluate", experiment="digits")
    calls.assert_refused(ended, "inception.pth: ", "Inception-V3", "evaluate.inception to null")
    assert calls.digest(workplace) == before


def test_a_training_that_diverges_ends_there_and_its_last_finite_networks_are_kept(workplace, monkeypatch):
    monkeypatch.setattr(training, "learning_rate", lambda _, done: math.inf if done >= 0.5 else 1e-3)
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
    weights.load(Path(path, "generator.safetensors"), GENERATORS, torch.device("cpu"))  # all of it finite

    monkeypatch.undo()
    assert calls.call(workplace, "train").code == 0


def test_a_judge_that_diverges_ends_there_with_advice(workplace, monkeypatch):
    monkeypatch.setattr(datasets.Split, "unit", property(lambda split: split.samples * float("nan")))
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
        (MemoryError(), "not enough memory (no more to be had)"),
        (RuntimeError("CUDA out of memory. Tried to allocate 9 GiB"), "Tried to allocate 9 GiB"),
        (RuntimeError("[enforce fail] . DefaultCPUAllocator: can't allocate memory: 1\nline"), "1 line"),
    ],
)
def test_too_little_memory_is_told(error, words, workplace, monkeypatch):
    def fail(*_):
        raise error

    monkeypatch.setattr(sources, "prepare", fail)
    before = calls.digest(workplace)
    calls.assert_refused(calls.call(workplace, "prepare"), "not enough memory", "smaller", words)
    assert calls.digest(workplace) == before


def test_a_mistake_of_the_programs_is_not_hidden(workplace, monkeypatch):
    def fail(*_):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(sources, "prepare", fail)
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
def mnist(workplace, monkeypatch) -> Callable[..., Path]:
    """Declares files to be MNIST's, and makes a mirror of them, the only one, in a folder."""
    from torchvision.datasets import MNIST

    def declare(contents: dict[str, bytes], folder: str = "mirror") -> Path:
        sums = [(name, hashlib.md5(content).hexdigest()) for name, content in contents.items()]
        monkeypatch.setattr(MNIST, "resources", sums)
        monkeypatch.setattr(MNIST, "mirrors", [])
        monkeypatch.setattr(MnistData, "whole", COUNTS)
        calls.change(workplace, mnist__train__batch_size=2, mnist_fast__train__batch_size=2)
        mirror = workplace / folder
        mirror.mkdir()
        for name, content in contents.items():
            (mirror / name).write_bytes(content)
        monkeypatch.setenv("GAN_MIRROR", str(mirror))
        return mirror

    return declare


IMAGES = "train-images-idx3-ubyte.gz"


def kept(workplace: Path) -> list[str]:
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
def test_a_bad_download_is_not_kept_and_the_next_mirror_is_tried(about, spoil, mnist, workplace, monkeypatch):
    mirror = mnist(archives())
    spoil(mirror / IMAGES)
    before = calls.digest(workplace, "data/raw")
    calls.assert_refused(calls.call(workplace, "prepare", experiment="mnist"), f"tried {mirror} (", IMAGES)
    assert calls.digest(workplace, "data/raw") == before
    assert IMAGES not in kept(workplace)
    assert IMAGES.removesuffix(".gz") not in kept(workplace)

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
def test_a_file_with_the_wrong_magic_or_count_is_refused(name, content, mnist, workplace):
    mirror = mnist(archives(**{name: content}))
    before = calls.digest(workplace, "data/raw")
    calls.assert_refused(calls.call(workplace, "prepare", experiment="mnist"), f"tried {mirror} (")
    assert calls.digest(workplace, "data/raw") == before
    assert not [name for name in kept(workplace) if not name.endswith(".gz")]


@pytest.mark.parametrize("write", [str, Path.as_uri, lambda path: f"~/{path.name}"])
def test_a_mirror_is_a_folder_or_its_address(write, mnist, workplace, monkeypatch):
    mirror = mnist(archives(), "a mirror")
    monkeypatch.setenv("HOME", str(workplace))
    monkeypatch.setenv("GAN_MIRROR", write(mirror))
    ended = calls.call(workplace, "prepare", experiment="mnist")
    assert (ended.code, ended.err) == (0, "")


def test_a_mirrors_password_is_not_shown(mnist, workplace, monkeypatch):
    mnist(archives())
    monkeypatch.setenv("GAN_MIRROR", "http://user:secret@127.0.0.1:9/x")
    ended = calls.call(workplace, "prepare", experiment="mnist")
    calls.assert_refused(ended, "tried http://127.0.0.1:9/x (")
    assert "secret" not in ended.err


def test_a_download_without_room_says_so_and_is_not_kept(mnist, workplace):
    mnist(archives())
    before = calls.digest(workplace, "data/raw")
    with calls.file_limit(10):
        ended = calls.call(workplace, "prepare", experiment="mnist")
    calls.assert_refused(ended, "data/raw/MNIST/raw: File too large")
    assert calls.digest(workplace, "data/raw") == before
    assert kept(workplace) == []


class CutShort(BaseHTTPRequestHandler):
    """A server that promises more than it sends."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"too little")

    def log_message(self, *_: object) -> None:
        pass


def test_a_download_that_breaks_off_is_not_kept(mnist, workplace, monkeypatch):
    good = mnist(archives())
    server = ThreadingHTTPServer(("127.0.0.1", 0), CutShort)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("GAN_MIRROR", address)
    try:
        ended = calls.call(workplace, "prepare", experiment="mnist")
        calls.assert_refused(
            calls.Ended(ended.code, "", ended.err.splitlines()[-1]), f"tried {address} (", "GAN_MIRROR"
        )
        assert kept(workplace) == []
        monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", [str(good)])
        assert calls.call(workplace, "prepare", experiment="mnist").code == 0
    finally:
        server.shutdown()
        server.server_close()
