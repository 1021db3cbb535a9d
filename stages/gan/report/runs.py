"""Runs, read from the files in reports/runs."""

import csv
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import FiniteFloat, TypeAdapter, ValidationError

from stages.gan.evaluation.scores import MEANINGS, NOISE_SUFFIX, REAL_SUFFIX, SPREAD_SUFFIX, class_shares
from stages.runtime.errors import UserError


@dataclass(frozen=True)
class Judge:
    """The judge of a run's samples, or several judges in one file.

    Attributes:
        md5: the MD5 sum of the file.
        scores: its own, on test data; of several judges, those of their mean answer, with ``…_spread``.
        processor: on which it was trained.
        count: the number of judges; each score of a run is the mean over them.
        weakness: why it knows nothing of the data, so that no verdict can rely on it; None if it does.
    """

    md5: str
    scores: dict[str, FiniteFloat]
    processor: str | None = None
    count: int = 1
    weakness: str | None = None


@dataclass(frozen=True)
class Data:
    """The data set: its file's MD5 sum."""

    md5: str


@dataclass(frozen=True)
class Samples:
    """How many samples are scored: ``count`` in total, ``block`` at once by scores that depend on it."""

    count: int
    block: int


@dataclass(frozen=True)
class Run:
    """One run, as in its files. Those of older runs do not say the processor, the data and the samples."""

    folder: Path
    experiment: str
    seed: int
    device: str
    judge: Judge
    parameters: dict[str, Any]
    scores: dict[str, FiniteFloat]
    processor: str | None = None
    portable: bool | None = None
    data: Data | None = None
    networks: dict[str, str] = field(default_factory=dict)  # MD5 sums of other networks that scored it
    samples: Samples | None = None
    left_out: dict[str, str] = field(default_factory=dict)  # scores that do not fit its data, and why

    @property
    def collapsed(self) -> bool | None:
        """Whether it has collapsed, see ``scores.COLLAPSE``; None: unknown."""
        return bool(self.scores["collapsed"]) if "collapsed" in self.scores else None

    @property
    def shares(self) -> list[float]:
        """The share of each class in its samples; empty for points."""
        return class_shares(self.scores)

    def baselines(self, name: str) -> tuple[float, float]:
        """The score of real test data, and the score of noise."""
        return self.scores[name + REAL_SUFFIX], self.scores[name + NOISE_SUFFIX]

    def real_spread(self, name: str) -> float | None:
        """Standard deviation of the score of real data over random draws; None in older runs."""
        return self.scores.get(name + REAL_SUFFIX + SPREAD_SUFFIX)

    def judges_spread(self, name: str) -> float | None:
        """Standard deviation of a score over the judges; None if there is one, or the score needs none.

        In older runs, which have one judge, another spread has that name.
        """
        return self.scores.get(name + SPREAD_SUFFIX) if self.judge.count > 1 else None

    @cached_property
    def losses(self) -> dict[str, list[float]]:
        """The columns of its losses.csv, by name.

        Raises:
            UserError: the file is damaged.
        """
        path = self.folder / "losses.csv"
        try:
            with path.open(newline="") as file:
                header, *rows = csv.reader(file)
            columns = [[float(value) for value in column] for column in zip(*rows, strict=True)]
            return dict(zip(header, columns, strict=True))
        except (OSError, ValueError, csv.Error) as error:
            raise UserError(f"{path}: not readable losses ({error}); run the train stage") from error

    @property
    def commit(self) -> str | None:
        """The commit that made it, if it was made by older code."""
        path = self.folder.parent / _COMMIT
        return path.read_text(encoding="utf-8").strip()[:40] if path.exists() else None

    @property
    def grid(self) -> Path | None:
        """Its picture of the latent points that all runs draw; None in older runs."""
        path = self.folder / "grid.png"
        return path if path.exists() else None


_RUN = TypeAdapter(Run)
_COMMIT = "made-by-commit"  # a file in the folder of an experiment whose runs were made by older code
_OLD_SUFFIXES = {"_floor": REAL_SUFFIX, "_ceiling": NOISE_SUFFIX}  # in such runs


def load(folder: Path) -> list[Run]:
    """All runs below the folder ``folder``, by experiment and seed.

    Raises:
        UserError: the files of a run are damaged, or older than baselines.
    """
    found = []
    for path in folder.glob("*/seed-*/run.json"):
        try:
            about, scores = (_json(file) for file in (path, path.with_name("metrics.json")))
            known = {"folder": path.parent, "scores": _renamed(scores)}
            run = _RUN.validate_python({**about, **known})
            _check(run)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise _unreadable(path.parent, f"{where}: {first['msg']}") from error
        except (OSError, ValueError, TypeError) as error:
            raise _unreadable(path.parent, error) from error
        found.append(run)
    return sorted(found, key=lambda run: (run.experiment, run.seed))


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name}: {error}") from error


def _renamed(scores: Any) -> Any:
    """Scores under their current names."""
    if not isinstance(scores, dict):
        return scores
    for old, new in _OLD_SUFFIXES.items():
        scores = {re.sub(f"{old}$", new, name): score for name, score in scores.items()}
    return scores


def _check(run: Run) -> None:
    graded = [name for name in MEANINGS if name in run.scores]
    told = run.judge.weakness is None and not run.left_out
    needed = [
        *(["collapsed"] if told else []),
        *(name + ending for name in graded for ending in (REAL_SUFFIX, NOISE_SUFFIX)),
    ]
    if run.scores.get("collapsed"):
        needed += ["diversity", *(["classes_covered"] if run.shares else [])]
    if lacking := [name for name in needed if name not in run.scores]:
        raise ValueError(f"metrics.json lacks {lacking[0]}")
    if not graded:
        raise ValueError("metrics.json has no scores")


def _unreadable(folder: Path, reason: object) -> UserError:
    return UserError(f"{folder}: not a readable run ({reason}); run the evaluate stage, or delete it")
