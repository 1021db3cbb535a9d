"""The bounds of `make parity`, for the first steps on the CPU."""

import math

import torch

from benchmarks import parity
from benchmarks.parity import Difference, Setting
from tests import calls

START = ("--params", str(calls.PARAMS), "--steps", "0", "1", "10")


def test_threads_and_processes_stay_within_the_bounds():
    options = (*START, "--cases", "sine", "digits_classic", "mnist_fast")
    expected = parity.train(Setting(), *options)
    for other in (Setting(threads=2), Setting(processes=2)):
        found = parity.differences(expected, parity.train(other, *options))
        assert len(found) == 9
        assert not [difference for difference in found if difference.too_great]


def test_two_processes_compute_what_one_does_as_float64_shows():
    options = (*START, "--cases", "mnist_fast")
    expected = parity.train(Setting(double=True), *options)
    found = parity.differences(expected, parity.train(Setting(processes=2, double=True), *options))
    assert len(found) == 3
    assert not [difference for difference in found if difference.too_great]
    assert any(difference.losses > 0 for difference in found)


def test_differences_are_relative_to_the_greatest_of_a_tensor():
    expected = {
        "sine/1/losses": torch.tensor([2.0, 0.5]),
        "sine/1/generator.a": torch.tensor([0.0, -4.0]),
        "sine/1/discriminator.b": torch.tensor([1.0, 1.0]),
    }
    found = {name: tensor.clone() for name, tensor in expected.items()}
    assert parity.same(expected, found)
    found["sine/1/losses"][1] += 0.125
    found["sine/1/generator.a"][0] = 2.0
    assert parity.differences(expected, found) == [Difference("sine", 1, False, 0.25, 0.5)]
    assert not parity.same(expected, found)
    found["sine/1/discriminator.b"][0] = math.nan
    (difference,) = parity.differences(expected, found)
    assert difference.weights == math.inf
    assert difference.too_great


def test_the_start_must_be_the_same():
    assert Difference("mnist_fast", 0, False, 0.0, 1e-9).too_great
    assert not Difference("mnist_fast", 0, True, 0.0, 0.0).too_great
