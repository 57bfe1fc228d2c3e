"""Overfitting, seen and avoided: the gap between training and validation loss with and without dropout.

From the notes 首先学习了基本框架, section 避免 overfitting with dropout. A network that is too large
for its few images learns them by heart, with the fifth of the labels that is wrong here: its training loss
goes to 0, its validation loss grows. With dropout it cannot rely on any one feature.
"""
import matplotlib.pyplot as plt
import numpy as np
from _common import start, wrote
from tqdm import tqdm

from minigrad.vision.digits import load_digits

torch, options = start(__doc__, epochs=60, images=300)
nn = torch.nn
TensorDataset, DataLoader = torch.utils.data.TensorDataset, torch.utils.data.DataLoader

images, labels = load_digits()
few, many = slice(0, options.images), slice(1000, None)
random = np.random.RandomState(options.seed)
wrong = random.rand(options.images) < 0.2       # of the labels to train with, not of those to validate
labels[few][wrong] = random.randint(0, 10, wrong.sum())
x = torch.from_numpy(images.reshape(-1, 64) / 16).to(options.device, options.dtype)
y = torch.from_numpy(labels).to(options.device)


def mlp(p):
    return nn.Sequential(
        nn.Linear(64, 256), nn.ReLU(), nn.Dropout(p),
        nn.Linear(256, 256), nn.ReLU(), nn.Dropout(p),
        nn.Linear(256, 10)).to(options.device)


def evaluate(model, part):
    """Loss and accuracy with dropout off: else both curves would be those of another, weaker network."""
    model.eval()
    with torch.no_grad():
        logits = model(x[part])
        loss = nn.functional.cross_entropy(logits, y[part]).item()
    return loss, (logits.argmax(dim=1) == y[part]).sum().item() / len(logits)


def train(p):
    """The rows (training loss, validation loss, validation accuracy) of all epochs."""
    torch.manual_seed(options.seed)
    model = mlp(p)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    loader = DataLoader(TensorDataset(x[few], y[few]), batch_size=30, shuffle=True)
    rows = []
    for _ in tqdm(range(options.epochs), desc=f"dropout {p}"):
        model.train()
        for images, labels in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        rows.append([evaluate(model, few)[0], *evaluate(model, many)])
    return rows


figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
for axis, p in zip(axes, (0.0, 0.6)):
    rows = train(p)
    for epoch in range(19, options.epochs, 20):
        training, validation, accuracy = rows[epoch]
        print(f"dropout {p}, epoch {epoch + 1:3}: train loss {training:.4f}, val loss {validation:.4f}, "
              f"gap {validation - training:.4f}, val accuracy {100 * accuracy:.2f}%")
    epochs = range(1, options.epochs + 1)
    training, validation, _ = zip(*rows)
    axis.plot(epochs, training, label="training")
    axis.plot(epochs, validation, label="validation")
    axis.fill_between(epochs, training, validation, alpha=0.15, label="gap")
    axis.set(title=f"dropout {p}", xlabel="epoch", ylim=(0, 3))
    axis.legend()
axes[0].set_ylabel("cross entropy")
figure.tight_layout()
figure.savefig(options.out / "gap.png")
wrote(options.out / "gap.png")
