import pytest

from stages.runtime.errors import UserError
from stages.tools.numbers import Numbers


def test_numbers_and_ranges_come_in_the_order_they_are_named():
    numbers = Numbers.parse("5-8, 2,1000")
    assert list(numbers) == [5, 6, 7, 8, 2, 1000]
    assert len(numbers) == 6


def test_blocks_are_neighbours_of_the_same_block():
    assert list(Numbers.parse("8-12,13,3").blocks(10)) == [[8, 9], [10, 11, 12, 13], [3]]


def test_a_million_are_no_list():
    numbers = Numbers.parse("1-90000000")
    assert len(numbers) == 90_000_000
    assert next(numbers.blocks(1000)) == list(range(1, 1000))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "neither a number"),
        ("a", "'a' is neither a number"),
        ("-3", "neither a number"),
        ("1.5", "neither a number"),
        ("1,,2", "'' is neither"),
        ("٣", "neither a number"),
        ("9-3", "9-3 goes down; it must be 3-9"),
        ("0-9,5", "5 is given twice"),
        ("7,7", "7 is given twice"),
        ("0-99999999999", "too many numbers; at most 100,000,000"),
        ("1" * 30, "neither a number"),
    ],
)
def test_anything_else_is_refused(text, words):
    with pytest.raises(UserError, match=words):
        Numbers.parse(text)
