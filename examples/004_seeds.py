"""Fixing seeds: the same numbers every time, so that two trainings can be compared; and a run that goes on.

From the notes AI&Pytorch基础, section PS: 指定随机种子. A seed fixes weights, dropout and the order of the
data together: to compare two models, seed before each. A stopped run needs the random states as well.
"""
import random

import numpy as np
from _common import start, wrote
from tqdm import tqdm

torch, options = start(__doc__, epochs=4)
nn = torch.nn
TensorDataset, DataLoader = torch.utils.data.TensorDataset, torch.utils.data.DataLoader


def fix(seed):
    """Python's, NumPy's and the library's (torch.lightning.seed_everything does just this)."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def build():
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 1)).to(options.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.003, momentum=0.9)
    x = torch.from_numpy(np.linspace(-1, 1, 96 * 4).reshape(96, 4)).to(options.device, options.dtype)
    loader = DataLoader(TensorDataset(x, x.sum(dim=1, keepdim=True) ** 2), batch_size=8, shuffle=True)
    return model, optimizer, loader


def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


def train(path=None, stop_at=None):
    """The losses of all steps. With a path the run is kept there: it goes on where an earlier one stopped."""
    model, optimizer, loader = build()
    losses = []
    run = torch.Run(path, loader=loader, model=model, optimizer=optimizer, losses=losses, every=1)
    if path is not None and run.resume():
        print(f"goes on in epoch {run.epoch + 1}, after batch {run.step}")
    for _ in tqdm(run.epochs(options.epochs), total=options.epochs, initial=run.epoch):
        for x, y in run.batches():
            losses.append(step(model, optimizer, x, y))
            if len(losses) == stop_at:
                return losses
    return losses


fix(options.seed)
first = train()
print(f"first:     {first[0]:.6f} {first[1]:.6f} ... {first[-1]:.6f}")
other = train()
print(f"not fixed: {other[0]:.6f} {other[1]:.6f} ... {other[-1]:.6f}")
fix(options.seed)
again = train()
print(f"fixed:     {again[0]:.6f} {again[1]:.6f} ... {again[-1]:.6f}")
print("the same to the last bit:", first == again, first == other)

# Stopped amid the second epoch; then a new process would do what these lines do.
path = options.out / "run.ckpt"
path.unlink(missing_ok=True)
fix(options.seed)
train(path, stop_at=len(first) // options.epochs + 5)
fix(12345)      # whatever has been drawn in between: the file knows better
resumed = train(path)
print("resumed, the same to the last bit:", first == resumed)
wrote(path)
