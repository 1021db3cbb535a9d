import pytest
import torch
from torch import nn

from stages.gan.core.layers import Dropout
from stages.gan.core.randomness import RandomRows
from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.base.registry import get_network


@pytest.mark.parametrize(("whole", "shape"), [(None, (6, 3, 4, 4)), (2, (6, 3, 4, 4)), (None, (6, 3))])
def test_dropout_draws_for_whole_batches_of_which_a_process_takes_its_rows(whole, shape):
    def dropped(rows: slice) -> torch.Tensor:
        layer = Dropout(0.5, whole)
        layer.random = RandomRows(random_generator(3, "m"), rows)
        return layer(torch.ones(shape)[rows])

    everything = dropped(slice(0, None, 1))
    assert torch.equal(dropped(slice(1, None, 2)), everything[1::2])
    assert set(everything.unique().tolist()) == {0.0, 2.0}
    if whole == 2:
        assert (everything.flatten(2).amax(2) == everything.flatten(2).amin(2)).all()
    assert torch.equal(Dropout(0.5, whole).eval()(everything), everything)


def test_contiguous_in_memory_is_what_the_optimizer_needs(write_custom):
    write_custom(
        "import torch\nfrom torch import nn\n\ndef other_discriminator(shape):\n"
        "  made = nn.Linear(64, 1)\n  made.weight = nn.Parameter(torch.zeros(64, 1).t())\n"
        "  return nn.Sequential(nn.Flatten(), made, nn.Linear(1, 1))\n"
    )
    made = get_network("discriminator", "other")(shape=(1, 8, 8), weights=random_generator(1, "d"))
    assert all(parameter.is_contiguous() for parameter in made.parameters())
    assert isinstance(made.network[1], nn.Linear)
