import torch

from stages.gan.evaluation import blocks


def test_the_order_depends_on_the_set_alone(split):
    samples = split.samples
    there, back = blocks.order(samples), blocks.order(samples.flip(0))
    assert torch.equal(samples[there], samples.flip(0)[back])
    assert sorted(there.tolist()) == list(range(len(samples)))
    assert not torch.equal(there, torch.arange(len(samples)))


def test_a_choice_is_always_the_same_and_has_none_twice():
    chosen = blocks.choice(100, 30)
    assert torch.equal(chosen, blocks.choice(100, 30))
    assert len(chosen.unique()) == 30
    assert chosen.max() < 100


def test_only_whole_blocks_count():
    numbers = torch.arange(10)
    assert [part.tolist() for part in blocks.split(numbers, 4)] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert [part.tolist() for part in blocks.split(numbers, 10)] == [numbers.tolist()]


def test_the_mean_is_taken_of_each_score():
    assert blocks.mean([{"a": 1, "b": 0.5}, {"a": 2, "b": 0.5}]) == {"a": 1.5, "b": 0.5}
