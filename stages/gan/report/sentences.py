"""Verdicts in words: which condition is better, by how much, and how sure that is."""

from collections.abc import Iterable, Sequence

from stages.gan.evaluation import scores
from stages.gan.evaluation.scores import ARROWS, BEST, COLLAPSED_BELOW, MEANINGS, PRIMARY
from stages.gan.report import statistics
from stages.gan.report.conditions import PRIMARY_PARAMETER, Apart, Condition
from stages.gan.report.markdown import table
from stages.gan.report.runs import Run, Samples
from stages.gan.report.verdicts import NOT_TOLD, TOO_FEW, Pair

METHOD = """\
Two conditions are compared where they are scored alike: with the same data, by the same judge, on as many
samples; in a section with more than four, each with the first one. All tests are two-sided, at the 5% level.

- **One score decides**, which is named beforehand: the Fréchet distance of images, the energy distance
  of points, or what `evaluate.primary` names. Its p is that of the rank test ([Mann & Whitney
  1947](https://doi.org/10.1214/aoms/1177730491)): exact, by all ways to deal out the runs to the two, or by
  10,000 of them where there are ties and more ways than that. In a section with several pairs, it is
  corrected for their number ([Holm 1979](https://www.jstor.org/stable/4615733)).
- **All scores together**: the same ranks by Westfall and Young's step-down maxT (1993; [Ge, Dudoit & Speed
  2003](https://doi.org/10.1007/BF02595811)). Where two conditions do not differ, *any* of the corrected
  verdicts on them is *better* or *worse* in at most 5% of cases. This holds for the scores of one pair; they
  are not corrected for the number of pairs, nor for the verdict of the one score, which has 5% of its own.
- **How much**: in how many of all pairs of runs, one of each condition, the one beats the other, where ties
  count half; and the 95% interval of the probability that a new run of the one beats a new run of the other
  ([Newcombe 2006](https://doi.org/10.1002/sim.2324), method 5). Of scores that are best at 0, 0.5 or 1, the
  distances from there are compared.
- **Collapses** are counted apart; their p is that of Fisher's exact test.
- Fewer than 4 seeds of either are too few for the first verdict (with 3 each, the least possible p is 0.1),
  fewer than 5 for the corrected ones; so it is fixed beforehand.

*Not told apart* does not mean equal: few seeds show large differences only. A verdict is about two recipes
with the data, judge and samples that they had, over the luck of the seed; with others it may differ. It says
how often one recipe beats the other, and not by how much the scores differ. How often the procedure errs, and
how many seeds a difference takes, is in [what the scores mean](../docs/scores.md)."""


def title(name: str, samples: Samples | None) -> str:
    """What a score is called, with how many samples it is of, where that matters, and its arrow."""
    meaning = MEANINGS[name]
    said = meaning.title
    if meaning.of and samples:
        count = samples.block if meaning.of == "block" else samples.count
        whole = "all samples"
        said = said.replace(whole, f"all {count} samples") if whole in said else f"{said}, {count} samples"
    return f"{said} {ARROWS[meaning.better]}".strip()


def collapse(run: Run) -> str:
    """By which scores a run has collapsed, beside those of real data."""
    real = {name: run.baselines(name)[0] for name in COLLAPSED_BELOW if name in run.scores}
    low = scores.collapse(run.scores, real) or ["diversity"]  # what counted in older runs
    said = [f"{MEANINGS[name].title} {run.scores[name]:.2g}" for name in low]
    said = [
        f"{one} (real data: {real[name]:.2g})" if name in real else one
        for name, one in zip(low, said, strict=True)
    ]
    if run.shares:
        most = max(range(len(run.shares)), key=run.shares.__getitem__)
        said.append(f"{run.shares[most]:.0%} of the samples of class {most}")
    return f"**Collapsed**: {joined(said)}."


def no_verdict(weakness: str, scores: Iterable[str]) -> str:
    """That the judge knows nothing of the data, so that there is no verdict by some of the scores."""
    if "judge_error" in scores:
        return f"**No verdict** by the {MEANINGS['judge_error'].title}: {weakness}"
    return f"**No verdict** by the judge's eyes, on collapses or on what is better: {weakness}"


def apart(found: Apart) -> str:
    """Why conditions that look as if they belonged together do not."""
    names = [f"{condition.shown} ({_seeds(condition)})" for condition in (found.second, found.first)]
    return f"{names[0]} stands apart from {names[1]}: {joined(found.reasons)}."


def sentence(pair: Pair) -> str:
    """What is found of the second condition of a pair beside the first: the primary score, all, collapses."""
    return " ".join(filter(None, (_primary(pair), _corrected(pair), _collapses(pair))))


def details(pair: Pair) -> list[str]:
    """A table with a line for each score."""
    corrected = all(verdict.answer != TOO_FEW for verdict in pair.verdicts)
    rows = []
    for verdict in pair.verdicts:
        better = MEANINGS[verdict.score].better
        named = MEANINGS[verdict.score].title
        named += f", distance from {BEST[better]:g}" if better in BEST else ""
        p = [p_value(verdict.p), p_value(verdict.corrected) if corrected else "–"]
        rows.append([named, f"{verdict.effect.wins:g} of {verdict.effect.pairs}", *p, verdict.answer])
    return table(
        ["score", f"pairs in which {pair.second.shown} is better", "p", "corrected p", "verdict"], rows
    )


def p_value(p: float) -> str:
    """A p to the digits that are worth reading."""
    if p < 0.001:
        return "< 0.001"
    return f"{p:.1g}" if p < 0.01 else f"{p:.2g}"


def p_equals(p: float) -> str:
    """The same in a sentence."""
    shown = p_value(p)
    return f"p {shown}" if shown.startswith("<") else f"p = {shown}"


def joined(parts: Iterable[str], last_by: str = "and") -> str:
    """Parts of a sentence: a, b and c."""
    *most, last = parts
    return f"{', '.join(most)} {last_by} {last}" if most else last


def _primary(pair: Pair) -> str:
    if pair.verdict is None:
        return _undecided(pair)
    verdict = pair.verdict
    said = f"{MEANINGS[verdict.score].title} ({_why(pair)}): "
    n, m = verdict.seeds
    second, first = pair.second.shown, pair.first.shown
    worse = verdict.effect.wins < verdict.effect.pairs / 2
    effect = verdict.effect.mirrored() if worse else verdict.effect
    word = "worse" if worse else "better"
    pairs = f"{effect.wins:g} of {effect.pairs} pairs"
    if verdict.answer == TOO_FEW:
        least, few = statistics.least_p(n, m), statistics.FEWEST
        why = f"a verdict takes {few} of either, which is fixed beforehand"
        if least > statistics.LEVEL:
            enough = p_value(statistics.least_p(few, few))
            why = f"of which the least possible p is {p_value(least)}; of {few} each it is {enough}"
        return f"{said}**{TOO_FEW}** ({_each(n, m)}, {why}). {second} is {word} than {first} in {pairs}."
    told = verdict.answer != NOT_TOLD
    shown = f"**{word}**" if told else word
    test = f"{'exact ' if verdict.exact else ''}rank test {p_equals(verdict.p)}"
    if pair.of_pairs > 1:
        test += f", corrected for {pair.of_pairs} pairs {p_equals(verdict.corrected)}"
    chance = f"a new run is {word} with probability {effect.low:.2g} to {effect.high:.2g}"
    if effect.wins == effect.pairs:
        said += f"all {n} runs of {second} are {shown} than all {m} of {first} ({pairs}, {test}; {chance})"
    else:
        said += f"{second} is {shown} than {first} in {pairs} ({test}; {chance})"
    return said + ("." if told else f": **{NOT_TOLD}**.")


def _undecided(pair: Pair) -> str:
    """Why no score decides."""
    for name, why in pair.first.runs[0].left_out.items():
        if name in pair.named:
            return f"No score decides: there is no {MEANINGS[name].title}, the primary one, as {why}."
    titles = [f"{MEANINGS[name].title if name in MEANINGS else name}" for name in pair.named if name]
    if len(titles) == 2 and pair.named[0] != pair.named[1]:
        return f"No score decides: {pair.first.shown} names {titles[0]}, {pair.second.shown} {titles[1]}."
    if pair.first.weakness is not None:
        return f"No score decides: {pair.first.weakness}."
    lacking = f", as not all runs have the primary one ({titles[0]})" if titles else ""
    return f"No score decides{lacking}."


def _why(pair: Pair) -> str:
    """Why the primary score is the primary one."""
    if pair.first.parameters.get(PRIMARY_PARAMETER):
        return f"the primary score, by `{PRIMARY_PARAMETER}`"
    return f"the primary score for {'images' if pair.named[0] == PRIMARY[0] else 'points'}"


def _corrected(pair: Pair) -> str:
    if not pair.verdicts:
        return "" if pair.first.weakness else "No score is one that all runs of both have."
    if pair.scores(TOO_FEW):
        if pair.verdict and pair.verdict.answer == TOO_FEW:
            return ""
        return f"All scores together: too few seeds ({_each(*pair.verdicts[0].seeds)})."
    parts = [
        f"**{answer}** in {joined(MEANINGS[name].title for name in found)}"
        for answer in ("better", "worse", NOT_TOLD)
        if (found := pair.scores(answer))
    ]
    count = len(pair.verdicts)
    return f"Corrected for {count} score{'s'[: count > 1]}, {'; '.join(parts)}."


def _collapses(pair: Pair) -> str:
    counts = [side.collapses for side in (pair.second, pair.first)]
    if not pair.first.collapsed + pair.second.collapsed or "–" in counts:
        return ""
    return f"Collapsed: {counts[0]} and {counts[1]} ({p_equals(pair.fisher)})."


def _each(n: int, m: int) -> str:
    return f"{n} each" if n == m else f"{n} and {m}"


def _seeds(condition: Condition) -> str:
    seeds: Sequence[str] = [str(run.seed) for run in condition.runs]
    return f"seed{'s'[: len(seeds) > 1]} {joined(seeds)}"
