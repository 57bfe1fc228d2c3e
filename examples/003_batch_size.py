"""Choosing the batch size: the same network, learning rate and number of epochs, in batches of 1 to 512.

From the notes 首先学习了基本框架, section 选择最佳 batch. Small batches take many noisy steps in an
epoch, large ones few; in the same time large ones see more images, for fewer steps.
"""
import time

import matplotlib.pyplot as plt
from _common import start, wrote
from tqdm import tqdm

from minigrad.vision.digits import load_digits

torch, options = start(__doc__, epochs=8, images=1000)
nn = torch.nn
TensorDataset, DataLoader = torch.utils.data.TensorDataset, torch.utils.data.DataLoader
BATCH_SIZES = [1, 4, 16, 64, 256]

images, labels = load_digits()
x = torch.from_numpy(images.reshape(-1, 64) / 16).to(options.device, options.dtype)
y = torch.from_numpy(labels).to(options.device)
train_data = TensorDataset(x[:options.images], y[:options.images])
x_val, y_val = x[-500:], y[-500:]


def train(batch_size):
    """The validation losses of all epochs, the accuracy at the end, the seconds of an epoch."""
    torch.manual_seed(options.seed)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)).to(options.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    loader = DataLoader(train_data, batch_size=batch_size, shuffle=True)
    losses, began = [], time.perf_counter()
    for _ in tqdm(range(options.epochs), desc=f"batch size {batch_size}"):
        for images, labels in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        with torch.no_grad():
            logits = model(x_val)
            losses.append(nn.functional.cross_entropy(logits, y_val).item())
    seconds = (time.perf_counter() - began) / options.epochs
    return losses, (logits.argmax(dim=1) == y_val).sum().item() / len(y_val), seconds


figure, (curves, times) = plt.subplots(1, 2, figsize=(10, 4))
found = {}
for batch_size in BATCH_SIZES:
    losses, accuracy, seconds = train(batch_size)
    found[batch_size] = losses[-1]
    steps = options.epochs * -(-options.images // batch_size)
    print(f"batch size {batch_size:3}: {steps:5} steps, val loss {losses[-1]:.4f}, "
          f"val accuracy {100 * accuracy:.2f}%")
    curves.plot(range(1, options.epochs + 1), losses, marker="o", label=str(batch_size))
    times.plot(batch_size, seconds, "o", color="tab:gray")      # (not printed: no two runs take as long)
print(f"best batch size for {options.epochs} epochs at this learning rate: {min(found, key=found.get)}")

curves.set(xlabel="epoch", ylabel="validation loss", ylim=(0, 3), title="by epoch")
curves.legend(title="batch size", loc="upper center", ncols=len(BATCH_SIZES))
times.set(xscale="log", yscale="log", xlabel="batch size", ylabel="seconds per epoch", title="its cost")
figure.tight_layout()
figure.savefig(options.out / "batch_size.png")
wrote(options.out / "batch_size.png")
