"""The reference: the training loop as tutorials write it.

A data loader transforms one image after the other, two plain Adams step, gradients flow where nobody needs
them, the discriminator ends in a sigmoid, and PyTorch's settings are as they come.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from stages.gan.core.datasets import Split
from stages.gan.core.params import Experiment


def train(split: Split, params: Experiment, device: torch.device) -> Iterator[None]:
    """Train both networks of an experiment; yield before every step, and once after the last."""
    loader = data_loader(split, params.train.batch_size)
    generator, discriminator = (network.to(device) for network in networks(params, split.shape))
    betas = (params.train.betas[0], params.train.betas[1])
    adam_d = torch.optim.Adam(discriminator.parameters(), lr=params.train.lr, betas=betas)
    adam_g = torch.optim.Adam(generator.parameters(), lr=params.train.lr, betas=betas)
    latent: int = params.generator.model_dump()["latent"]
    for _ in range(params.train.epochs):
        for real, _ in loader:
            yield
            real = real.to(device)
            latents = [torch.randn(len(real), latent).to(device) for _ in range(2)]
            step(generator, discriminator, adam_g, adam_d, real, latents[0], latents[1])
    if device.type == "cuda":
        torch.cuda.synchronize()
    yield


def step(
    generator: nn.Module,
    discriminator: nn.Module,
    adam_g: torch.optim.Optimizer,
    adam_d: torch.optim.Optimizer,
    real: Tensor,
    latents_d: Tensor,
    latents_g: Tensor,
) -> None:
    """One step of both networks on a batch of real samples and two of latent points."""
    criterion = nn.BCELoss()
    ones = torch.ones(len(real), 1, device=real.device)
    zeros = torch.zeros(len(real), 1, device=real.device)

    discriminator.zero_grad()
    fake = generator(latents_d)
    output = discriminator(torch.cat([real, fake]))
    criterion(output, torch.cat([ones, zeros])).backward()
    adam_d.step()

    generator.zero_grad()
    output = discriminator(generator(latents_g))
    criterion(output, ones).backward()
    adam_g.step()


def networks(params: Experiment, shape: Sequence[int]) -> tuple[nn.Sequential, nn.Sequential]:
    """The fully connected generator and discriminator of an experiment, for samples of a shape."""
    about_g, about_d = params.generator.model_dump(), params.discriminator.model_dump()
    assert about_g["network"] == about_d["network"] == "mlp"
    flat = torch.Size(shape).numel()
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise([about_g["latent"], *about_g["hidden"]]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    layers.append(nn.Linear(about_g["hidden"][-1], flat))
    if len(shape) == 3:
        layers.append(nn.Tanh())
    generator = nn.Sequential(*layers, nn.Unflatten(1, tuple(shape)))

    layers = [nn.Flatten()]
    for inputs, outputs in pairwise([flat, *about_d["hidden"]]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(about_d["dropout"])]
    layers += [nn.Linear(about_d["hidden"][-1], 1), nn.Sigmoid()]
    return generator, nn.Sequential(*layers)


def data_loader(split: Split, batch_size: int) -> DataLoader[tuple[Tensor, float]]:
    """Shuffled whole batches of samples as the networks see them; labels that nobody uses beside."""
    data = Pictures(split) if len(split.shape) == 3 else [(sample, 0.0) for sample in split.samples]
    return DataLoader(data, batch_size=batch_size, shuffle=True, drop_last=True)  # type: ignore[arg-type]


class Pictures(Dataset[tuple[Tensor, float]]):
    """Images that are transformed one by one, whenever they are asked for, as torchvision's data sets do."""

    def __init__(self, split: Split) -> None:
        from torchvision import transforms

        self.images = split.samples.numpy()
        scale = transforms.Normalize((0.5,), (0.5,))
        self.transform = transforms.Compose([transforms.ToTensor(), scale])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, float]:
        return self.transform(Image.fromarray(self.images[index, 0])), 0.0
