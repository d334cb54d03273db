"""Checkpoints of Ultralytics' own networks with random weights, made once into the cache.

They cost what trained ones do. Batch normalisation gets the statistics of noise, so that values
neither die away nor grow on their way through the layers.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click

from fearrefactor.cli.environment import read_environment
from fearrefactor.vision.catalog import cache_dir
from fearrefactor.vision.coco import COCO_CLASSES

NAMES = ("yolo26n-seg", "yolo11n-seg")


def random_weights(name: str) -> Path:
    """The file of ``yolo26n-seg`` or ``yolo11n-seg``, made if it is not there."""
    folder = cache_dir(os.environ) / "benchmarks" / "weights"
    path = folder / f"{name}.pt"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as within:
            written = Path(within, path.name)
            _write(name, written)
            written.replace(path)
    return path


def _write(name: str, path: Path) -> None:
    import torch
    from ultralytics import YOLO

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = YOLO(f"{name}.yaml", task="segment")
        network = model.model.train()
        with torch.no_grad():
            for _ in range(20):
                network(torch.rand(1, 3, 384, 640))
        network.eval()
        network.names = dict(enumerate(COCO_CLASSES))
        model.save(path)


@click.command()
@click.argument("names", nargs=-1)
def main(names: tuple[str, ...]) -> None:
    """Make checkpoints and say where they are."""
    read_environment()  # Ultralytics is to phone nobody
    for name in names or NAMES:
        print(random_weights(name))


if __name__ == "__main__":
    main()
