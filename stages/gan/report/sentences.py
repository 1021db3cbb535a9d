"""Verdicts in words: which condition is better, how often, and how certain that is."""

from collections.abc import Iterable

from stages.gan.evaluation import scores
from stages.gan.evaluation.scores import ARROWS, BEST, COLLAPSED_BELOW, MEANINGS, PRIMARY
from stages.gan.report import statistics
from stages.gan.report.conditions import PRIMARY_PARAMETER, Apart
from stages.gan.report.markdown import table
from stages.gan.report.runs import Run, Samples
from stages.gan.report.verdicts import NOT_TOLD, TOO_FEW, Pair
from stages.runtime.errors import counted, listed

METHOD = """\
Two conditions are compared if they are scored in the same way: with the same data, by the same judge, on the
same number of samples. In a section with more than four conditions, each is compared with the first one. All
tests are two-sided, at the 5% level.

- **One score decides.** It is chosen in advance: the Fréchet distance for images, the energy distance for
  points, or the score that `evaluate.primary` names. Its p comes from the rank test ([Mann & Whitney
  1947](https://doi.org/10.1214/aoms/1177730491)). It is exact, over all ways to divide the runs between the
  two conditions; if there are ties and more ways than 10,000, that many random ones are taken. In a section
  with several pairs, p is corrected for their number ([Holm 1979](https://www.jstor.org/stable/4615733)).
- **All scores together** are tested with the same ranks, by the step-down maxT of Westfall and Young (1993;
  [Ge, Dudoit & Speed 2003](https://doi.org/10.1007/BF02595811)). If two conditions do not differ, *any* of
  their corrected verdicts is *better* or *worse* in at most 5% of cases. This holds for the scores of one
  pair. They are not corrected for the number of pairs, nor for the verdict of the one score, which has its
  own 5%.
- **The size of the effect** is the number of pairs of runs, one run of each condition, in which one beats the
  other (ties count half), and the 95% interval of the probability that a new run of one beats a new run of
  the other ([Newcombe 2006](https://doi.org/10.1002/sim.2324), method 5). For scores that are best at 0, 0.5
  or 1, the distances from that value are compared.
- **Collapses** are counted separately. Their p comes from Fisher's exact test.
- Fewer than 4 seeds of either condition are too few for the first verdict (with 3 each, the lowest possible p
  is 0.1), fewer than 5 are too few for the corrected ones. These numbers are fixed in advance.

*No difference found* does not mean equal: few seeds show only large differences. A verdict is about two
recipes with these data, judge and samples, over the randomness of the seeds; with others it may differ. It
says how often one recipe beats the other, not by how much the scores differ. How often the procedure errs,
and how many seeds it takes to detect a difference, is in [what the scores mean](../docs/scores.md)."""


def title(name: str, samples: Samples | None) -> str:
    """The title of a score with its arrow, and with the number of samples where the score depends on it."""
    meaning = MEANINGS[name]
    said = meaning.title
    if meaning.of and samples:
        count = samples.block if meaning.of == "block" else samples.count
        whole = "all samples"
        said = said.replace(whole, f"all {count} samples") if whole in said else f"{said}, {count} samples"
    return f"{said} {ARROWS[meaning.better]}".strip()


def collapse(run: Run) -> str:
    """The scores by which a run has collapsed, beside those of real data."""
    real = {name: run.baselines(name)[0] for name in COLLAPSED_BELOW if name in run.scores}
    low = scores.collapse(run.scores, real) or ["diversity"]  # the only criterion of older runs
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
    """That a judge that knows nothing allows no verdict by its scores; empty if there are none."""
    known = {*scores}
    if "judge_error" in known:
        return f"**No verdict** by the {MEANINGS['judge_error'].title}: {weakness}"
    if "fid_judge" not in known:
        return ""
    return f"**No verdict** by the judge's scores, neither on collapses nor on what is better: {weakness}"


def apart(found: Apart) -> str:
    """Why two conditions that look comparable are not."""
    names = [
        f"{condition.shown} ({seeds_in_words(run.seed for run in condition.runs)})"
        for condition in (found.second, found.first)
    ]
    return f"{names[0]} is not comparable with {names[1]}: {joined(found.reasons)}."


def sentence(pair: Pair) -> str:
    """The verdicts on the second condition of a pair: by the primary score, by all scores, on collapses."""
    return " ".join(filter(None, (_primary(pair), _corrected(pair), _collapses(pair))))


def details(pair: Pair) -> list[str]:
    """A table of the verdicts, one line per score."""
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
    """A p with one or two digits."""
    if p < 0.001:
        return "< 0.001"
    return f"{p:.1g}" if p < 0.01 else f"{p:.2g}"


def p_equals(p: float) -> str:
    """A p within a sentence."""
    shown = p_value(p)
    return f"p {shown}" if shown.startswith("<") else f"p = {shown}"


def joined(parts: Iterable[str], last_by: str = "and") -> str:
    """A list within a sentence: a, b and c."""
    *most, last = parts
    return f"{', '.join(most)} {last_by} {last}" if most else last


def seeds_in_words(seeds: Iterable[int], most: int = 20) -> str:
    """Seeds within a sentence: ``seed 1``, ``seeds 1 and 2``; at most the first ``most`` are named."""
    names = [str(seed) for seed in seeds]
    said = joined(names) if len(names) <= most else listed(names, most)
    return f"seed {said}" if len(names) == 1 else f"seeds {said}"


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
        why = f"a verdict needs {few} of each, which is fixed in advance"
        if least > statistics.LEVEL:
            enough = p_value(statistics.least_p(few, few))
            why = f"with which the lowest possible p is {p_value(least)}; with {few} each it is {enough}"
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
            return f"No score decides, because the primary one, {MEANINGS[name].title}, is left out: {why}."
    titles = [f"{MEANINGS[name].title if name in MEANINGS else name}" for name in pair.named if name]
    if len(titles) == 2 and pair.named[0] != pair.named[1]:
        return f"No score decides: {pair.first.shown} names {titles[0]}, {pair.second.shown} {titles[1]}."
    if pair.first.weakness is not None:
        return f"No score decides: {pair.first.weakness}."
    lacking = f": not all runs have the primary one ({titles[0]})" if titles else ""
    return f"No score decides{lacking}."


def _why(pair: Pair) -> str:
    """Why this score is the primary one."""
    if pair.first.parameters.get(PRIMARY_PARAMETER):
        return f"the primary score, by `{PRIMARY_PARAMETER}`"
    return f"the primary score for {'images' if pair.named[0] == PRIMARY[0] else 'points'}"


def _corrected(pair: Pair) -> str:
    if not pair.verdicts:
        return "" if pair.first.weakness else "There is no score that all runs of both have."
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
    return f"Corrected for {counted(count, 'score')}: {'; '.join(parts)}."


def _collapses(pair: Pair) -> str:
    counts = [side.collapses for side in (pair.second, pair.first)]
    if not pair.first.collapsed + pair.second.collapsed or "–" in counts:
        return ""
    return f"Collapsed: {counts[0]} and {counts[1]} ({p_equals(pair.fisher)})."


def _each(n: int, m: int) -> str:
    return f"{n} each" if n == m else f"{n} and {m}"
