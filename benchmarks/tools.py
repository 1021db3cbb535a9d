"""How well two tools do: the search for the nearest sample, and the classification of pictures.

``python -m benchmarks.tools`` writes two tables into docs/tools.md, in a few minutes. It needs what ``make
repro`` leaves in data, and has a row for MNIST's judges if they are there.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import matplotlib
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor, nn

from benchmarks import pages, pipeline
from stages.gan.core import devices, params, weights
from stages.gan.core.datasets import Dataset, normalize
from stages.gan.core.randomness import generator as random_generator
from stages.gan.judges import models
from stages.gan.networks.base import registry
from stages.gan.networks.base.sampling import Sampler
from stages.gan.report import markdown
from stages.gan.sources import pictures
from stages.runtime import command
from stages.runtime.paths import ExperimentFiles, RunFiles
from stages.tools import inversion, invert

PAGE = Path("docs/tools.md")
END = "<!-- end of what it made -->"
NEAREST, CLASSIFIED = (
    f"<!-- made by python -m benchmarks.tools: {part} -->" for part in ("nearest", "classified")
)
EXPERIMENT, SEED = "digits", 111
KNOWN = 10_000  # samples among which the nearest is looked up
PICTURES = 50  # of each kind, for the search
STARTS, STEPS = invert.STARTS, invert.STEPS
HELD_OUT = 300  # digits that are drawn and classified
JUDGES = ("digits", "mnist_fast")
FONTS = ("DejaVuSans.ttf", "DejaVuSerif.ttf")  # matplotlib has them

Color = tuple[int, int, int]
DARK, LIGHT = (30, 30, 90), (235, 230, 210)


@dataclass(frozen=True)
class Paper:
    """How a digit is drawn: its ink, its paper (None: transparent), and the noise on both, in grey levels."""

    ink: Color
    paper: Color | None
    noise: float = 0


PAPERS = {
    "dark on light": Paper(DARK, LIGHT),
    "light on dark": Paper(LIGHT, DARK),
    "on noisy, shaded paper": Paper(DARK, LIGHT, noise=8),
    "transparent": Paper(DARK, None),
}


def nearest() -> str:
    """How near the search comes to pictures of several kinds, as a table and a sentence."""
    files = RunFiles(EXPERIMENT, SEED)
    generator, _ = weights.load(files.generator, registry.get_generator, torch.device("cpu"))
    samples = torch.cat(list(Sampler(generator, SEED).samples(KNOWN + PICTURES)))
    known, own = samples[:KNOWN], samples[KNOWN:]
    held_out = Dataset.load(ExperimentFiles(EXPERIMENT).dataset).test.samples[:PICTURES]
    random = random_generator(SEED, "tools")
    noise = torch.randint(256, held_out.shape, generator=random, dtype=torch.uint8)
    rows = []
    for name, images in {"one of its samples": own, "a held-out digit": held_out, "noise": noise}.items():
        found = [
            inversion.nearest(generator, image, inversion.labels(generator), STARTS, STEPS, 0, lambda: None)
            for image in images
        ]
        beside = [inversion.distances(known, image).min().item() for image in images]
        away, length = median(one.distance for one in found), median(one.length for one in found)
        rows.append([name, f"{away:.1f} grey levels", f"{median(beside):.1f}", f"{length:.1f}"])
    heads = [
        "picture",
        "distance of the sample found",
        f"distance of the nearest of {KNOWN:,} samples",
        "length",
    ]
    apart = median(inversion.distances(known[:PICTURES], image).median().item() for image in own)
    return "\n".join(
        [*markdown.table(heads, rows), "", f"Two random samples of this generator are {apart:.0f} apart."]
    )


def classified() -> str:
    """How many pictures judges recognise, drawn in several ways, as a table and a sentence."""
    rows, printed = [], []
    for experiment in JUDGES:
        files = ExperimentFiles(experiment)
        if not files.judge.exists():
            continue
        judge, about = weights.load(files.judge, models.get_judges, torch.device("cpu"))
        test = Dataset.load(files.dataset).test
        assert test.labels is not None
        images, labels = test.samples[:HELD_OUT], test.labels[:HELD_OUT]
        shape = tuple(about["architecture"]["shape"])
        rights = [_share(judge, images, labels)]
        for number, paper in enumerate(PAPERS.values()):
            drawn = [_draw(image[0].numpy(), paper, (number, index)) for index, image in enumerate(images)]
            rights.append(_share(judge, _read(drawn, experiment, shape), labels))
        rows.append([f"`{experiment}` ({shape[1]}x{shape[2]})", *(f"{right:.1%}" for right in rights)])
        of_fonts = [*_printed()]
        right = _share(judge, _read(of_fonts, experiment, shape), torch.arange(len(of_fonts)) % 10)
        printed.append(f"those of `{experiment}` recognise {right * len(of_fonts):.0f}")
    table = markdown.table(["judges", "the originals", *PAPERS], rows)
    said = f"Of {10 * len(FONTS)} printed digits, ten in each of two fonts, {', '.join(printed)}."
    return "\n".join([*table, "", said])


def _share(judge: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of images that a judge recognises."""
    return float((models.predict(judge, normalize(images)).argmax(1) == labels).double().mean())


def _read(drawn: list[Image.Image], experiment: str, shape: tuple[int, ...]) -> Tensor:
    """Pictures as ``classify`` reads them from files."""
    source = params.load(Path("params.yaml")).experiments[experiment].data.piece.name
    found = []
    with TemporaryDirectory() as folder:
        for index, picture in enumerate(drawn):
            picture.save(path := Path(folder, f"{index}.png"))
            found.append(pictures.fit(pictures.load(path), shape, pictures.FRAMES[source], str(path)))
    return torch.stack(found)


def _draw(digit: NDArray[np.uint8], paper: Paper, seed: tuple[int, int]) -> Image.Image:
    """A digit, light on dark [H, W], as a picture of 480x360 pixels: large, smooth and off centre."""
    random = np.random.default_rng(seed)
    side = int(random.integers(140, 220))
    ink = Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)
    alpha = Image.new("L", (480, 360))
    alpha.paste(ink, (int(random.integers(20, 460 - side)), int(random.integers(10, 350 - side))))
    if paper.paper is None:
        drawn = Image.new("RGBA", alpha.size, (*paper.ink, 0))
        drawn.putalpha(alpha)
        return drawn
    plain = Image.composite(
        Image.new("RGB", alpha.size, paper.ink), Image.new("RGB", alpha.size, paper.paper), alpha
    )
    if not paper.noise:
        return plain
    shade = np.linspace(1, 0.85, alpha.width)[None, :, None]  # darker to the right
    values = np.asarray(plain) * shade + random.normal(0, paper.noise, (alpha.height, alpha.width, 3))
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def _printed() -> Iterator[Image.Image]:
    """The digits from 0 to 9 in each font, dark on light."""
    for name in FONTS:
        font = ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf", name), 180)
        for digit in range(10):
            drawn = Image.new("RGB", (320, 320), LIGHT)
            ImageDraw.Draw(drawn).text((90, 40), str(digit), font=font, fill=DARK)
            yield drawn


def main() -> None:
    """Measure, and write the tables into the page."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    devices.set_up("cpu", threads=1)
    page = PAGE.read_text()
    for start, measure in ((NEAREST, nearest), (CLASSIFIED, classified)):
        page = pages.insert(page, start, END, measure())
    PAGE.write_text(page)
    print(f"tools: see {PAGE}")


if __name__ == "__main__":
    pipeline.compute_as_stages()
    command.guard(main)
