"""What own.py declares, and how mistakes in it are told."""

from pathlib import Path

import pytest
import yaml

from stages.gan.core import params
from stages.gan.core.params import pieces
from stages.runtime.errors import UserError

GOOD = """
from typing import Literal

SCALE = 2

def helper(x):
    return x * SCALE

def tiny_generator(latent: int, shape, width: int = 4, slope: float = 0.1, *, kinds: list[int] | None = None,
                   mode: Literal["a", "b"] = "a"):
    return helper(1)

class DeepConvDiscriminator:
    def __init__(self, shape, widths: list[int], bias: bool = True):
        pass

class LSGANLoss:
    def discriminator(self, logits): ...
    def generator(self, logits): ...

class _HiddenLoss: ...
"""


@pytest.fixture
def load(root, tmp_path):
    """Checks the parameters with changed blocks of the experiment digits."""

    def load(**blocks: dict) -> params.Experiment:
        content = yaml.safe_load((root / "params.yaml").read_text())
        for name, block in blocks.items():
            content["digits"][name] = content["digits"]["train"] | block if name == "train" else block
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(content))
        return params.load(path).experiments["digits"]

    return load


def test_names_are_those_of_functions_and_classes(write_own):
    write_own(GOOD)
    assert [(d.kind, d.name, d.symbol) for d in pieces.read()] == [
        ("generator", "tiny", "tiny_generator"),
        ("discriminator", "deep_conv", "DeepConvDiscriminator"),
        ("loss", "lsgan", "LSGANLoss"),
    ]


def test_a_signature_is_the_schema(write_own, load):
    write_own(GOOD)
    found = load(
        generator={"network": "tiny", "latent": 3, "slope": 1, "kinds": [1, 2]},
        discriminator={"network": "deep_conv", "widths": [4]},
        train={"loss": "lsgan"},
    )
    everything = {"latent": 3, "width": 4, "slope": 1, "kinds": [1, 2], "mode": "a"}
    assert found.generator.model_dump() == {"network": "tiny", **everything}
    assert found.discriminator.model_dump() == {"network": "deep_conv", "widths": [4], "bias": True}
    assert [(d.kind, d.name) for d in found.own] == [
        ("generator", "tiny"),
        ("discriminator", "deep_conv"),
        ("loss", "lsgan"),
    ]


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"latent": 3, "widht": 4}, "digits.generator.widht: no such parameter; did you mean width?"),
        ({"latent": 3, "width": "4"}, "digits.generator.width: should be a valid integer, got '4'"),
        ({"latent": 3, "mode": "c"}, "digits.generator.mode: should be 'a' or 'b', got 'c'"),
        ({"latent": 3, "slope": float("inf")}, "digits.generator.slope: should be a finite number"),
        ({"width": 3}, "digits.generator.latent: is missing"),
        ({"network": "tyni"}, "network must be one of 'mlp', 'conv', 'tiny', got 'tyni'"),
    ],
)
def test_what_does_not_fit_the_signature_is_refused(write_own, load, block, words):
    write_own(GOOD)
    with pytest.raises(UserError) as refused:
        load(generator={"network": "tiny", **block})
    assert words in str(refused.value)


def test_built_in_experiments_are_the_same_with_and_without_own_ones(write_own, root):
    write_own(GOOD)
    path = root / "params.yaml"
    plain = yaml.safe_load(path.read_text())
    for name, found in params.load(path).experiments.items():
        alone = params.Experiment.model_validate(plain[name])
        assert list(params.flatten(found).items()) == list(params.flatten(alone).items())
        assert found.own == []
        assert pieces.code(found.own) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def a(:\n", "own.py, line 1: is not Python: "),
        ("x = 1\0", "own.py"),
        ("\ndef a_generator(latent, shape, width):\n  ...", "line 2: a_generator: width needs a type"),
        ("def a_generator(latent, shape, x: dict):\n  ...", "a_generator: x needs a type"),
        ("def a_generator(latent, shape, x: int = f()):\n  ...", "x: its default must be a plain value"),
        ("def a_generator(latent, shape, x: int = 'b'):\n  ...", "x: its default is not of its type"),
        ("def a_generator(latent, shape, copy: int):\n  ...", "an argument cannot be called copy"),
        ("def a_generator(latent, shape, rows: int):\n  ...", "an argument cannot be called rows"),
        ("def a_generator(latent, shape, own: int):\n  ...", "an argument cannot be called own"),
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
        (
            "def a_discriminator(shape): ...\nclass ADiscriminator:\n  def __init__(self, shape): ...",
            "line 2: ADiscriminator: the discriminator a is already on line 1",
        ),
    ],
)
def test_a_mistake_in_own_py_is_told_in_one_line(write_own, load, text, words):
    write_own(text)
    with pytest.raises(UserError) as refused:
        load()
    assert words in str(refused.value)
    assert str(refused.value).startswith("stages/gan/own.py")


def test_there_may_be_no_own_py(write_own, load):
    assert pieces.read() == []
    assert load().own == []


def test_the_code_of_a_network_is_all_but_the_other_networks(write_own, tmp_path):
    write_own(GOOD)
    tiny, deep, loss = pieces.read()
    code = pieces.code([tiny])
    for word in ("SCALE = 2", "def helper", "def tiny_generator", "_HiddenLoss"):
        assert word in code
    assert "DeepConv" not in code
    assert "LSGANLoss" not in code
    write_own(GOOD.replace("bias: bool = True", "bias: bool = False") + "\n# a remark")
    assert pieces.code([tiny]) == code
    assert pieces.code([tiny, deep]) != code
    write_own(GOOD.replace("SCALE = 2", "SCALE = 3"))
    assert pieces.code([tiny]) != code
    write_own(GOOD.replace("return helper(1)", "return DeepConvDiscriminator((2,), [1])"))
    assert "class DeepConvDiscriminator" in pieces.code([tiny])
    assert "class LSGANLoss" in pieces.code([loss])


def test_what_own_py_raises_is_told_with_its_line(write_own, tmp_path):
    write_own(GOOD + "\nraise KeyError('what')\n")
    with pytest.raises(UserError, match=r"own\.py, line 23: tiny_generator: KeyError: 'what'"):
        pieces.load(pieces.read()[0])
    assert Path(pieces.PATH).parent == tmp_path


def test_nobody_else_has_such_a_name(write_own):
    write_own(GOOD)
    with pytest.raises(UserError, match="has no generator named other; write other_generator"):
        pieces.find("generator", "other")
