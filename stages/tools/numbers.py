"""Lists of sample numbers on the command line."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain, groupby, pairwise

from stages.runtime.errors import UserError

MOST = 100_000_000  # at most so many samples at once


class Numbers:
    """Numbers of samples, in the order in which they are given; kept as ranges, so a million need no memory.

    Args:
        ranges: ranges that are not empty and do not overlap.
    """

    def __init__(self, ranges: Sequence[range]) -> None:
        self._ranges = ranges

    @staticmethod
    def parse(text: str) -> "Numbers":
        """Read numbers and ranges, such as ``0-63,100``; a range includes both ends.

        Raises:
            UserError: the text is something else, contains a number twice, or more than :data:`MOST` numbers.
        """
        ranges = []
        for part in text.split(","):
            ends = re.fullmatch(r"\s*([0-9]{1,18})(?:-([0-9]{1,18}))?\s*", part, re.ASCII)
            if ends is None:
                raise UserError(f"{part[:40]!r} is neither a number from 0 on nor a range; such as 0-63,100")
            first, last = int(ends[1]), int(ends[2] or ends[1])
            if last < first:
                raise UserError(f"{part[:40]} goes down; it must be {last}-{first}")
            ranges.append(range(first, last + 1))
        if sum(len(numbers) for numbers in ranges) > MOST:
            raise UserError(f"these are too many numbers; at most {MOST:,} are allowed at once")
        ordered = sorted(ranges, key=lambda numbers: numbers.start)
        for before, after in pairwise(ordered):
            if after.start < before.stop:
                raise UserError(f"{after.start} is given twice")
        return Numbers(ranges)

    def __len__(self) -> int:
        return sum(len(numbers) for numbers in self._ranges)

    def __iter__(self) -> Iterator[int]:
        return chain(*self._ranges)

    def blocks(self, size: int) -> Iterator[list[int]]:
        """Yield the numbers in lists; neighbours from the same block of ``size`` samples form a list."""
        for _, numbers in groupby(self, key=lambda number: number // size):
            yield list(numbers)
