"""Samples of one class: from a conditional generator, or from any other, selected by the judges."""

from itertools import count as counting
from pathlib import Path
from typing import TYPE_CHECKING

from stages.runtime import paths
from stages.runtime.errors import UserError
from stages.tools.numbers import Numbers

if TYPE_CHECKING:
    import torch
    from torch import nn

    from stages.gan.judges.models import Judges
    from stages.gan.networks.base.sampling import Sampler

_TRIES = 1000  # at most so many samples are tried for each that is wanted


def check_told(generator: "nn.Module", label: int) -> bool:
    """Whether a generator is conditional.

    Raises:
        UserError: it is, but does not know the class ``label``.
    """
    counts: list[int] = getattr(generator, "counts", [])
    known = [number for number, samples in enumerate(counts) if samples]
    if counts and label not in known:
        raise UserError(f"--class {label}: the generator knows {', '.join(map(str, known))}")
    return bool(counts)


def load_judges(path: Path | None, experiment: str, label: int, device: "torch.device") -> "Judges":
    """Load the judges that classify samples.

    Args:
        path: their file; None: that of the experiment.
        experiment: the experiment's name.
        label: the class that they must know.
        device: the device to load them to.

    Raises:
        UserError: there are no such judges, or they do not know the class.
    """
    from stages.gan.core import weights
    from stages.gan.judges import models

    path = path or paths.ExperimentFiles(experiment).judge
    if not path.exists():
        raise UserError(
            f"{path}: there are no such judges, and a generator that is not conditional needs them for "
            "--class; name their file by --judge"
        )
    judges, about = weights.load(path, models.get_judges, device)
    if not isinstance(judges, models.Judges) or not judges.classifies:
        raise UserError(f"{path}: these judges know no classes: their data are points, or have no labels")
    classes: int = about["architecture"]["classes"]
    if label >= classes:
        raise UserError(f"--class {label}: the judges know 0 to {classes - 1}")
    return judges


def find(sampler: "Sampler", judges: "Judges", label: int, wanted: int) -> tuple[Numbers, int]:
    """Find the first samples that the judges assign to a class.

    Args:
        sampler: draws the samples.
        judges: classify them.
        label: the class.
        wanted: how many samples to find.

    Returns:
        The numbers of these samples, and how many samples were tried.

    Raises:
        UserError: hardly any sample is of this class.
    """
    from stages.gan.core.datasets import normalize
    from stages.gan.judges import models

    found: list[int] = []
    for block in counting():
        first = block * sampler.block
        answers = models.predict(judges, normalize(sampler.numbered(range(first, first + sampler.block))))
        found += (first + (answers.argmax(1) == label).nonzero().flatten()).tolist()
        if len(found) >= wanted:
            found = found[:wanted]
            return Numbers([range(number, number + 1) for number in found]), found[-1] + 1
        if first + sampler.block >= _TRIES * wanted:
            raise UserError(
                f"--class {label}: of {first + sampler.block:,} samples the judges take {len(found)} for it; "
                "the generator hardly draws it; take another class, or a smaller --count"
            )
    raise AssertionError
