"""Pieces at work: found, loaded, and named by the code that they consist of."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stages.gan.core import params
from stages.gan.core.params import declarations, pieces
from stages.gan.core.params.declarations import Declaration
from stages.gan.losses.hinge import HingeLoss
from stages.gan.networks.mlp import MlpGenerator
from stages.runtime.errors import UserError
from tests import calls
from tests.gan.core.custom_code import GOOD, SPIRAL


def custom(name: str) -> Declaration:
    (found,) = (piece for piece in declarations.read() if piece.is_custom and piece.name == name)
    return found


@pytest.fixture
def science(tmp_path, monkeypatch) -> Path:
    """A copy of the rooms with pieces, in the place of the project's."""
    folder = tmp_path / "gan"
    for room in declarations.ROOMS:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(declarations._SCIENCE / room, folder / room, ignore=ignore)
    monkeypatch.setattr(declarations, "_SCIENCE", folder)
    monkeypatch.setattr(declarations, "CUSTOM", folder / "custom.py")
    return folder


@pytest.fixture
def changed(science) -> Callable[[], set[str]]:
    """Which pieces of the project have other code than when the test began."""

    def codes() -> dict[str, str]:
        return {f"{p.kind} {p.name}": pieces.code([p]) for p in declarations.read() if not p.is_custom}

    before = codes()
    return lambda: {name for name, code in codes().items() if before.get(name) != code}


def append(path: Path, text: str = "# changed\n") -> None:
    path.write_text((path.read_text() if path.exists() else "") + text)


def test_pieces_are_found_by_kind_and_name_and_loaded(write_custom):
    write_custom(GOOD)
    assert pieces.load(pieces.find("generator", "mlp")) is MlpGenerator
    assert pieces.load(pieces.find("loss", "hinge")) is HingeLoss
    assert pieces.load(pieces.find("generator", "tiny"))(latent=1, shape=(2,)) == 2


def test_nothing_else_has_such_a_name(write_custom):
    write_custom(GOOD)
    with pytest.raises(UserError, match="there is no generator named other; write other_generator in stages"):
        pieces.find("generator", "other")


def test_custom_py_is_read_anew_each_time(write_custom):
    write_custom(GOOD)
    assert pieces.load(custom("tiny"))(latent=1, shape=(2,)) == 2
    write_custom(GOOD.replace("SCALE = 2", "SCALE = 5"))
    assert pieces.load(custom("tiny"))(latent=1, shape=(2,)) == 5
    assert sys.modules["stages.gan.custom"].SCALE == 5


def test_what_custom_py_raises_is_reported_with_its_line(write_custom):
    write_custom(GOOD + "\nraise KeyError('what')\n")
    with pytest.raises(UserError, match=r"custom\.py, line 23: tiny_generator: KeyError: 'what'"):
        pieces.load(custom("tiny"))


def test_what_the_machine_refuses_and_what_the_projects_pieces_raise_stays_as_it_is(write_custom):
    write_custom(GOOD)
    with pytest.raises(MemoryError), pieces.errors_at(custom("tiny")):
        raise MemoryError
    with pytest.raises(KeyError), pieces.errors_at(pieces.find("generator", "mlp")):
        raise KeyError
    with pytest.raises(UserError, match=r"^as it is$"), pieces.errors_at(custom("tiny")):
        raise UserError("as it is")


def test_the_projects_experiments_are_the_same_whatever_is_in_custom_py(write_custom):
    def found() -> dict[str, list[object]]:
        return {
            name: [
                list(params.flatten(experiment).items()),
                pieces.code(experiment.trained_pieces),
                pieces.code([experiment.data.piece]),
            ]
            for name, experiment in params.load(calls.PARAMS).experiments.items()
        }

    write_custom("")
    plain = found()
    write_custom(GOOD + SPIRAL)
    assert found() == plain


def test_the_code_of_a_custom_piece_is_all_but_the_other_pieces(write_custom):
    write_custom(GOOD)
    tiny, deep, loss = custom("tiny"), custom("deep_conv"), custom("lsgan")
    code = pieces.code([tiny])
    for word in ("SCALE = 2", "def helper", "def tiny_generator", "_HiddenLoss"):
        assert word in code
    assert "DeepConv" not in code
    assert "LSGANLoss" not in code
    write_custom(GOOD.replace("bias: bool = True", "bias: bool = False") + "\n# a remark")
    assert pieces.code([tiny]) == code
    assert pieces.code([tiny, deep]) != code
    write_custom(GOOD.replace("SCALE = 2", "SCALE = 3"))
    assert pieces.code([tiny]) != code
    write_custom(GOOD.replace("return helper(1)", "return DeepConvDiscriminator((2,), [1])"))
    assert "class DeepConvDiscriminator" in pieces.code([tiny])
    assert "class LSGANLoss" in pieces.code([loss])


def test_a_decorator_is_code_of_its_piece(write_custom):
    lines = ["import functools", "", "@functools.cache", "def a_generator(latent, shape): ..."]
    write_custom("\n".join(lines))
    assert pieces.code([custom("a")]).splitlines() == [line for line in lines if line]


def test_the_code_of_the_projects_pieces_names_modules_and_their_sums(write_custom):
    write_custom("")
    mlp, bce = pieces.find("generator", "mlp"), pieces.find("loss", "bce")
    lines = pieces.code([mlp, bce]).splitlines()
    assert [line.split()[0] for line in lines] == ["stages.gan.losses.bce", "stages.gan.networks.mlp"]
    assert all(len(line.split()[1]) == 64 for line in lines)
    assert pieces.code([bce, mlp, pieces.find("discriminator", "mlp")]) == pieces.code([mlp, bce])
    assert pieces.code([]) == ""


def test_a_module_more_in_a_room_changes_nothing_for_others(science, changed):
    append(science / "networks" / "unet.py", "def unet_generator(latent, shape, weights=None): ...\n")
    append(science / "losses" / "focal.py", "x = 1\n")
    append(science / "sources" / "helpers.py", "x = 1\n")
    assert pieces.find("generator", "unet").module == "stages.gan.networks.unet"
    assert changed() == {"generator unet"}


def test_an_edited_module_changes_what_names_it_alone(science, changed):
    append(science / "networks" / "conv.py")
    assert changed() == {"generator conv", "discriminator conv"}
    append(science / "losses" / "hinge.py")
    assert changed() == {"generator conv", "discriminator conv", "loss hinge"}


def test_what_a_module_imports_of_its_room_counts_to_any_depth(science, changed):
    append(science / "sources" / "downloads.py")
    assert changed() == {"source mnist", "source fashion_mnist", "source kmnist", "source emnist"}
    before = changed()
    append(science / "sources" / "pictures.py")  # which image_folders imports, which images imports
    assert changed() - before == {"source images"}
    append(science / "sources" / "splitting.py")
    assert changed() - before == {"source images", "source array", "source digits"}


def test_a_custom_piece_counts_with_the_projects_modules_that_it_imports(science):
    append(science / "custom.py", "from stages.gan.networks.mlp import MlpGenerator\n")
    append(science / "custom.py", "from stages.gan.losses import hinge\n")
    append(science / "custom.py", "def a_generator(latent, shape): ...\n")
    code = pieces.code([custom("a")])
    assert code.splitlines()[0].startswith("stages.gan.losses.hinge ")
    assert code.splitlines()[1].startswith("stages.gan.networks.mlp ")
    append(science / "networks" / "conv.py")
    assert pieces.code([custom("a")]) == code
    append(science / "networks" / "mlp.py")
    assert pieces.code([custom("a")]) != code


def test_a_broken_custom_py_does_not_keep_the_projects_pieces_from_being_found(write_custom):
    write_custom("def half(:")
    assert pieces.find("generator", "mlp").name == "mlp"
    with pytest.raises(UserError, match="is not Python"):
        pieces.find("generator", "tiny")
