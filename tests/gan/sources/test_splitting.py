import torch

from stages.gan.core.source import held_out, limited
from stages.gan.sources.splitting import split_rows


def test_a_fifth_is_held_out_and_one_of_each_class():
    assert [held_out(count) for count in (10, 11, 15, 16)] == [2, 3, 3, 4]
    assert held_out(10, classes=4) == 4


def test_a_limit_takes_no_more_than_there_are():
    assert limited((60, 10), None) == (60, 10)
    assert limited((60, 10), 20) == (20, 10)
    assert limited((60, 10), 5) == (5, 5)


def test_every_row_is_in_one_split_in_a_random_order():
    train, test = split_rows(100, None, 1)
    assert (len(train), len(test)) == (80, 20)
    assert sorted(torch.cat([train, test]).tolist()) == list(range(100))
    assert train.tolist() != sorted(train.tolist())


def test_the_split_depends_on_the_seed_alone():
    (first, _), (again, _), (other, _) = (split_rows(50, None, seed) for seed in (2**40 + 1, 2**40 + 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_each_class_is_held_out_alike():
    labels = torch.tensor([0] * 50 + [1] * 30 + [2] * 20)
    train, test = split_rows(100, labels, 1)
    assert labels[test].bincount().tolist() == [10, 6, 4]
    assert labels[train].bincount().tolist() == [40, 24, 16]
