"""Log runs through the outbox as a training does, only faster: ``python -m benchmarks.writer FOLDER``.

A run for each line of the standard input, which is its name; ``done`` is printed when all of it is in the
store that MLFLOW_TRACKING_URI names, and once before, when the store answers.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from stages.tracking import outbox
from stages.tracking.messages import FindRun
from stages.tracking.store import Store

EXPERIMENT = "writers"
LOSSES = ("loss_d", "loss_g", "d_real", "d_fake")
EPOCHS = 300


def value(epoch: int) -> float:
    """Of each loss after an epoch."""
    return epoch / 7


def write(folder: Path) -> None:
    """Log what is asked for; the outbox, and what is logged as files, are in a folder."""
    colours = np.random.default_rng(1).integers(0, 256, (15, 20, 3), np.uint8)
    picture = colours.repeat(16, axis=0).repeat(16, axis=1)  # it can be compressed, as those of trainings
    files = [folder / f"{name}.safetensors" for name in ("generator", "discriminator")]
    for file, size in zip(files, (3_000, 170_000), strict=True):
        file.write_bytes(b"\1" * size)
    with Store("", folder / "outbox", patient=True) as store:
        for name in _asked(store):
            with store.start(EXPERIMENT, name, {"seed": "1"}, {"train.lr": 0.001}) as run:
                for epoch in range(1, EPOCHS + 1):
                    run.log_metrics(dict.fromkeys(LOSSES, value(epoch)), step=epoch)
                    if epoch % 20 == 0:
                        run.log_image("preview", picture, step=epoch)
                    if epoch % 100 == 0:
                        run.log_files(f"checkpoints/epoch-{epoch:04d}", *files)
            while any(map(outbox.unsent, store.outbox.journals())):
                _ = run.run_id  # asked for it, the other process sends all that there is
                time.sleep(0.01)


def _asked(store: Store) -> Iterator[str]:
    while store.ask(FindRun(experiment=EXPERIMENT, tag="seed", value="none")) is None:
        time.sleep(0.1)
    print("done", flush=True)
    for line in sys.stdin:
        yield line.strip()
        print("done", flush=True)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
