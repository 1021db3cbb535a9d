import pytest

from stages.runtime.errors import counted


@pytest.mark.parametrize(
    ("count", "nouns", "wanted"),
    [
        (0, ("sample",), "0 samples"),
        (1, ("epoch",), "1 epoch"),
        (2, ("seed",), "2 seeds"),
        (1875, ("step",), "1,875 steps"),
        (1, ("class", "classes"), "1 class"),
        (10, ("class", "classes"), "10 classes"),
    ],
)
def test_a_noun_is_singular_for_one_alone(count, nouns, wanted):
    assert counted(count, *nouns) == wanted
