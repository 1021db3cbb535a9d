import pytest
import torch

from stages.gan.core import history
from stages.gan.core.history import Epoch
from stages.runtime.errors import UserError


def test_a_history_survives_its_files(tmp_path):
    epochs = [Epoch(n, 0.5 * n, 0.25, 0.75, 0.125, torch.full((4, 2), float(n))) for n in (1, 2)]
    losses, previews = tmp_path / "a" / "losses.csv", tmp_path / "b" / "previews.npy"
    history.save(epochs, [torch.ones(4, 2), *(epoch.preview for epoch in epochs)], losses, previews)
    assert losses.read_text() == (
        "epoch,loss_d,loss_g,d_real,d_fake\n1,0.5,0.25,0.75,0.125\n2,1,0.25,0.75,0.125\n"
    )
    first, again = history.load(losses, previews)
    assert torch.equal(first, torch.ones(4, 2))
    assert [(e.number, history.metrics(e)) for e in again] == [(e.number, history.metrics(e)) for e in epochs]
    assert all(torch.equal(a.preview, b.preview) for a, b in zip(again, epochs, strict=True))


def test_damaged_files_are_named(tmp_path):
    with pytest.raises(UserError, match=r"losses\.csv: not a readable history"):
        history.load(tmp_path / "losses.csv", tmp_path / "previews.npy")
    (tmp_path / "losses.csv").write_text("epoch,loss_d\n1,0.5\n")
    (tmp_path / "previews.npy").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="run the train stage"):
        history.load(tmp_path / "losses.csv", tmp_path / "previews.npy")


def test_distances_are_a_column_where_they_were_measured(tmp_path):
    epochs = [Epoch(n, 0.5, 0.25, 0.75, 0.125, torch.zeros(4, 2), far) for n, far in ((1, None), (2, 0.5))]
    losses, previews = tmp_path / "losses.csv", tmp_path / "previews.npy"
    history.save(epochs, [torch.ones(4, 2), *(epoch.preview for epoch in epochs)], losses, previews)
    assert losses.read_text() == (
        "epoch,loss_d,loss_g,d_real,d_fake,distance\n1,0.5,0.25,0.75,0.125,\n2,0.5,0.25,0.75,0.125,0.5\n"
    )
    _, again = history.load(losses, previews)
    assert [epoch.distance for epoch in again] == [None, 0.5]
    losses.write_text(losses.read_text().replace("0.125,0.5", "0.125,inf"))
    with pytest.raises(UserError, match="a number is not finite"):
        history.load(losses, previews)
