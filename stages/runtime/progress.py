"""How a long stage shows that it moves: on a terminal a bar with rate and time left, else plain lines."""

from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, TypeVar

from tqdm import tqdm

from stages.runtime import signals
from stages.runtime.errors import say

T = TypeVar("T")
S = TypeVar("S", bound=Sized)


def bar(total: int, unit: str, done: int = 0) -> "tqdm[Any]":
    """A bar that is updated by hand, within a ``with`` block; off a terminal it does nothing.

    Args:
        total: how many there will be.
        unit: what one is called.
        done: how many there are already.
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
    """Pass ``items`` on; what the last one says stands beside a bar, or off a terminal in a line.

    Args:
        items: what is waited for, such as the epochs of a training.
        shown: the bar; it is not updated.
        total: how many items there will be.
        unit: what one is called.
        describe: a few words on an item.
        every: off a terminal, a line is printed for every such item, and for the last.
        done: how many have passed before ``items``.
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
    """Pass ``items`` on, showing how many of ``total`` have passed and what the last one says.

    The arguments are those of :func:`announce`.
    """
    with bar(total, unit, done) as shown:
        for item in announce(items, shown, total, unit, describe, every, done):
            shown.update()
            yield item


def track_blocks(blocks: Iterable[S], total: int, unit: str) -> Iterator[S]:
    """Pass ``blocks`` on, showing how many of ``total`` things are in those that have passed; no lines."""
    with bar(total, unit) as shown:
        for block in blocks:
            signals.raise_if_stopped()
            shown.update(len(block))
            yield block
