from pathlib import Path

import pytest
import yaml

from stages.gan.core import params
from stages.gan.core.params.types import Convolutions
from stages.runtime.errors import UserError
from tests import calls


@pytest.fixture
def content() -> dict:
    return yaml.safe_load(calls.PARAMS.read_text())


@pytest.fixture
def load(tmp_path: Path, monkeypatch):
    """Load parameters from what a file would hold: a structure, or text."""
    monkeypatch.chdir(tmp_path)

    def load(content: object) -> params.Params:
        text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
        Path("params.yaml").write_text(text)
        return params.load(Path("params.yaml"))

    return load


def change(content: dict, key: str, value: object) -> dict:
    block = content
    *parents, last = key.split(".")
    for parent in parents:
        block = block[parent]
    block[last] = value
    return content


def test_the_classic_experiments_are_there_to_the_letter():
    known = params.load(calls.PARAMS)
    assert known.settings.experiments == ["sine", "digits"]
    assert known.settings.seeds == [111]
    assert known.settings.device == "auto"
    sine, mnist = known.experiments["sine"], known.experiments["mnist"]
    assert sine.data.points == 1024
    assert (sine.generator.latent, sine.generator.hidden) == (2, [16, 32])
    assert (sine.discriminator.hidden, sine.discriminator.dropout) == ([256, 128, 64], 0.3)
    assert (sine.train.epochs, sine.train.batch_size, sine.train.lr) == (300, 32, 0.001)
    assert (mnist.generator.latent, mnist.generator.hidden) == (100, [256, 512, 1024])
    assert (mnist.discriminator.hidden, mnist.discriminator.dropout) == ([1024, 512, 256], 0.3)
    assert (mnist.train.epochs, mnist.train.batch_size, mnist.train.lr) == (50, 32, 0.0001)
    for experiment in (sine, mnist):
        assert experiment.train.loss == "bce"
        assert experiment.train.betas == [0.9, 0.999]
        assert experiment.sample.count == 10_000


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("sine.train.lr", 0, "sine.train.lr: should be greater than 0, got 0"),
        ("sine.train.lr", "fast", "sine.train.lr: should be a valid number, got 'fast'"),
        ("sine.train.lr", float("nan"), "sine.train.lr: should be a finite number"),
        ("sine.train.lr", float("inf"), "sine.train.lr: should be a finite number"),
        ("sine.train.epochs", -1, "sine.train.epochs: should be greater than or equal to 1"),
        ("sine.train.epochs", 2.5, "sine.train.epochs: should be a valid integer"),
        ("sine.train.epochs", True, "sine.train.epochs: should be a valid integer"),
        ("sine.train.epoch", 3, "sine.train.epoch: no such parameter; did you mean epochs?"),
        ("sine.train.processes", 0, "sine.train.processes: should be greater than or equal to 1"),
        ("sine.train.processes", 3, "train.processes: 3 cannot share a batch_size of 32 evenly"),
        ("sine.train.betas", [0.9], "sine.train.betas: List should have at least 2 items"),
        ("sine.train", None, "sine.train: should be a valid dictionary"),
        ("sine.generator.hidden", [], "sine.generator.hidden: is empty, but must have at least one entry"),
        ("sine.generator.hidden", [0], "sine.generator.hidden.0: should be greater than"),
        ("sine.discriminator.dropout", 1, "sine.discriminator.dropout: should be less than 1"),
        ("sine.data.source", "cosine", "source must be one of 'array', 'digits', 'emnist', 'images',"),
        ("sine.data.points", 0, "sine.data.points: should be greater than"),
        ("sine.data.limit", 5, "sine.data.limit: no such parameter; there are source, points, seed"),
        ("sine.data.pionts", 5, "sine.data.pionts: no such parameter; did you mean points?"),
        ("sine.data", {"points": 5}, "sine.data: source is missing"),
        ("digits.train.sead", 5, "digits.train.sead: no such parameter; there are loss, epochs"),
        ("digits.judge.channels", [16, 0], "digits.judge.channels.1: should be greater than"),
        ("digits.data", {"source": "sine", "seed": 1}, "judge.network: data of source sine need mlp"),
        (
            "sine.generator",
            {"network": "conv", "latent": 2, "channels": [8]},
            "generator.network: conv is for images; data of source sine are points, and need another, such",
        ),
        (
            "sine.discriminator",
            {"network": "conv", "channels": [8]},
            "discriminator.network: conv is for images; data of source sine are points, and need",
        ),
        (
            "digits.generator.network",
            "vae",
            "network must be one of 'conv', 'mlp', 'residual', 'resmlp', got 'vae'",
        ),
        ("mnist_fast.generator.hidden", [8], "generator.hidden: no such parameter; there are network"),
        ("mnist_fast.discriminator.spectral_norm", 1, "spectral_norm: should be a valid boolean"),
        ("mnist_fast.discriminator.subpixel", 2, "subpixel: should be a valid boolean"),
        (
            "mnist_fast.train.loss",
            "wgan",
            "train.loss: should be 'bce', 'hinge', 'least_squares', 'relativistic', 'wasserstein' or 'rel",
        ),
        ("mnist_fast.train.r1", -1, "mnist_fast.train.r1: should be greater than or equal to 0"),
        ("mnist_fast.train.penalty_every", 0, "train.penalty_every: should be greater than or equal to 1"),
        ("mnist_fast.train.label_smoothing", 1, "train.label_smoothing: should be less than 1"),
        ("mnist_fast.train.d_steps", 0, "train.d_steps: should be greater than or equal to 1"),
        ("mnist_fast.train.clip_norm", 0, "train.clip_norm: should be greater than 0"),
        (
            "mnist_fast.train.augment",
            ["blur"],
            "augment.0: should be 'flip', 'color', 'translation' or 'cutout'",
        ),
        (
            "sine.train.condition",
            True,
            "train.condition: data of source sine have no classes; set it to false",
        ),
        ("mnist_fast.train.r1_every", 8, "train.r1_every: no such parameter; did you mean penalty_every?"),
        ("sine.train.keep", "best", "train.keep: best needs a train.score_every, of train.epochs at most"),
        ("sine.train.keep", "worst", "sine.train.keep: should be 'last' or 'best', got 'worst'"),
        ("sine.train.score_every", 0, "train.score_every: should be greater than or equal to 1"),
        ("sine.train.from", "digits", "train.from: must be EXPERIMENT/seed-SEED, such as digits/seed-1"),
        ("sine.train.from", "digits/seed-01", "train.from: must be EXPERIMENT/seed-SEED"),
        ("sine.train.d_steps", 33, "train.batch_size: 32 times d_steps 33 is more than the 1024 training"),
        ("mnist_fast.train.ema", 1, "mnist_fast.train.ema: should be less than 1"),
        ("mnist_fast.train.lr_decay", "step", "lr_decay: should be 'none' or 'cosine', got 'step'"),
        ("digits.judge.network", "svm", "digits.judge: network must be one of 'mlp', 'cnn', got 'svm'"),
        ("sine.sample.count", 1, "sine.sample.count: should be greater than or equal to 2"),
        ("digits.evaluate", {"inceptoin": None}, "digits.evaluate.inceptoin: no such parameter; did you"),
        ("digits.evaluate", {"inception": ""}, "digits.evaluate.inception: String should have at least 1"),
        ("digits.evaluate", {"inception": 3}, "digits.evaluate.inception: should be a valid string"),
        ("sine.evaluate", {"inception": "a.pth"}, "evaluate.inception: sees images only; data of"),
        ("seeds", [], "seeds: is empty, but must have at least one entry"),
        ("seeds", [1, 1], "seeds: each may be listed once only, got [1, 1]"),
        ("seeds", [-1], "seeds.0: should be greater than or equal to 0"),
        ("seeds", "111", "seeds: should be a valid list"),
        ("experiments", ["sinus"], "experiments: no block named sinus; there are sine, digits"),
        ("device", "gpu", "device: should be 'auto', 'cpu', 'cuda' or 'mps', got 'gpu'"),
        ("threads", 0, "threads: should be greater than or equal to 1"),
        ("portable", "sometimes", "portable: should be 'auto', true or false, got 'sometimes'"),
        ("portable", 1, "portable: should be 'auto', true or false, got 1"),
        ("thread", 2, "thread: neither a setting nor an experiment's block; did you mean threads?"),
        ("../sine", {}, "../sine: an experiment's name has at most 64"),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_with_one_line_that_names_the_key(content, load, key, value, words):
    with pytest.raises(UserError) as caught:
        load(change(content, key, value) if key != "../sine" else content | {key: value})
    message = str(caught.value)
    assert message.startswith("params.yaml: ")
    assert words in message
    assert "\n" not in message


def test_a_misspelled_key_is_named_rather_than_that_the_right_one_is_missing(content, load):
    train = content["sine"]["train"]
    renamed = {"epoch" if key == "epochs" else key: value for key, value in train.items()}
    with pytest.raises(UserError, match=r"sine\.train\.epoch: no such parameter; did you mean epochs\?"):
        load(change(content, "sine.train", renamed))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "is not valid YAML"),
        ("", "must hold keys and values"),
        ("- 1", "must hold keys and values"),
        ("x: !!python/object/apply:os.system ['true']", "is not valid YAML"),
    ],
)
def test_a_file_that_is_no_parameter_file_is_refused(load, text, words):
    with pytest.raises(UserError, match=words):
        load(text)


def test_a_missing_key_and_a_missing_file_are_named(content, load, tmp_path):
    del content["sine"]["train"]["lr"]
    with pytest.raises(UserError, match=r"sine\.train\.lr: is missing"):
        load(content)
    with pytest.raises(UserError, match=r"none\.yaml: cannot be read"):
        params.load(tmp_path / "none.yaml")


def test_numbers_in_short_scientific_notation_are_read(content, load):
    assert yaml.safe_load("1e-4") == "1e-4"  # YAML 1.1's trap
    assert load(change(content, "sine.train.lr", "1e-4")).experiments["sine"].train.lr == 1e-4


def test_flatten_gives_dotted_names():
    flat = params.flatten(params.load(calls.PARAMS).experiments["sine"])
    assert flat["train.lr"] == 0.001
    assert flat["generator.hidden"] == [16, 32]


def test_one_process_is_the_default_of_which_nothing_that_is_written_speaks(content, load):
    default = params.flatten(load(content).experiments["sine"])
    assert "train.processes" not in default
    content["sine"]["train"]["processes"] = 1
    assert params.flatten(load(content).experiments["sine"]) == default
    content["sine"]["train"]["processes"] = 2
    assert params.flatten(load(content).experiments["sine"]) == default | {"train.processes": 2}


def test_inception_is_off_unless_a_file_is_named(content, load):
    assert load(content).experiments["digits"].evaluate.inception is None
    content["digits"]["evaluate"] = {"inception": "weights.pth"}
    assert load(content).experiments["digits"].evaluate.inception == "weights.pth"


@pytest.mark.parametrize(
    ("about", "sides", "most"),
    [
        (Convolutions(16), (28, 28), 4),
        (Convolutions(16), (9, 32), 3),
        (Convolutions(16, even=True), (28, 28), 2),
        (Convolutions(16, even=True), (24, 40), 3),
        (Convolutions(9, between=True), (28, 28), 6),
        (Convolutions(9, between=True), (8, 8), 4),
        (Convolutions(9, between=True), (1, 1), 1),
    ],
)
def test_how_many_maps_fit_an_image(about, sides, most):
    allowed = [count for count in range(1, 9) if not about.too_many(count, sides)]
    assert max(allowed) == most


def test_squares_of_pixels_need_even_sides(content, load):
    content["digits"]["data"] = {
        "source": "images",
        "path": "mine",
        "size": [10, 12],
        "channels": 1,
        "seed": 1,
    }
    content["digits"]["discriminator"] = {"network": "conv", "channels": [8], "subpixel": True}
    assert load(content).experiments["digits"].discriminator.model_dump()["subpixel"]
    content["digits"]["data"]["size"] = [9, 12]
    with pytest.raises(UserError, match=r"discriminator\.subpixel: images of 9x12 do not consist of squares"):
        load(content)
