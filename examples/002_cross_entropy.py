"""Cross entropy is the negative log-likelihood of log-softmax, and wants targets that are long.

From the notes 炼丹手记, section Pytorch使用CrossEntropy.
"""
from _common import start

torch, options = start(__doc__)
nn = torch.nn

output = torch.randn(4, 3, requires_grad=True)
y = torch.tensor([0, 2, 1, 1])

cross_entropy = nn.CrossEntropyLoss()(output, y)
print(f"CrossEntropyLoss:                {cross_entropy:.6f}")

log_probabilities = nn.LogSoftmax(dim=1)(output)
likelihood = nn.NLLLoss()(log_probabilities, y)
print(f"NLLLoss of LogSoftmax:           {likelihood:.6f}")

probabilities = torch.softmax(output, dim=1)
by_hand = -torch.log(probabilities[torch.arange(4), y]).mean()
print(f"-log of the right probabilities: {by_hand:.6f}")
print("equal:", torch.allclose(cross_entropy, likelihood) and torch.allclose(cross_entropy, by_hand))

# 要求输入的target都是long类型的
try:
    nn.CrossEntropyLoss()(output, y.int())
except RuntimeError as error:
    print(str(error).splitlines()[0])
print(f"after .long(): {nn.CrossEntropyLoss()(output, y.int().long()):.6f}")

# The gradient: softmax minus one at the right place, divided by the batch.
(gradient,) = torch.autograd.grad(cross_entropy, output)
expected = (probabilities - nn.functional.one_hot(y, 3)) / 4
print("gradient is (softmax - one_hot) / batch:", torch.allclose(gradient, expected))
