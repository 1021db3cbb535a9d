"""Where randomness comes from: one generator for each use, none from PyTorch's global one."""

import hashlib

import torch


def generator(seed: int, *use: str | int, device: str | torch.device = "cpu") -> torch.Generator:
    """A random generator that depends on ``seed`` and the name of its ``use`` alone.

    Two uses never share a stream, so adding a use, or drawing more in one, changes no other. Drawing on
    the CPU (the default) gives every device the same numbers.

    Args:
        seed: the run's seed.
        use: what it is for, such as ``("latent", epoch)``; its parts are joined by slashes.
        device: where its tensors will be drawn.
    """
    name = "/".join(map(str, (seed, *use)))
    digest = hashlib.sha256(name.encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)
