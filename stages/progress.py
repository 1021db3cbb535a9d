"""How a long stage shows that it moves: a bar on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

from stages import ending
from stages.gan.errors import tell

T = TypeVar("T")


def show(
    items: Iterable[T], total: int, unit: str, describe: Callable[[T], str], every: int, done: int = 0
) -> Iterator[T]:
    """Pass ``items`` on, showing how many of ``total`` have passed and what the last one says.

    Args:
        items: what is waited for, such as the epochs of a training.
        total: how many there will be.
        unit: what one is called.
        describe: a few words on an item.
        every: off a terminal, a line is printed for every such item, and for the last.
        done: how many have passed before ``items``.
    """
    with tqdm(total=total, initial=done, unit=unit, disable=None, dynamic_ncols=True) as bar:
        for number, item in enumerate(items, start=done + 1):
            ending.check()
            bar.update()
            if not bar.disable:
                bar.set_postfix_str(describe(item))
            elif number % every == 0 or number == total:
                tell(f"{unit} {number}/{total}: {describe(item)}")
            yield item
