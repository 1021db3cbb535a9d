"""What a sweep shows: a line for each stage that ends, progress by kind of stage, a table at the end."""

import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tqdm import tqdm

from stages.runtime import files
from stages.runtime.errors import one_line
from stages.sweep.cluster import Outcome

_LINES = 20  # lines shown of the log of a failed stage
_LOGS = Path(".dvc/tmp/sweep/logs")


class Board:
    """The progress of a sweep: bars on a terminal, and a line for each stage that ends.

    Args:
        names: the names of all stages.
        done: the names of the stages that are computed already.
    """

    def __init__(self, names: Iterable[str], done: Iterable[str]) -> None:
        self._totals = Counter(map(_kind, names))
        self._found = Counter(map(_kind, done))
        self._ends: list[Outcome] = []
        width = max(map(len, self._totals), default=0)
        self._bars = {
            kind: tqdm(
                total=total,
                initial=self._found[kind],
                desc=f"{kind:>{width}}",
                unit="",
                position=position,
                disable=None,
                bar_format="{desc} {n_fmt:>4}/{total_fmt} {bar}",
            )
            for position, (kind, total) in enumerate(self._totals.items())
        }

    def show(self, outcome: Outcome, again: bool) -> None:
        """Show how a stage has ended, and whether it is tried ``again``."""
        if again:
            self._say(f"{outcome.name}: its worker was lost, or it was killed; it is tried again")
            return
        self._ends.append(outcome)
        kind = _kind(outcome.name)
        if outcome.end == "done":
            self._bars[kind].update()
            done = self._found[kind] + self._count(kind, "done")
            self._say(f"{outcome.name}: done in {outcome.seconds:.1f} s ({kind} {done}/{self._totals[kind]})")
        elif outcome.end == "failed":
            self._show_log(outcome, "failed")
        elif outcome.end == "lost":
            self._show_log(outcome, "given up: at each try it was killed, or its worker was lost")

    def table(self) -> str:
        """A table of how the stages have ended, by kind, in lines."""
        rows: list[tuple[str, ...]] = [("stage", "at hand", "computed", "failed", "skipped", "mean seconds")]
        for kind in self._totals:
            seconds = [end.seconds for end in self._ends if _kind(end.name) == kind and end.end == "done"]
            failed = self._count(kind, "failed") + self._count(kind, "lost")
            numbers = (self._found[kind], len(seconds), failed, self._count(kind, "skipped"))
            mean = f"{sum(seconds) / len(seconds):.1f}" if seconds else "-"
            rows.append((kind, *map(str, numbers), mean))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join(map(str.rjust, row, widths)) for row in rows)

    def close(self) -> None:
        """Close the bars."""
        for bar in self._bars.values():
            bar.close()

    def _show_log(self, outcome: Outcome, what: str) -> None:
        path = _LOGS / f"{outcome.name}.log"
        with suppress(OSError):
            files.write(path, outcome.log)
        where = f" on {outcome.host}" if outcome.host else ""
        self._say(f"{outcome.name}: {what}{where}; the end of its log, which is in {path}:")
        for line in outcome.log.splitlines()[-_LINES:]:
            self._say(f"    {one_line(line)}")

    def _count(self, kind: str, end: str) -> int:
        return sum(_kind(outcome.name) == kind and outcome.end == end for outcome in self._ends)

    @staticmethod
    def _say(line: str) -> None:
        with suppress(OSError):  # a line that cannot be printed must not end the work
            tqdm.write(line)
            sys.stdout.flush()


def _kind(name: str) -> str:
    return name.partition("@")[0]
