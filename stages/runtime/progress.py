"""Progress of a long stage: on a terminal a bar with the rate and the time left, elsewhere plain lines."""

from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, TypeVar

from tqdm import tqdm

from stages.runtime import signals
from stages.runtime.errors import say

T = TypeVar("T")
S = TypeVar("S", bound=Sized)


def bar(total: int, unit: str, done: int = 0) -> "tqdm[Any]":
    """A progress bar, updated by the caller within a ``with`` block; it is only shown on a terminal.

    Args:
        total: number of items in all.
        unit: name of one item.
        done: number of items that are done already.
    """
    return tqdm(total=total, initial=done, unit=unit, disable=None, dynamic_ncols=True)


def announce(
    items: Iterable[T],
    shown: "tqdm[Any]",
    total: int,
    unit: str,
    describe: Callable[[T], str],
    every: int,
    done: int = 0,
) -> Iterator[T]:
    """Yield ``items``, and describe each: on a terminal beside the bar, elsewhere in a line.

    Args:
        items: such as the epochs of a training.
        shown: the bar; its count is left to the caller.
        total: number of items in all.
        unit: name of one item.
        describe: returns a few words on an item.
        every: elsewhere than on a terminal, only every so many items and the last one get a line.
        done: number of items that came before ``items``.
    """
    for number, item in enumerate(items, start=done + 1):
        signals.raise_if_stopped()
        if not shown.disable:
            shown.set_postfix_str(describe(item))
        elif number % every == 0 or number == total:
            say(f"{unit} {number}/{total}: {describe(item)}")
        yield item


def track(
    items: Iterable[T], total: int, unit: str, describe: Callable[[T], str], every: int, done: int = 0
) -> Iterator[T]:
    """Yield ``items``, showing how many of ``total`` are done, and describing each.

    The arguments are those of :func:`announce`.
    """
    with bar(total, unit, done) as shown:
        for item in announce(items, shown, total, unit, describe, every, done):
            shown.update()
            yield item


def track_blocks(blocks: Iterable[S], total: int, unit: str) -> Iterator[S]:
    """Yield ``blocks``, and show on a bar how many of ``total`` items were in them; no lines elsewhere."""
    with bar(total, unit) as shown:
        for block in blocks:
            signals.raise_if_stopped()
            shown.update(len(block))
            yield block
