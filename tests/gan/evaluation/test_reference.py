import dataclasses

import pytest
import torch

from stages.gan.evaluation.distances import gaussian
from stages.gan.evaluation.reference import Reference
from stages.gan.evaluation.view import View
from stages.runtime.errors import UserError


@pytest.fixture
def reference() -> Reference:
    noise = torch.Generator().manual_seed(0)
    views = tuple(View.of(torch.randn(30, 4, generator=noise), 9) for _ in range(2))
    other = {"fid_features": gaussian(torch.randn(20, 3, generator=noise))}
    baselines = {"recall_real": 0.5, "recall_noise": 0.1}
    return Reference({"judge": "sum"}, 9, 2.5, views, other, baselines, {"density": "distances tie"})


def test_what_is_saved_is_read(reference, tmp_path):
    for name in "ab":
        reference.save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    found = Reference.load(tmp_path / "a")
    assert dataclasses.replace(found, views=(), gaussians={}) == dataclasses.replace(
        reference, views=(), gaussians={}
    )
    for there, back in zip(reference.views, found.views, strict=True):
        assert there.tensors().keys() == back.tensors().keys()
        assert all(torch.equal(there.tensors()[name], tensor) for name, tensor in back.tensors().items())
    assert torch.equal(found.gaussians["fid_features"].root, reference.gaussians["fid_features"].root)
    features = torch.randn(9, 4, generator=torch.Generator().manual_seed(1))
    assert found.views[1].compare(features, "f", "k") == reference.views[1].compare(features, "f", "k")


@pytest.mark.parametrize("content", [None, b"", b"text"])
def test_a_missing_or_damaged_file_is_named_in_a_line(content, tmp_path):
    if content is not None:
        (tmp_path / "a").write_bytes(content)
    with pytest.raises(UserError, match=r"not a readable reference .* run the reference stage") as caught:
        Reference.load(tmp_path / "a")
    assert "\n" not in str(caught.value)


def test_a_cut_file_is_named(reference, tmp_path):
    reference.save(tmp_path / "a")
    whole = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(whole[:-40])
    with pytest.raises(UserError, match="run the reference stage"):
        Reference.load(tmp_path / "a")
