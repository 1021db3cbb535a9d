"""Little data: digits cut to 200 training images, with and without augmentation, by the pipeline itself.

``python -m benchmarks.little_data`` makes five seeds of both in a checkout of its own, and writes the
report's verdict to benchmarks/results/little-data.md; it takes about a quarter of an hour.
"""

import argparse
import copy
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import yaml

from benchmarks import pipeline
from stages.gan.core import devices
from stages.runtime import command
from stages.runtime.paths import REPORT

RESULT = Path(__file__).parent / "results" / "little-data.md"
IMAGES, SEEDS = 200, [1, 2, 3, 4, 5]
AUGMENT = ["translation", "cutout"]
NAMES = ("digits_200", "digits_200_augmented")


def main() -> None:
    """Make all runs, and write what the report says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, help="default: as many steps as with all images")
    arguments = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        pipeline.checkout(folder)
        set_up(folder, arguments.epochs)
        pipeline.reproduce(folder)
        said = verdict((folder / REPORT).read_text(encoding="utf-8"))
    about = (
        f"`digits` cut to {IMAGES} training images (`data.train_limit`), {len(SEEDS)} seeds, without and "
        f"with `augment: [{', '.join(AUGMENT)}]`; made by `dvc repro` on "
        f"{devices.name(torch.device('cpu'))}. The report:"
    )
    RESULT.write_text(f"## Little data\n\n{about}\n\n{said}\n", encoding="utf-8")
    print(said)


def set_up(folder: Path, epochs: int | None) -> None:
    """Have a checkout make both experiments."""
    path = folder / "params.yaml"
    content = yaml.safe_load(path.read_text())
    for name, augment in zip(NAMES, ([], AUGMENT), strict=True):
        block = copy.deepcopy(content["digits"])
        block["data"]["train_limit"] = IMAGES
        train = block["train"]
        size = train["batch_size"]
        train["epochs"] = epochs or round(train["epochs"] * (1437 // size) / (IMAGES // size))
        train |= {"augment": augment, "image_every": train["epochs"], "checkpoint_every": train["epochs"]}
        content[name] = block
    path.write_text(yaml.safe_dump(content | {"experiments": list(NAMES), "seeds": SEEDS}, sort_keys=False))


def verdict(report: str) -> str:
    """What a report says of how the two compare: the line on the primary score."""
    return next(line for line in report.splitlines() if "the primary score" in line)


if __name__ == "__main__":
    command.guard(main)
