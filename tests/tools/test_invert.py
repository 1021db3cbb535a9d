"""The latent point nearest to a picture, in the generators of the small experiments and others."""

import re

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from stages.gan.core import weights
from stages.gan.core.conditional import Conditional
from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.base import sampling
from stages.gan.networks.base.registry import get_generator
from stages.gan.networks.conv import ConvGenerator
from stages.gan.networks.mlp import MlpGenerator
from tests import calls

RUN = f"data/digits/seed-{calls.SEED}"
DIGITS = ("--experiment", "digits", "--seed", str(calls.SEED))
SINE = ("--experiment", "sine", "--seed", str(calls.SEED))
MINE = ("--generator", "g.safetensors", "--starts", "8", "--steps", "100")
COUNTS = [30, 0, 10]


def invert(folder, *arguments: str) -> tuple[float, str]:
    """The distance that it says, and the whole line."""
    ended = calls.call(folder, "tools.invert", *arguments)
    assert (ended.code, ended.err) == (0, "")
    (line,) = ended.out.splitlines()
    return float(re.search(r"is ([0-9.]+) grey levels from", line)[1]), line


def save(folder, network: nn.Module) -> nn.Module:
    weights.save(folder / "g.safetensors", network, {"experiment": "mine", "seed": 5, "device": "cpu"})
    return network.eval()


def show(path, image: torch.Tensor) -> None:
    """Write an image, uint8 [C, H, W], pixel by pixel."""
    Image.fromarray(image.permute(1, 2, 0).squeeze(2).numpy()).save(path)


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return (one.double() - other.double()).square().mean().sqrt().item()


def test_a_generators_own_sample_is_found_again(workplace):
    rows = torch.from_numpy(np.load(workplace / RUN / "samples.npy"))
    show(workplace / "own.png", rows[3])
    before = calls.digest(workplace)
    distance, line = invert(workplace, *DIGITS, "--picture", "own.png", "--out", "new/latent.npy")
    assert line.startswith("invert digits, seed 7: the nearest sample is ")
    assert re.search(
        r"\(root mean square\); its latent point is [0-9.]+ times as long as usual; see new/", line
    )
    assert distance < 0.25 * min(apart(rows[3], row) for row in rows[4:])
    generator, _ = weights.load(workplace / RUN / "generator.safetensors", get_generator, torch.device("cpu"))
    latent = torch.from_numpy(np.load(workplace / "new" / "latent.npy"))
    assert (latent.shape, latent.dtype) == ((1, 32), torch.float32)
    assert apart(sampling.draw(generator, latent)[0], rows[3]) == pytest.approx(distance, abs=0.051)
    assert before.items() <= calls.digest(workplace).items()  # and all the rest is as it was


def test_the_same_command_writes_the_same_bytes(workplace):
    show(workplace / "own.png", torch.from_numpy(np.load(workplace / RUN / "samples.npy"))[3])
    short = (*DIGITS, "--picture", "own.png", "--steps", "20", "--starts", "4")
    for ending in ("png", "npy"):
        for name, more in (("a", ()), ("b", ()), ("other", ("--start-seed", "1"))):
            invert(workplace, *short, "--out", f"{name}.{ending}", *more)
        assert (workplace / f"a.{ending}").read_bytes() == (workplace / f"b.{ending}").read_bytes()
    assert (workplace / "a.npy").read_bytes() != (workplace / "other.npy").read_bytes()
    with Image.open(workplace / "a.png") as picture:
        assert picture.size == (17 * 56 // 8, 56)  # both, a gap of one pixel between them; 7 times as large


def test_more_starts_and_steps_come_nearer(workplace):
    show(workplace / "own.png", torch.from_numpy(np.load(workplace / RUN / "samples.npy"))[3])
    found = [
        invert(workplace, *DIGITS, "--picture", "own.png", "--out", f"{n}.npy", "--starts", n, "--steps", n)[
            0
        ]
        for n in ("1", "40")
    ]
    assert found[1] < found[0]


def test_the_class_is_found_or_told(tmp_path):
    generator = save(
        tmp_path, Conditional(MlpGenerator(8, [64], (1, 6, 6), random_generator(1, "g")), COUNTS)
    )
    with torch.no_grad():
        generator.network.layers[0].weight[:, 5:] *= 10  # what class it is, is seen
    save(tmp_path, generator)
    latents = sampling.fixed_latents(generator, 2, 3, "test")
    assert latents[1, 5:].tolist() == [0, 0, 1]
    show(tmp_path / "own.png", sampling.draw(generator, latents)[1])
    picture = ("--picture", "own.png")
    free, line = invert(tmp_path, *MINE, *picture, "--out", "free.npy")
    assert "the nearest sample of class 2 is" in line
    told, line = invert(tmp_path, *MINE, *picture, "--class", "2", "--out", "told.npy")
    assert (tmp_path / "told.npy").read_bytes() == (tmp_path / "free.npy").read_bytes()
    wrong, line = invert(tmp_path, *MINE, *picture, "--class", "0", "--out", "wrong.npy")
    assert "of class 0" in line
    assert free == told < wrong
    assert np.load(tmp_path / "free.npy")[0, 5:].tolist() == [0, 0, 1]
    calls.assert_refused(
        calls.call(tmp_path, "tools.invert", *MINE, *picture, "--class", "1", "--out", "a.npy"),
        "--class 1: the generator knows 0, 2",
    )


def test_colours_are_seen(tmp_path):
    generator = save(tmp_path, ConvGenerator(4, [16, 8], (3, 8, 4), weights=random_generator(1, "g")))
    with torch.no_grad():
        for values in generator.parameters():
            values *= 3
    save(tmp_path, generator)
    images = sampling.draw(generator, sampling.fixed_latents(generator, 2, 3, "test"))
    show(tmp_path / "own.png", images[0])
    distance, _ = invert(tmp_path, *MINE, "--picture", "own.png", "--out", "a.png")
    assert distance < 0.25 * apart(*images)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode == "RGB"
        assert picture.size == (9 * 7, 8 * 7)


def test_where_the_data_are_light_on_dark_a_light_picture_is_a_negative(tmp_path):
    generator = MlpGenerator(4, [16], (1, 6, 6), random_generator(1, "g"))
    with torch.no_grad():
        generator.layers[2].weight *= 4
        generator.layers[2].bias -= 2
    save(tmp_path, generator)
    image = sampling.draw(generator, sampling.fixed_latents(generator, 1, 3, "test"))[0]
    show(tmp_path / "own.png", image)
    show(tmp_path / "negative.png", 255 - image)
    for name in ("own", "negative"):
        invert(tmp_path, *MINE, "--picture", f"{name}.png", "--out", f"{name}.npy")
    assert (tmp_path / "own.npy").read_bytes() == (tmp_path / "negative.npy").read_bytes()


def test_a_sample_that_is_light_on_the_whole_is_no_negative(tmp_path):
    """Such as a coat: what is around it is dark, as in the other samples."""
    generator = MlpGenerator(4, [16], (1, 6, 6), random_generator(1, "g"))
    with torch.no_grad():
        generator.layers[2].weight *= 20  # anything in the middle
        generator.layers[2].bias.zero_()
        for place in (*range(6), *range(30, 36)):
            generator.layers[2].weight[place] = 0
            generator.layers[2].bias[place] = -4
    save(tmp_path, generator)
    coat = torch.zeros(1, 6, 6, dtype=torch.uint8)
    coat[:, 1:5] = 255
    show(tmp_path / "light.png", coat)
    show(tmp_path / "dark.png", 255 - coat)
    found = []
    for name in ("light", "dark"):
        found.append(invert(tmp_path, *MINE, "--picture", f"{name}.png", "--out", f"{name}-found.png")[0])
        with Image.open(tmp_path / f"{name}-found.png") as picture:
            assert np.asarray(picture)[:8, :36].min() == 255  # the edge of the wanted, shown dark on light
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*DIGITS, "--picture", "large.png", "--out", "a.png"),
         "large.png: has 9x8 pixels, but the generator's images have 8x8"),
        ((*DIGITS, "--picture", "missing.png", "--out", "a.png"), "missing.png: not a readable picture"),
        ((*DIGITS, "--picture", "params.yaml", "--out", "a.png"), "params.yaml: not a readable picture"),
        ((*SINE, "--picture", "own.png", "--out", "a.png"), "makes points; name a generator of images"),
        ((*DIGITS, "--picture", "own.png", "--class", "3", "--out", "a.png"), "is not conditional"),
        ((*DIGITS, "--picture", "own.png", "--out", "a.gif"), "--out a.gif: must be a picture .png"),
        ((*DIGITS, "--picture", "own.png", "--out", "own.png"), "own.png: is there already"),
        ((*DIGITS, "--picture", "own.png", "--steps", "0", "--out", "a.png"), "--steps: must be a whole"),
        ((*DIGITS, "--picture", "own.png", "--starts", "0", "--out", "a.png"), "--starts: must be a whole"),
        ((*DIGITS, "--out", "a.png"), "arguments are required: --picture"),
        ((*DIGITS, "--picture", "own.png"), "arguments are required: --out"),
        (("--picture", "own.png", "--out", "a.png"), "which generator?"),
        (("--experiment", "digits", "--seed", "8", "--picture", "own.png", "--out", "a.png"), "no such gen"),
    ],
)  # fmt: skip
def test_a_mistake_gets_one_line_and_nothing_changes(arguments, words, workplace):
    Image.new("L", (8, 8), 30).save(workplace / "own.png")
    Image.new("L", (9, 8), 30).save(workplace / "large.png")
    before = calls.digest(workplace)
    calls.assert_refused(calls.call(workplace, "tools.invert", *arguments), words)
    assert calls.digest(workplace) == before
