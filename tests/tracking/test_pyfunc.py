import numpy as np
import pandas as pd
import pytest
import torch
from mlflow.exceptions import MlflowException

from stages.gan.core import numbering, weights
from stages.gan.core.conditional import Conditional, with_classes
from stages.gan.networks.base import sampling
from stages.gan.networks.base.sampling import Sampler
from stages.gan.networks.mlp import MlpGenerator
from stages.tracking import pyfunc

SEED, LATENT = 7, 3
COUNTS = [30, 0, 10]  # training samples of each class; none of class 1


@pytest.fixture(params=[(2,), (1, 8, 8)], ids=["points", "images"])
def generator(request) -> torch.nn.Module:
    noise = torch.Generator().manual_seed(1)
    return MlpGenerator(LATENT, [16], request.param, noise).eval()


@pytest.fixture
def model(generator) -> pyfunc.Model:
    return pyfunc.Model(generator, SEED, threads=2)


def test_a_seed_gives_the_runs_sample_of_this_number(model, generator):
    whole = torch.cat(list(Sampler(generator, SEED).samples(1500))).numpy()
    seeds = [1234, 0, 999, 0]
    drawn = model.predict(pd.DataFrame({"seed": seeds}))
    assert drawn.dtype == whole.dtype
    np.testing.assert_array_equal(drawn, whole[seeds])


@pytest.mark.parametrize("kind", [list, np.array, tuple])
def test_a_latent_point_gives_its_sample(model, generator, kind):
    points = torch.randn(2100, LATENT, generator=torch.Generator().manual_seed(2))
    drawn = model.predict(pd.DataFrame({"latent": [kind(row) for row in points.tolist()]}))
    expected = sampling.draw(generator, points).numpy()
    assert (drawn.shape, drawn.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(
        drawn.astype(float), expected.astype(float), atol=1.0 if drawn.ndim == 4 else 1e-5
    )


def test_numbers_may_be_whole(model):
    whole = model.predict(pd.DataFrame({"latent": [[0, 1, -2]]}))
    np.testing.assert_array_equal(whole, model.predict(pd.DataFrame({"latent": [[0.0, 1.0, -2.0]]})))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "0 rows of neither"),
        ({"seed": []}, "0 rows of seed"),
        ({"x": [1, 2]}, "2 rows of neither"),
        ({"seed": [0], "latent": [[0.0] * LATENT]}, "1 row of seed and latent"),
        ({"seed": [3, -1]}, "seed: -1 is below 0"),
        ({"latent": [[0.0] * 2]}, "3 numbers in a row are wanted, not 2"),
        ({"latent": [0.5]}, "3 numbers in a row are wanted, not 1"),
        ({"latent": [[[0.0] * LATENT]]}, "3 numbers in a row are wanted, not 1 x 3"),
        ({"latent": [[0.0] * LATENT, [0.0]]}, "3 numbers in a row are wanted, and"),
        ({"latent": [["a"] * LATENT]}, "3 numbers in a row are wanted, and"),
        ({"latent": [{"a": 1}]}, "3 numbers in a row are wanted, and"),
        ({"latent": [[0.0, 0.0, float("nan")]]}, "not all of these are finite"),
        ({"latent": [[0.0, 0.0, None]]}, "not all of these are finite"),
        ({"latent": [[0.0, 0.0, 1e300]]}, "not all of these are finite"),
    ],
)
def test_what_it_cannot_draw_of_is_refused(model, data, words):
    with pytest.raises(MlflowException, match=words) as caught:
        model.predict(pd.DataFrame(data))
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"
    assert caught.value.get_http_status_code() == 400


@pytest.fixture
def told() -> Conditional:
    """A generator of images that is told the class."""
    noise = torch.Generator().manual_seed(1)
    return Conditional(MlpGenerator(LATENT + len(COUNTS), [16], (1, 8, 8), noise), COUNTS).eval()


@pytest.fixture
def conditional(told) -> pyfunc.Model:
    return pyfunc.Model(told, SEED, threads=2)


def test_a_seed_alone_gives_the_sample_of_its_own_class(conditional, told):
    whole = torch.cat(list(Sampler(told, SEED).samples(1100))).numpy()
    seeds = [1050, 0, 999]
    np.testing.assert_array_equal(conditional.predict(pd.DataFrame({"seed": seeds})), whole[seeds])


def test_a_class_beside_a_seed_gives_the_sample_of_this_class(conditional, told):
    seeds = [3, 1001, 3, 0]
    for label in (0, 2):
        drawn = conditional.predict(pd.DataFrame({"seed": seeds, "class": [label] * 4}))
        assert drawn.shape == (4, 1, 8, 8)
        np.testing.assert_array_equal(drawn, Sampler(told, SEED, label).numbered(seeds).numpy())
    mixed = conditional.predict(pd.DataFrame({"seed": seeds, "class": [0, 2, 2, 0]}))
    np.testing.assert_array_equal(mixed, Sampler(told, SEED).numbered(seeds, [0, 2, 2, 0]).numpy())
    assert (mixed[0] != mixed[2]).any()
    own = numbering.labels(COUNTS, SEED, (1, 8, 8), 1002)[seeds].tolist()
    np.testing.assert_array_equal(
        conditional.predict(pd.DataFrame({"seed": seeds, "class": own})),
        conditional.predict(pd.DataFrame({"seed": seeds})),
    )


def test_a_latent_point_may_have_its_class_beside_it_or_shares_behind_it(conditional, told):
    points = torch.randn(2, LATENT, generator=torch.Generator().manual_seed(2))
    drawn = conditional.predict(pd.DataFrame({"latent": points.tolist(), "class": [2, 0]}))
    behind = with_classes(points, torch.tensor([2, 0]), len(COUNTS))
    np.testing.assert_array_equal(drawn, sampling.draw(told, behind).numpy())
    np.testing.assert_array_equal(drawn, conditional.predict(pd.DataFrame({"latent": behind.tolist()})))
    behind[:, LATENT:] = torch.tensor([0.5, 0.0, 0.5])
    shares = conditional.predict(pd.DataFrame({"latent": behind.tolist()}))
    np.testing.assert_array_equal(shares, sampling.draw(told, behind).numpy())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"seed": [0, 1], "class": [0, 1]}, "class: 1 is not one of 0, 2"),
        ({"seed": [0], "class": [3]}, "class: 3 is not one of 0, 2"),
        ({"seed": [0], "class": [-1]}, "class: -1 is not one of 0, 2"),
        ({"seed": [0, 1], "class": [0, None]}, "class: nan is not one of 0, 2"),
        ({"seed": [0], "class": [0.5]}, "class: 0.5 is not one of 0, 2"),
        ({"seed": [0], "class": ["2"]}, "class: 2 is not one of 0, 2"),
        ({"seed": [0], "class": [[2]]}, "is not one of 0, 2"),
        ({"class": [0]}, "1 row of neither"),
        ({"latent": [[0.0] * LATENT]}, "6 numbers in a row are wanted, not 3"),
        ({"latent": [[0.0] * 6], "class": [0]}, "3 numbers in a row are wanted, not 6"),
    ],
)
def test_a_class_that_is_not_there_is_refused(conditional, data, words):
    with pytest.raises(MlflowException, match=words) as caught:
        conditional.predict(pd.DataFrame(data))
    assert caught.value.get_http_status_code() == 400


def test_a_class_is_refused_where_the_generator_takes_none(model):
    with pytest.raises(MlflowException, match="class: the generator is not conditional") as caught:
        model.predict(pd.DataFrame({"seed": [0], "class": [0]}))
    assert caught.value.get_http_status_code() == 400


def test_the_process_keeps_its_number_of_threads(generator):
    before = torch.get_num_threads()
    other = pyfunc.Model(generator, SEED, threads=before % 2 + 1)
    assert torch.get_num_threads() == before
    other.predict(pd.DataFrame({"seed": [0]}))
    with pytest.raises(MlflowException):
        other.predict(pd.DataFrame({"seed": [-1]}))
    assert torch.get_num_threads() == before


def test_it_is_loaded_from_a_file_or_refuses(generator, model, tmp_path):
    path = tmp_path / "generator.safetensors"
    weights.save(path, generator, {"experiment": "sine", "seed": SEED, "device": "cpu"})
    loaded = pyfunc._load_pyfunc(str(path), {"device": "cpu", "threads": 2})
    rows = pd.DataFrame({"seed": [0, 1]})
    np.testing.assert_array_equal(loaded.predict(rows), model.predict(rows))
    with pytest.raises(MlflowException, match="device: abacus is not available"):
        pyfunc._load_pyfunc(str(path), {"device": "abacus", "threads": 2})
    told = Conditional(MlpGenerator(LATENT + 3, [16], (2,), torch.Generator().manual_seed(1)), COUNTS)
    weights.save(path, told, {"experiment": "sine", "seed": SEED, "device": "cpu"})
    loaded = pyfunc._load_pyfunc(str(path), {"device": "cpu", "threads": 2})
    rows = pd.DataFrame({"seed": [0, 1], "class": [2, 2]})
    np.testing.assert_array_equal(loaded.predict(rows), Sampler(told, SEED, 2).numbered([0, 1]).numpy())
    path.write_bytes(b"")
    with pytest.raises(MlflowException, match="not a readable network"):
        pyfunc._load_pyfunc(str(path), {"device": "cpu", "threads": 2})
