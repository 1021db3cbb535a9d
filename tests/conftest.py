import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from stages.gan.core import portability

if portability.why_not() is None:  # as stages are, before anything that computes is imported
    os.environ.update(portability.LIMITS)
for variable in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):  # the make of a test is no part of `make test`
    os.environ.pop(variable, None)

import torch

from stages.gan.core import devices, weights
from stages.gan.core.datasets import Split
from stages.gan.core.params import declarations
from stages.gan.core.randomness import generator as random_generator
from stages.gan.evaluation.scores import MEANINGS, NOISE_SUFFIX, REAL_SUFFIX
from stages.gan.networks.mlp import MlpGenerator
from tests import calls

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def mnist_mirror() -> str:
    """A folder or URL with MNIST's four files; tests that need one are skipped where there is none."""
    mirror = os.environ.get("GAN_MIRROR") or str(ROOT.parent / "shared" / "mnist")
    if "://" not in mirror and not Path(mirror).is_dir():
        pytest.skip("no MNIST at hand: GAN_MIRROR is not set")
    return mirror


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A folder with all that the stages make of two small experiments; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("finished")
    calls.make(folder)
    return folder


@pytest.fixture
def workplace(finished, tmp_path) -> Path:
    """A copy of what all stages have made."""
    folder = tmp_path / "workplace"
    shutil.copytree(finished, folder)
    return folder


@pytest.fixture
def write_run(tmp_path) -> Callable[..., Path]:
    """Writes what the report reads of a run below tmp_path/reports/runs; returns the run's folder.

    Baselines that are not given are 0.5. Without ``data``, the MD5 sum of the data set, and ``samples``,
    count and block, the files are like those of older runs. The judge is known by its score, ``judge``;
    ``judges`` is how many there are, ``processor`` what computed it;
    ``networks`` are others that scored the run. ``weakness`` is why the judge knows nothing, ``left_out``
    which scores are, and why; with either there is no verdict on a collapse but a given one.
    """

    def write(
        experiment: str,
        seed: int,
        scores: Mapping[str, float],
        device: str = "cpu",
        judge: float = 0.9876,
        *,
        judges: int = 1,
        processor: str | None = None,
        data: str | None = None,
        samples: tuple[int, int] | None = None,
        networks: Mapping[str, str] | None = None,
        weakness: str | None = None,
        left_out: Mapping[str, str] | None = None,
        **parameters: object,
    ) -> Path:
        folder = tmp_path / "reports" / "runs" / experiment / f"seed-{seed}"
        folder.mkdir(parents=True)
        about = {"experiment": experiment, "seed": seed, "device": device, "parameters": parameters}
        about["judge"] = {"md5": f"{judge}", "scores": {"accuracy": judge}, "count": judges}
        if processor:
            about["judge"]["processor"] = processor
        if data:
            about["data"] = {"md5": data}
        if samples:
            about["samples"] = dict(zip(("count", "block"), samples, strict=True))
        if networks:
            about["networks"] = networks
        if weakness:
            about["judge"]["weakness"] = weakness
        if left_out:
            about["left_out"] = left_out
        (folder / "run.json").write_text(json.dumps(about))
        baselines = {
            name + ending: 0.5
            for name in scores
            if name in MEANINGS
            for ending in (REAL_SUFFIX, NOISE_SUFFIX)
        }
        verdict = {} if weakness or left_out else {"collapsed": 0}
        (folder / "metrics.json").write_text(json.dumps({**verdict, **baselines, **scores}))
        (folder / "losses.csv").write_text(
            "epoch,loss_d,loss_g,d_real,d_fake\n1,0.6,0.9,0.6,0.4\n2,0.5,1.0,0.7,0.3\n"
        )
        return folder

    return write


@pytest.fixture
def points() -> Split:
    return Split(torch.rand(50, 2, generator=torch.Generator().manual_seed(0)))


@pytest.fixture
def images() -> Split:
    noise = torch.Generator().manual_seed(0)
    labels = torch.arange(10).repeat(8)
    return Split(torch.randint(0, 256, (80, 1, 8, 8), generator=noise, dtype=torch.uint8), labels)


@pytest.fixture(params=["points", "images"])
def split(request) -> Split:
    return request.getfixturevalue(request.param)


@pytest.fixture
def generator_file(tmp_path) -> Path:
    """A small generator of points, never trained, of the experiment sine with seed 7."""
    path = tmp_path / "generator.safetensors"
    network = MlpGenerator(2, [4], (2,), random_generator(7, "generator"))
    weights.save(path, network, {"experiment": "sine", "seed": 7, "device": "cpu"})
    return path


@pytest.fixture
def write_custom(tmp_path, monkeypatch) -> Callable[[str], None]:
    """Puts a text in the place of custom.py."""
    monkeypatch.setattr(declarations, "CUSTOM", tmp_path / "custom.py")

    def write(text: str) -> None:
        (tmp_path / "custom.py").write_text(text)

    return write


@pytest.fixture(scope="session", autouse=True)
def _repeatable() -> None:
    """Tests compute as the stages do."""
    devices.set_up("cpu", threads=2)


@pytest.fixture(scope="session", autouse=True)
def _signals_are_heard() -> None:
    """What tests start hears each signal, though nohup, or a shell's `&`, has this process ignore one."""
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, lambda *_: None),  # this process goes on: what it starts has the default again
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(scope="session", autouse=True)
def _own_store() -> Iterator[None]:
    """No test writes to the store that the user's environment names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield
