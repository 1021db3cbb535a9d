"""The report's verdicts, tried on scores of which the truth is known: how often they err, and what they see.

``python -m benchmarks.verdicts`` writes the tables into docs/scores.md; it takes a minute. ``--print`` prints
them instead. ``--difference 1.5`` only says how many seeds each a difference of so many standard deviations
takes: a question for before the runs.

Two recipes have n seeds each and 12 scores, any two of which are correlated by 0.5. *Nothing differs* where
both recipes draw from the same distribution: any verdict is false. *The second is better* where all 12 of its
scores are 2 standard deviations (of the normal distribution below) lower. The distributions:

- normal;
- lognormal: e to the power of that, so a standard deviation of 1 on the logarithmic scale;
- collapse: normal, but runs collapse, which makes all their scores worse by 100. Where nothing differs, each
  run of both recipes collapses with probability 0.2; else those of the first do with 0.4, the second's never.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks import pages
from stages.gan.report import statistics
from stages.gan.report.markdown import table
from stages.runtime import command

PAGE = Path("docs/scores.md")
START, END = "<!-- made by python -m benchmarks.verdicts -->", "<!-- end of verdicts -->"
SHAPES = ("normal", "lognormal", "collapse")
SEEDS = (3, 4, 5, 7, 10)  # of each recipe
SCORES, CORRELATION = 12, 0.5
DIFFERENCE = 2.0  # standard deviations
COLLAPSED = 100.0  # what a collapse adds to a score
TRIALS = 2000  # comparisons for each number in the table, which are right to 0.01 where they are near 0.05
PLANNED = (1.0, 1.5, 2.0, 3.0)  # standard deviations, in the table of seeds
_AT_ONCE = 100  # comparisons; more take much memory

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Rates:
    """In what share of the comparisons there is a verdict; NaN where the report gives none, as seeds are few.

    Attributes:
        primary: on the primary score, by the rank test.
        corrected: on it among all scores, corrected.
        any_corrected: on any score, corrected.
        any_verdict: either of the two: on the primary score, or on any, corrected.
        welch: on the primary score, by Welch's t-test.
        any_welch: on any score, by Welch's t-tests.
    """

    primary: float
    corrected: float
    any_corrected: float
    any_verdict: float
    welch: float
    any_welch: float


def rates(shape: str, seeds: int, differ: bool, trials: int = TRIALS) -> Rates:
    """Compare two recipes many times, each time with new scores; the same ones at every call.

    Args:
        shape: one of :data:`SHAPES`.
        seeds: of each recipe.
        differ: whether the second is better.
        trials: how many times.
    """
    random = np.random.default_rng([SHAPES.index(shape), seeds, differ])
    first = _draw(shape, (trials, SCORES, seeds), 0, 0.4 if differ else 0.2, random)
    second = _draw(shape, (trials, SCORES, seeds), -DIFFERENCE if differ else 0, 0 if differ else 0.2, random)
    level = statistics.LEVEL
    welch = stats.ttest_ind(first, second, axis=-1, equal_var=False).pvalue <= level
    primary, corrected = np.full(trials, np.nan), np.full((trials, SCORES), np.nan)
    if seeds >= statistics.FEWEST:
        primary = stats.mannwhitneyu(first[:, 0], second[:, 0], axis=-1, method="exact").pvalue <= level
    if seeds >= statistics.FEWEST_CORRECTED:
        parts = [slice(start, start + _AT_ONCE) for start in range(0, trials, _AT_ONCE)]
        found = [statistics.step_down(first[part], second[part]) for part in parts]
        corrected = (np.concatenate(found) <= level).astype(float)
    return Rates(
        primary=float(primary.mean()),
        corrected=float(corrected[:, 0].mean()),
        any_corrected=float(corrected.max(axis=1).mean()),
        any_verdict=float(np.maximum(primary, corrected.max(axis=1)).mean()),
        welch=float(welch[:, 0].mean()),
        any_welch=float(welch.any(axis=1).mean()),
    )


def markdown() -> str:
    """Both tables: how often there is a verdict, and how many seeds a difference takes."""
    heads = [
        *("scores", "seeds each", "false: primary score", "false: any corrected", "false: either"),
        *("false: Welch's t, primary score", "false: Welch's t, any score"),
        *("seen: primary score", "seen: corrected", "seen: Welch's t"),
    ]
    rows = []
    for shape in SHAPES:
        for seeds in SEEDS:
            same, other = (rates(shape, seeds, differ) for differ in (False, True))
            false = (same.primary, same.any_corrected, same.any_verdict, same.welch, same.any_welch)
            seen = (other.primary, other.corrected, other.welch)
            rows.append([shape, str(seeds), *(_share(value) for value in (*false, *seen))])
    planned = [[f"{d:g}", _seeds(statistics.seeds_for(d))] for d in PLANNED]
    return "\n".join([*table(heads, rows), "", *table(["difference", "seeds each"], planned)])


def _draw(
    shape: str, size: tuple[int, int, int], shift: float, collapses: float, random: np.random.Generator
) -> Array:
    """Scores [trials, scores, seeds], of which lower is better."""
    trials, _, seeds = size
    common, own = random.normal(size=(trials, 1, seeds)), random.normal(size=size)
    normal = np.sqrt(CORRELATION) * common + np.sqrt(1 - CORRELATION) * own + shift
    if shape == "lognormal":
        return np.asarray(np.exp(normal), float)
    collapsed = random.random((trials, 1, seeds)) < (collapses if shape == "collapse" else 0)
    return np.asarray(normal + COLLAPSED * collapsed, float)


def _share(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}" if value < 0.0995 else f"{value:.2f}"


def _seeds(count: int | None) -> str:
    return "more than 1000" if count is None else str(count)


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--print", action="store_true", help="print the tables; the page stays as it is")
    parser.add_argument(
        "--difference", type=float, help="standard deviations: only say how many seeds it takes"
    )
    chosen = parser.parse_args()
    if chosen.difference is not None:
        if not chosen.difference > 0:
            parser.error("--difference: must be above 0")
        print(f"{_seeds(statistics.seeds_for(chosen.difference))} seeds each, for power {statistics.POWER}")
    elif chosen.print:
        print(markdown())
    else:
        PAGE.write_text(pages.insert(PAGE.read_text(), START, END, markdown()))
        print(f"verdicts: see {PAGE}")


if __name__ == "__main__":
    command.guard(main)
