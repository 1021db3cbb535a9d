"""Comparison of published runs with the same runs made again."""

import importlib.metadata
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from stages.runtime import paths
from stages.runtime.dvc import Loader
from stages.runtime.errors import UserError

_LIBRARIES = {  # libraries that compute, or write files
    *("matplotlib", "numpy", "pillow", "safetensors", "scikit-learn", "scipy", "torch", "torch-fidelity"),
    "torchvision",
}
_DEVICE = ("device", "processor", "portable")  # keys of run.json that decide the last bits

Verdict = Literal["same", "differs", "not published"]


@dataclass(frozen=True)
class File:
    """A file or folder that a stage has made, compared with the published one, if there is one."""

    stage: str
    path: str
    verdict: Verdict


@dataclass(frozen=True)
class Score:
    """A score of a run that was made again, with the published range.

    Attributes:
        run: the experiment and the seed, in words.
        name: the score's name in metrics.json.
        found: its value now.
        least: the lowest published value of all seeds.
        most: the highest published value of all seeds.
        seeds: the number of published seeds.
    """

    run: str
    name: str
    found: float
    least: float
    most: float
    seeds: int

    @property
    def within(self) -> bool:
        """Whether the value is in the published range."""
        return self.least <= self.found <= self.most


class Runs:
    """Runs of a commit, in two clones of it.

    Args:
        published: the clone with the published results.
        again: the clone in which the pipeline makes them again.
        experiments: the runs' experiments.
        seeds: the runs' seeds.
        everything: whether these are all runs in params.yaml, so that the report can be compared, too.

    Raises:
        UserError: a run is not published, or its files are damaged.
    """

    def __init__(
        self, published: Path, again: Path, experiments: Sequence[str], seeds: Sequence[int], everything: bool
    ) -> None:
        self._published, self._again = published, again
        self._experiments, self._everything = experiments, everything
        self._runs = list(itertools.product(experiments, seeds))
        for experiment, seed in self._runs:
            files = paths.RunFiles(experiment, seed)
            for path in (files.run, files.scores):
                if not (published / path).exists():
                    raise UserError(f"{experiment}, seed {seed}, is not published: the commit has no {path}")
                _json(published / path)

    def compare(self) -> list[File]:
        """Compare all outputs that were made again, in the pipeline's order."""
        before, now, found = _lock(self._published), _lock(self._again), []
        for stage in self._stages():
            known = {out["path"]: out["md5"] for out in before.get(stage, {}).get("outs", ())}
            for path, md5 in ((out["path"], out["md5"]) for out in now[stage]["outs"]):
                same = [known[path] == md5] if path in known else []
                if (self._published / path).exists():  # it is also in git
                    same.append(_is_same(self._published / path, self._again / path))
                found.append(File(stage, path, _verdict(same)))
        return found

    def reasons(self) -> list[str]:
        """Reasons why the bytes may differ from the published ones; empty if they must be the same."""
        found = [*self._other_code(), *self._other_runs(), *_other_libraries(self._published)]
        return list(dict.fromkeys(found))

    def scores(self) -> list[Score]:
        """All scores of all runs that were made again, with the published ranges."""
        from stages.gan.evaluation.scores import MEANINGS

        found = []
        for experiment, seed in self._runs:
            folder = self._published / paths.RUNS / experiment
            known = [_json(path) for path in sorted(folder.glob("seed-*/metrics.json"))]
            made = _json(self._again / paths.RunFiles(experiment, seed).scores)
            for name in (name for name in MEANINGS if name in made):
                if values := [scores[name] for scores in known if name in scores]:
                    run = f"{experiment}, seed {seed}"
                    found.append(Score(run, name, made[name], min(values), max(values), len(values)))
        return found

    def _stages(self) -> Iterator[str]:
        """The names of the stages that make the runs, in the pipeline's order."""
        for name, stage in _yaml(self._published / "dvc.yaml")["stages"].items():
            if "seed" in stage.get("matrix", ()):
                yield from (f"{name}@{experiment}-{seed}" for experiment, seed in self._runs)
            elif "matrix" in stage:
                yield from (f"{name}@{experiment}" for experiment in self._experiments)
            elif self._everything:
                yield name

    def _other_code(self) -> Iterator[str]:
        before, now = _lock(self._published), _lock(self._again)
        stages = list(self._stages())
        if unknown := [stage for stage in stages if stage not in before]:
            named = f"{unknown[0]} and {len(unknown) - 1} more" if len(unknown) > 1 else unknown[0]
            yield f"{paths.LOCK} has no entry for {named}: the published results are from earlier code"
        for stage in (stage for stage in stages if stage in before):
            known = {dep["path"]: dep["md5"] for dep in before[stage].get("deps", ())}
            for dep in now[stage].get("deps", ()):
                path = dep["path"]
                if path.startswith(("stages/", str(paths.CODE))) and known.get(path) != dep["md5"]:
                    yield f"{path} has changed since"

    def _other_runs(self) -> Iterator[str]:
        """Differences of device and parameters between both versions of run.json."""
        for experiment, seed in self._runs:
            path = paths.RunFiles(experiment, seed).run
            before, now = (_json(folder / path) for folder in (self._published, self._again))
            for key in _DEVICE:
                yield from _difference(key, before.get(key), now.get(key))
            judges = (about.get("judge", {}).get("processor") for about in (before, now))
            yield from _difference("the judge's processor", *judges)
            known, given = before.get("parameters", {}), now.get("parameters", {})
            for key in known | given:
                yield from _difference(f"{experiment}.{key}", known.get(key), given.get(key))


def table(files: Sequence[File]) -> list[str]:
    """The lines of a table: one for each stage, and one for each file that is not the same."""
    lines = [f"{'stage':<28}{'files':>6}{'the same':>10}"]
    for stage, group in itertools.groupby(files, lambda file: file.stage):
        found = list(group)
        lines.append(f"{stage:<28}{len(found):>6}{sum(file.verdict == 'same' for file in found):>10}")
        lines += [f"  {file.verdict}: {file.path}" for file in found if file.verdict != "same"]
    return lines


def score_table(scores: Sequence[Score]) -> list[str]:
    """The lines of a table: one for each score."""
    lines = [f"{'run':<24}{'score':<24}{'here':>10}  {'published, all seeds':<24}"]
    for score in scores:
        reach = f"{score.least:.4g} to {score.most:.4g}"
        verdict = "within" if score.within else "outside"
        lines.append(f"{score.run:<24}{score.name:<24}{score.found:>10.4g}  {reach:<24}{verdict}")
    return lines


def _verdict(same: Sequence[bool]) -> Verdict:
    if not same:
        return "not published"
    return "same" if all(same) else "differs"


def _difference(key: str, before: object, now: object) -> Iterator[str]:
    if before != now:
        said = ("none" if value is None else str(value) for value in (before, now))
        yield "{}: published with {}, here {}".format(key, *said)


def _other_libraries(clone: Path) -> Iterator[str]:
    """Installed libraries whose version is not in requirements.txt, for any version of Python."""
    pinned: dict[str, set[str]] = {}
    for line in (clone / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([a-z0-9-]+)==([^ ;\\]+)", line):
            pinned.setdefault(match[1], set()).add(match[2])
    for name in sorted(_LIBRARIES & pinned.keys()):
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            installed = "none"
        if installed.split("+")[0] not in {version.split("+")[0] for version in pinned[name]}:
            yield from _difference(name, " or ".join(sorted(pinned[name])), installed)


def _lock(clone: Path) -> dict[str, Any]:
    """The stages in dvc.lock, by name; none without the file."""
    path = clone / paths.LOCK
    stages: dict[str, Any] = _yaml(path)["stages"] if path.exists() else {}
    return stages


def _yaml(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{Path(*path.parts[-5:])}: not readable ({error})") from error
    if not isinstance(found, dict):
        raise UserError(f"{Path(*path.parts[-5:])}: not readable (no names with values)")
    return found


def _is_same(published: Path, again: Path) -> bool:
    """Whether two files have the same bytes, or two folders the same files with the same bytes."""
    if not published.is_dir():
        return again.is_file() and published.read_bytes() == again.read_bytes()
    listed = [
        sorted(file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
        for folder in (published, again)
    ]
    return listed[0] == listed[1] and all(_is_same(published / name, again / name) for name in listed[0])
