"""Trains two small PyTorch networks: digits as an exported program, wines as a Python file. Run in an environment with the extra.

python train_torch.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits, load_wine
from torch import nn

WINE = '''
from pathlib import Path

import torch
from torch import nn


def build():
    """The trained network, 13 measurements to 3 growers."""
    model = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3), nn.Softmax(1))
    model.load_state_dict(torch.load(Path(__file__).with_name("wine.pt"), weights_only=True))
    return model


def no_network():
    return 3
'''


def split(inputs, labels):
    held_out = np.arange(len(inputs)) % 3 == 2
    return inputs[~held_out], labels[~held_out], inputs[held_out], labels[held_out]


def train(model, x, y, steps):
    """Adam on all samples at once; the last layer is a softmax."""
    inputs, truth = torch.from_numpy(x), torch.from_numpy(y)
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(steps):
        optimiser.zero_grad()
        nn.functional.nll_loss(torch.log(model(inputs) + 1e-7), truth).backward()
        optimiser.step()
    return model.eval()


def digits(folder):
    raw = load_digits()
    images = (raw.images / 16).astype(np.float32)[:, np.newaxis]
    x, y, test, truth = split(images, raw.target)
    head = [nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU()]
    model = train(nn.Sequential(*head, nn.Conv2d(16, 10, 2), nn.Flatten(), nn.Softmax(1)), x, y, 60)
    torch.export.save(torch.export.export(model, (torch.zeros(1, 1, 8, 8),)), folder / "digits.pt2")
    np.save(folder / "digits.calibration.npy", x[:200])
    np.save(folder / "digits.test.npy", test)
    np.save(folder / "digits.labels.npy", truth)


def wine(folder):
    raw = load_wine()
    scaled = ((raw.data - raw.data.mean(0)) / raw.data.std(0)).astype(np.float32)
    x, y, test, truth = split(scaled, raw.target)
    layers = (nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3), nn.Softmax(1))
    torch.save(train(nn.Sequential(*layers), x, y, 100).state_dict(), folder / "wine.pt")
    (folder / "wine.py").write_text(WINE)
    np.save(folder / "wine.calibration.npy", x)
    np.savez(folder / "wine.npz", inputs=test, labels=truth)


class Sorted(nn.Module):
    """An operator that modules have not."""

    def forward(self, x):
        return torch.sort(x, dim=1).values


def unsupported(folder):
    torch.export.save(torch.export.export(Sorted(), (torch.zeros(1, 13),)), folder / "sorted.pt2")


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(1)
    for write in (digits, wine, unsupported):
        write(Path(sys.argv[1]))
