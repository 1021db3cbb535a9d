"""What can make runs incomparable besides parameters and seed: device, judge, data, number of samples."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from stages.gan.report.runs import Run


@dataclass(frozen=True)
class Circumstance:
    """One thing besides parameters and seed that can make runs incomparable.

    Attributes:
        value: of a run; None if its files do not say it.
        label: what it adds to the name of a condition.
        reason: why a second run is not comparable with a first one, in words.
    """

    value: Callable[[Run], Hashable]
    label: Callable[[Run], str]
    reason: Callable[[Run, Run], str]


def _judges(first: Run, second: Run) -> str:
    kinds = [run.judge.processor for run in (second, first)]
    if kinds[0] != kinds[1]:
        known = [kind or "an unknown processor" for kind in kinds]
        return f"scored by another judge (trained on {known[0]} instead of {known[1]})"
    return f"scored by another judge ({second.judge.md5[:6]} instead of {first.judge.md5[:6]})"


def _data(run: Run) -> str:
    return run.data.md5[:6] if run.data else "unknown"


def _networks(run: Run) -> str:
    return ", ".join(f"{name} {md5[:6]}" for name, md5 in sorted(run.networks.items())) or "none"


def _samples(run: Run) -> str:
    if run.samples is None:
        return "unknown number of samples"
    return f"{run.samples.count} samples in blocks of {run.samples.block}"


# Scores are comparable only if these are the same.
SCORING_CIRCUMSTANCES = (
    Circumstance(lambda run: run.judge.md5, lambda run: f", judge {run.judge.md5[:6]}", _judges),
    Circumstance(
        lambda run: run.data,
        lambda run: f", data {_data(run)}",
        lambda first, second: f"made with other data ({_data(second)} instead of {_data(first)})",
    ),
    Circumstance(
        lambda run: tuple(sorted(run.networks.items())),
        lambda run: f", networks {_networks(run)}",
        lambda first, second: f"scored by other networks ({_networks(second)} instead of {_networks(first)})",
    ),
    Circumstance(
        lambda run: run.samples,
        lambda run: f", {_samples(run)}",
        lambda first, second: (
            f"scored with another number of samples ({_samples(second)} instead of {_samples(first)})"
        ),
    ),
)
CIRCUMSTANCES = (
    Circumstance(
        lambda run: run.device,
        lambda run: f", {run.device}",
        lambda first, second: f"trained on {second.device} instead of {first.device}",
    ),
    *SCORING_CIRCUMSTANCES,
)
