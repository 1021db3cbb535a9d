"""Runs as the files in reports/runs tell them."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from stages.gan.errors import UserError
from stages.gan.scores import CEILING, FLOOR, class_shares


@dataclass(frozen=True)
class Run:
    """One run as its files tell it; ``judge`` are the scores of the judge on test data."""

    folder: Path
    experiment: str
    seed: int
    device: str
    parameters: dict[str, Any]
    scores: Mapping[str, float]
    judge: Mapping[str, float]

    @property
    def collapsed(self) -> bool:
        """Whether it draws little else than one thing, over and over."""
        return bool(self.scores["collapsed"])

    @property
    def shares(self) -> list[float]:
        """Share of each class among its samples; empty for points."""
        return class_shares(self.scores)

    def anchors(self, name: str) -> tuple[float | None, float | None]:
        """A score of real test data and of noise: floor and ceiling; none in files from before they were."""
        return self.scores.get(name + FLOOR), self.scores.get(name + CEILING)

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
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: not readable losses ({error}); run the train stage") from error

    @property
    def grid(self) -> Path | None:
        """Its picture of the latent points that all runs draw; none where it is from before they did."""
        path = self.folder / "grid.png"
        return path if path.exists() else None


def load(folder: Path) -> list[Run]:
    """All runs below the folder ``folder``, by experiment and seed.

    Raises:
        UserError: a run's files are damaged.
    """
    found = []
    for path in folder.glob("*/seed-*/run.json"):
        try:
            about, scores, judge = (
                json.loads(file.read_text())
                for file in (path, path.with_name("metrics.json"), path.parent.with_name("judge.json"))
            )
            if "collapsed" not in scores:
                raise ValueError("metrics.json lacks collapsed")
            found.append(Run(path.parent, **about, scores=scores, judge=judge))
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"{path.parent}: not a readable run ({error}); run the evaluate stage") from error
    return sorted(found, key=lambda run: (run.experiment, run.seed))
