"""What pieces declare, those of custom.py first of all, and how mistakes in it are reported."""

from pathlib import Path

import pytest
import yaml

from stages.gan.core import params
from stages.gan.core.datasets import Dataset, wrong_dataset
from stages.gan.core.params import declarations
from stages.gan.core.params.declarations import Declaration
from stages.runtime.errors import UserError
from tests import calls
from tests.gan.core.custom_code import GOOD, SPIRAL


@pytest.fixture
def load(tmp_path):
    """Checks the parameters with changed blocks of an experiment, digits if no other is named."""

    def load(experiment: str = "digits", **blocks: dict) -> params.Experiment:
        content = yaml.safe_load(calls.PARAMS.read_text())
        content["digits"] = content["digits_classic"]
        for name, block in blocks.items():
            content[experiment][name] = content[experiment]["train"] | block if name == "train" else block
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(content))
        return params.load(path).experiments[experiment]

    return load


def custom() -> list[Declaration]:
    return [declaration for declaration in declarations.read() if declaration.is_custom]


def test_names_are_those_of_functions_and_classes(write_custom):
    write_custom(GOOD)
    assert [(d.kind, d.name, d.symbol) for d in custom()] == [
        ("generator", "tiny", "tiny_generator"),
        ("discriminator", "deep_conv", "DeepConvDiscriminator"),
        ("loss", "lsgan", "LSGANLoss"),
    ]


def test_the_projects_pieces_are_declared_in_the_same_way(write_custom):
    write_custom("")
    found = {(d.kind, d.name): d for d in declarations.read()}
    assert not any(declaration.is_custom for declaration in found.values())
    kinds: dict[str, set[str]] = {}
    for kind, name in found:
        kinds.setdefault(kind, set()).add(name)
    assert kinds == {
        "generator": {"mlp", "conv", "residual"},
        "discriminator": {"mlp", "conv", "residual"},
        "loss": {"bce", "hinge", "least_squares", "relativistic", "wasserstein"},
        "source": {
            *("sine", "digits", "photographs", "mnist", "fashion_mnist", "kmnist", "emnist"),
            *("array", "images"),
        },
    }
    kmnist = found["source", "kmnist"]
    assert (kmnist.symbol, kmnist.module) == ("KmnistSource", "stages.gan.sources.mnist")
    assert kmnist.place == "stages/gan/sources/mnist.py"
    assert list(kmnist.arguments) == ["limit"]  # inherited
    assert list(found["discriminator", "mlp"].arguments) == ["hidden", "dropout"]


def test_a_signature_is_the_schema(write_custom, load):
    write_custom(GOOD)
    found = load(
        generator={"network": "tiny", "latent": 3, "slope": 1, "kinds": [1, 2]},
        discriminator={"network": "deep_conv", "widths": [4]},
        train={"loss": "lsgan"},
    )
    everything = {"latent": 3, "width": 4, "slope": 1, "kinds": [1, 2], "mode": "a"}
    assert found.generator.model_dump() == {"network": "tiny", **everything}
    assert found.discriminator.model_dump() == {"network": "deep_conv", "widths": [4], "bias": True}
    assert [(d.kind, d.name) for d in found.trained_pieces if d.is_custom] == [
        ("generator", "tiny"),
        ("discriminator", "deep_conv"),
        ("loss", "lsgan"),
    ]
    assert found.loss.symbol == "LSGANLoss"


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"latent": 3, "widht": 4}, "digits.generator.widht: no such parameter; did you mean width?"),
        ({"latent": 3, "width": "4"}, "digits.generator.width: should be a valid integer, got '4'"),
        ({"latent": 3, "mode": "c"}, "digits.generator.mode: should be 'a' or 'b', got 'c'"),
        ({"latent": 3, "slope": float("inf")}, "digits.generator.slope: should be a finite number"),
        ({"width": 3}, "digits.generator.latent: is missing"),
        ({"network": "tyni"}, "network must be one of 'conv', 'mlp', 'residual', 'tiny', got 'tyni'"),
    ],
)
def test_what_does_not_fit_the_signature_is_refused(write_custom, load, block, words):
    write_custom(GOOD)
    with pytest.raises(UserError) as refused:
        load(generator={"network": "tiny", **block})
    assert words in str(refused.value)


def test_a_custom_source_is_a_block_of_the_schema_and_loads(write_custom, load, tmp_path):
    write_custom(SPIRAL)
    found = load("sine", data={"source": "spiral", "points": 100, "seed": 3})
    assert found.data.model_dump() == {"source": "spiral", "points": 100, "seed": 3}
    assert (found.data.piece.kind, found.data.piece.is_custom) == ("source", True)
    source = found.source
    assert (source.kind, source.shape, source.counts) == ("points", (2,), (100, 50))
    assert source.measure(Path())[:2] == ((2,), 100)
    dataset = source.load(tmp_path)
    assert isinstance(dataset, Dataset)
    assert (len(dataset.train), len(dataset.test)) == (100, 50)
    radius = dataset.train.samples.norm(dim=1)
    assert 0 < radius.min() < radius.max() < 6
    dataset.save(tmp_path / "dataset")
    assert len(Dataset.load(tmp_path / "dataset", source).train) == 100
    assert not any(piece.is_custom for piece in found.trained_pieces)


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"points": 100}, "sine.data.seed: is missing"),
        ({"points": "many", "seed": 3}, "sine.data.points: should be a valid integer, got 'many'"),
        (
            {"points": 100, "seed": 3, "turns": 2},
            "sine.data.turns: no such parameter; there are source, points, seed",
        ),
        ({"points": 16, "seed": 3}, "train.batch_size: 32 is more than the 16 training samples there are"),
    ],
)
def test_what_a_custom_source_does_not_take_is_refused(write_custom, load, block, words):
    write_custom(SPIRAL)
    with pytest.raises(UserError) as refused:
        load("sine", data={"source": "spiral", **block})
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ('kind = "points"', "pass", "kind must be 'points' or 'images', not None"),
        ('kind = "points"', 'kind = "pts"', "kind must be 'points' or 'images', not 'pts'"),
        ("SpiralSource(Source)", "SpiralSource", "must derive from stages.gan.core.source.Source"),
        (
            "self.shape, self.counts = (2,)",
            "self.shape, self.counts = (1, 2, 2)",
            "shape must be (D,) or None",
        ),
        ("(points, points // 2)", '"many"', "counts must be (training samples, test samples)"),
        ("def load(", "def read(", "a source is a class with the method load(self, raw, show)"),
    ],
)
def test_a_custom_source_that_declares_what_cannot_be_is_refused(write_custom, load, right, wrong, words):
    assert right in SPIRAL
    write_custom(SPIRAL.replace(right, wrong))
    with pytest.raises(UserError) as refused:
        load("sine", data={"source": "spiral", "points": 100, "seed": 3})
    assert str(refused.value).startswith("stages/gan/custom.py, line ")
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("return Dataset(*(", "return list((", "load must return a Dataset, not a list"),
        ("Split(part.clone())", "Split(points)", "the train and the test split share one tensor in memory"),
        ("Split(part.clone())", "Split(part.double().clone())", "float64"),
        ("Split(part.clone())", "Split(part / 0)", "holds numbers that are not finite"),
        ("Split(part.clone())", "Split(part[:7].clone())", "its train split holds 7 float32 samples"),
    ],
)
def test_what_a_custom_source_loads_is_checked(write_custom, load, right, wrong, words):
    assert right in SPIRAL
    write_custom(SPIRAL.replace(right, wrong))
    found = load("sine", data={"source": "spiral", "points": 100, "seed": 3}).source
    assert words in str(wrong_dataset(found.load(Path()), found))


def test_a_custom_source_of_points_needs_networks_and_a_judge_for_points(write_custom, load):
    write_custom(SPIRAL)
    with pytest.raises(UserError, match=r"judge\.network: data of source spiral need mlp"):
        load(data={"source": "spiral", "points": 1000, "seed": 3})
    with pytest.raises(UserError, match="conv is for images; data of source spiral are points"):
        load(
            "sine",
            data={"source": "spiral", "points": 1000, "seed": 3},
            generator={"network": "conv", "latent": 2, "channels": [8]},
        )


def test_what_a_custom_source_raises_is_reported_with_its_line(write_custom, load):
    write_custom(SPIRAL.replace("self.seed = seed", "raise ValueError('no spiral')"))
    with pytest.raises(UserError, match=r"custom\.py, line 12: SpiralSource: ValueError: no spiral"):
        load("sine", data={"source": "spiral", "points": 100, "seed": 3})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def a(:\n", "custom.py, line 1: is not Python: "),
        ("x = 1\0", "custom.py"),
        ("\ndef a_generator(latent, shape, width):\n  ...", "line 2: a_generator: width needs a type"),
        ("def a_generator(latent, shape, x: dict):\n  ...", "a_generator: x needs a type"),
        ("def a_generator(latent, shape, x: int = f()):\n  ...", "x: its default must be a plain value"),
        ("def a_generator(latent, shape, x: int = 'b'):\n  ...", "x: its default is not of its type"),
        ("def a_generator(latent, shape, copy: int):\n  ...", "an argument cannot be called copy"),
        ("def a_generator(latent, shape, rows: int):\n  ...", "an argument cannot be called rows"),
        ("def a_generator(latent, shape, piece: int):\n  ...", "an argument cannot be called piece"),
        ("def a_generator(latent, shape, network: str):\n  ...", "an argument cannot be called network"),
        ("def a_generator(latent):\n  ...", "a_generator: must take latent and shape"),
        ("def a_discriminator(x):\n  ...", "a_discriminator: must take shape"),
        ("def a_generator(latent, shape, **more):\n  ...", "each of its arguments must have a name"),
        ("class AGenerator:\n  ...", "AGenerator: needs an __init__ of its own that takes latent and shape"),
        ("class Generator:\n  ...", "Generator: params.yaml needs a name, such as ResidualGenerator"),
        ("def mlp_generator(latent, shape):\n  ...", "mlp is the project's own; take another name"),
        (
            "class BCELoss:\n  def discriminator(s, x): ...\n  def generator(s, x): ...",
            "bce is the project's",
        ),
        ("def a_loss(x):\n  ...", "a loss is a class with the methods"),
        ("class ALoss:\n  ...", "ALoss: a loss is a class with the methods"),
        ("def a_source(points: int):\n  ...", "a_source: a source is a class with the method load(self, raw"),
        ("class ASource:\n  kind = 'points'", "ASource: a source is a class with the method load(self, raw"),
        (
            "class ASource:\n  def __init__(self, n): ...\n  def load(self, raw, show): ...",
            "ASource: n needs a type",
        ),
        (
            "class ASource:\n  def __init__(self, source: str): ...\n  def load(self, raw, show): ...",
            "an argument cannot be called source",
        ),
        ("class SineSource:\n  def load(self, raw, show): ...", "sine is the project's own"),
        (
            "def a_discriminator(shape): ...\nclass ADiscriminator:\n  def __init__(self, shape): ...",
            "line 2: ADiscriminator: the discriminator a is already in line 1",
        ),
    ],
)
def test_a_mistake_in_custom_py_is_reported_in_one_line(write_custom, load, text, words):
    write_custom(text)
    with pytest.raises(UserError) as refused:
        load()
    assert words in str(refused.value)
    assert str(refused.value).startswith("stages/gan/custom.py")


def test_there_may_be_no_custom_py(write_custom, load):
    assert custom() == []
    assert not any(piece.is_custom for piece in load().trained_pieces)
