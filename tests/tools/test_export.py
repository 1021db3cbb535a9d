"""Generators for other programs: each kind of network in both formats, loaded and compared."""

import json
import sys
import zipfile

import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from stages.gan.core import weights
from stages.gan.core.conditional import Conditional
from stages.gan.core.normalization import Normalization, Rescaled
from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.base import sampling
from stages.gan.networks.base.registry import get_generator
from stages.gan.networks.conv import ConvGenerator
from stages.gan.networks.mlp import MlpGenerator
from stages.gan.networks.residual import ResidualGenerator
from tests import calls

DIGITS = ("--experiment", "digits", "--seed", str(calls.SEED))
COUNTS = [30, 0, 10]
ODD = """
import torch
from torch import nn

class OddGenerator(nn.Module):
    def __init__(self, latent: int, shape: tuple[int, ...]):
        super().__init__()
        self.layer = nn.Linear(latent, *shape)

    def forward(self, latents):
        made = self.layer(latents)
        return made if CONDITION else -made
"""


def residual() -> nn.Module:
    """One that attends: it has learned to."""
    made = ResidualGenerator(5, [8, 8, 4], (3, 7, 5), True, random_generator(1, "g"))
    with torch.no_grad():
        for name, values in made.named_parameters():
            if name.endswith("gamma"):
                values.fill_(0.7)
    return made


MAKE = {
    # For 64 latent points its large product is made by another library than for 1.
    "mlp": lambda: MlpGenerator(5, [256, 256], (1, 8, 8), random_generator(1, "g")),
    "conv": lambda: ConvGenerator(5, [8, 4], (1, 8, 8), weights=random_generator(1, "g")),
    "residual": residual,
    "squares": lambda: ConvGenerator(5, [8, 4], (1, 8, 8), subpixel=True, weights=random_generator(1, "g")),
    "told": lambda: Conditional(ConvGenerator(8, [4], (1, 6, 6), weights=random_generator(1, "g")), COUNTS),
    "custom": lambda: get_generator("resmlp")(latent=5, shape=(1, 4, 4), weights=random_generator(1, "g")),
    "points": lambda: Rescaled(
        MlpGenerator(5, [16], (3,), random_generator(1, "g")), Normalization((1000, 0, -3), (5, 1e-4, 2))
    ),
}


def save(folder, network: nn.Module) -> nn.Module:
    weights.save(folder / "g.safetensors", network, {"experiment": "mine", "seed": 5, "device": "cpu"})
    return network.eval()


def export(folder, *arguments: str) -> str:
    ended = calls.call(folder, "tools.export", *arguments)
    assert (ended.code, ended.err) == (0, "")
    (line,) = ended.out.splitlines()
    return line


@pytest.mark.parametrize("kind", MAKE)
def test_other_programs_make_the_same_samples(kind, tmp_path):
    generator = save(tmp_path, MAKE[kind]())
    for name in ("g.onnx", "g.ts"):
        line = export(tmp_path, "--generator", "g.safetensors", "--out", name)
        assert line.startswith(f"export mine, seed 5: {name} takes latents, float32 [N, {generator.latent}]")
        assert ("apart" if kind == "points" else "pixels differ") in line.replace("numbers differ", "apart")
    session = onnxruntime.InferenceSession(tmp_path / "g.onnx", providers=["CPUExecutionProvider"])
    script = torch.jit.load(tmp_path / "g.ts")
    for count in (1, 3, 100):  # none of which the tool has looked at but the first
        latents = sampling.fixed_latents(generator, count, 8, "test")
        wanted = sampling.draw(generator, latents)
        (made,) = session.run(None, {"latents": latents.numpy()})
        for samples in (torch.from_numpy(made), script(latents)):
            assert (samples.shape, samples.dtype) == (wanted.shape, wanted.dtype)
            if kind == "points":
                torch.testing.assert_close(samples, wanted, rtol=1e-5, atol=1e-8)
            else:
                assert (samples.int() - wanted.int()).abs().max() <= 1
                assert (samples != wanted).double().mean() < 0.01


def test_the_files_say_what_they_are_and_nothing_of_this_machine(tmp_path, root):
    save(tmp_path, MAKE["told"]())
    for name in ("a.onnx", "again.onnx", "a.ts", "again.pt"):
        export(tmp_path, "--generator", "g.safetensors", "--out", name)
    model = onnx.load(tmp_path / "a.onnx")
    onnx.checker.check_model(model, full_check=True)
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert about == {
        "experiment": "mine",
        "seed": "5",
        "latent": "5",
        "classes": "[0, 2]",
        "shape": "[1, 6, 6]",
        "input": "latents, float32 [N, 8]: 5 standard normal numbers, then 3 of the class, one-hot",
        "output": "samples, uint8 images [N, 1, 6, 6]",
    }
    extra = {"about.json": ""}
    torch.jit.load(tmp_path / "a.ts", _extra_files=extra)
    assert json.loads(extra["about.json"]) == {
        key: value if key in ("experiment", "input", "output") else json.loads(value)
        for key, value in about.items()
    }
    with zipfile.ZipFile(tmp_path / "a.ts") as archive:
        inside = [archive.read(name) for name in archive.namelist()]
    for content in ((tmp_path / "a.onnx").read_bytes(), *inside):
        assert b"site-packages" not in content
        assert str(tmp_path).encode() not in content
        assert str(root).encode() not in content
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "again.onnx").read_bytes()


def test_a_run_is_named_and_a_file_replaced_only_by_force(workplace):
    before = calls.digest(workplace)
    line = export(workplace, *DIGITS, "--out", "new/a.onnx")
    assert line.startswith("export digits, seed 7: new/a.onnx takes latents, float32 [N, 32]: 32 standard ")
    assert "of 12,288 pixels differ from the generator's, in batches of 1, 5 and 64" in line
    (workplace / "a.pt").write_text("old")
    export(workplace, *DIGITS, "--out", "a.pt", "--force")
    assert torch.jit.load(workplace / "a.pt")(torch.zeros(2, 32)).shape == (2, 1, 8, 8)
    assert before.items() <= calls.digest(workplace).items()  # and all the rest is as it was


@pytest.mark.parametrize(
    ("name", "condition", "words"),
    [
        (
            "a.ts",
            "len(latents) == 2",
            "a.ts: not written, as it would not give the generator's samples: numbers",
        ),
        (
            "a.ts",
            "latents.sum() > 0",
            "a.ts: not written, as it would not give the generator's samples: numbers",
        ),
        (
            "a.onnx",
            "len(latents) == 2",
            "a.onnx: not written, as it would not give the generator's samples: ",
        ),
        ("a.onnx", "latents.sum() > 0", "this generator cannot be written as ONNX: "),
    ],
)
def test_what_would_not_do_the_same_is_not_written(name, condition, words, tmp_path, write_custom):
    write_custom(ODD.replace("CONDITION", condition))
    save(tmp_path, get_generator("odd")(latent=3, shape=(2,), weights=random_generator(1, "g")))
    (tmp_path / name).write_text("old")
    before = calls.digest(tmp_path)
    arguments = ("--generator", "g.safetensors", "--out", name, "--force")
    calls.assert_refused(calls.call(tmp_path, "tools.export", *arguments), words)
    assert calls.digest(tmp_path) == before


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_without_a_package_it_says_what_to_install(package, workplace, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    before = calls.digest(workplace)
    ended = calls.call(workplace, "tools.export", *DIGITS, "--out", "a.onnx")
    calls.assert_refused(ended, f"an .onnx file needs the package {package}: pip install -r requirements.txt")
    assert calls.digest(workplace) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*DIGITS, "--out", "a.pth"), "--out a.pth: must be an ONNX file .onnx, or a TorchScript file"),
        ((*DIGITS, "--out", ""), "--out : must be"),
        ((*DIGITS, "--out", "a.onnx/"), "--out a.onnx/: must be"),
        ((*DIGITS, "--out", "there.ts"), "there.ts: is there already; name another"),
        ((*DIGITS, "--out", "folder.ts"), "folder.ts: is a folder"),
        ((*DIGITS, "--out", "folder.ts", "--force"), "folder.ts: is a folder"),
        ((*DIGITS, "--out", "params.yaml/a.ts"), "a file is where a folder must be"),
        (DIGITS, "arguments are required: --out"),
        (("--experiment", "digit", "--seed", "7", "--out", "a.ts"), "did you mean digits?"),
        (("--experiment", "digits", "--seed", "8", "--out", "a.ts"), "there is no such generator"),
        (("--experiment", "digits", "--out", "a.ts"), "which generator?"),
        ((*DIGITS, "--generator", "x", "--out", "a.ts"), "leave those options out"),
        (("--generator", "params.yaml", "--out", "a.ts"), "params.yaml: not a readable network"),
    ],
)  # fmt: skip
def test_a_mistake_gets_one_line_and_nothing_changes(arguments, words, workplace):
    (workplace / "there.ts").touch()
    (workplace / "folder.ts").mkdir()
    before = calls.digest(workplace)
    calls.assert_refused(calls.call(workplace, "tools.export", *arguments), words)
    assert calls.digest(workplace) == before


@pytest.mark.parametrize("name", ["a.onnx", "a.ts"])
def test_without_room_what_was_there_stays(name, workplace):
    (workplace / name).write_text("old")
    before = calls.digest(workplace)
    with calls.file_limit(100):
        ended = calls.call(workplace, "tools.export", *DIGITS, "--force", "--out", name)
    calls.assert_refused(ended, f"{name}: File too large")
    assert calls.digest(workplace) == before
