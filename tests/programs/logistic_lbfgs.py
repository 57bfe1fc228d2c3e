"""Multinomial logistic regression by L-BFGS: a closure, a penalty, features made by hand."""
import numpy as np
import torch
import torch.nn as nn

np.random.seed(7)
torch.manual_seed(7)
N, D, C = 90, 3, 3

# Three noisy spirals, and their features: powers and products.
X = np.zeros((N, 2))
y = np.zeros(N, dtype="int64")
for j in range(C):
    ix = range(N // C * j, N // C * (j + 1))
    r = np.linspace(0.1, 1, N // C)
    t = np.linspace(j * 4, (j + 1) * 4, N // C) + np.random.randn(N // C) * 0.2
    X[ix] = np.c_[r * np.sin(t), r * np.cos(t)]
    y[ix] = j
X = torch.tensor(X, dtype=torch.get_default_dtype())
y = torch.from_numpy(y)
radius = X.norm(dim=1, keepdim=True)
angle = torch.atan2(X[:, 0], X[:, 1]).unsqueeze(-1)
features = torch.cat([X, X ** 2, X.prod(1, keepdim=True), radius, torch.sin(2 * angle), torch.cos(2 * angle),
                      radius * angle], dim=1)
features = (features - features.mean(0)) / features.std(0)
perm = torch.randperm(N)
train, test = perm[:70], perm[70:]

model = nn.Linear(features.shape[1], C)
torch.nn.init.zeros_(model.weight)
model.bias.data.zero_()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.LBFGS(model.parameters(), lr=1, max_iter=4, history_size=10,
                              tolerance_grad=1e-12, tolerance_change=1e-14, line_search_fn="strong_wolfe")
calls = 0
losses = []
for step in range(20):
    def closure():
        global calls
        calls += 1
        if torch.is_grad_enabled():
            optimizer.zero_grad()
        loss = criterion(model(features[train]), y[train])
        l2 = 1e-3 * sum((p ** 2).sum() for p in model.parameters())
        loss = loss + l2
        if loss.requires_grad:
            loss.backward()
        return loss

    loss = optimizer.step(closure)
    losses.append(loss.item())
    if step % 5 == 0:
        grad_norm = torch.cat([p.grad.view(-1) for p in model.parameters()]).norm()
        print(f"step {step:2d}  loss {loss:.8f}  |g| {grad_norm:.3f}  calls {calls}")

with torch.no_grad():
    probs = torch.softmax(model(features[test]), dim=1)
    confidence, predicted = probs.max(dim=1)
    print("accuracy", (predicted == y[test]).float().mean().item())
    confusion = torch.zeros(C, C, dtype=torch.int64)
    for t, p in zip(y[test], predicted):
        confusion[t, p] += 1
    print(confusion)
    print(confidence.sort(descending=True).values[:5])
print(list(model.parameters())[1])
