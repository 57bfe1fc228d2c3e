"""Tensors: made of lists and arrays, converted back, and what they know of themselves.

From "Machine Learning Notes 1" (科普视频级别的机器学习), section Tensor.
"""
import numpy as np
from _common import start

torch, options = start(__doc__)

a = [[1, 2], [3, 4]]
b = np.array([[1, 2], [3, 4]])

x = torch.tensor(a)
print(x)
print(torch.tensor(b))
print(x.clone())              # of another tensor; torch.tensor(x) does it too, and warns
print(x.numpy())              # back to a NumPy array
print(x.tolist())

# .shape, .dtype, .device
print(x.shape, x.dtype, x.device)
y = torch.tensor([[1.5, 2.5], [3.5, 4.5]], device=options.device)
print(y.shape, y.dtype, y.device.type == options.device.type)

# Conversions: of the elements' type, ...
print(x.float().dtype, x.double().dtype, y.long().dtype)
print(y.long())
print(x.to(torch.float64) / 3)
# ... and of the tensor: from_numpy and numpy() share the array's memory, tensor() copies it.
shared, copied = torch.from_numpy(b), torch.tensor(b)
b[0, 0] = 100
print(shared[0, 0], copied[0, 0])

# .requires_grad and .grad
w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True, device=options.device)
print(w.requires_grad, w.grad)
(w ** 2).sum().backward()
print(w.grad.cpu())
try:
    w.cpu().numpy()
except RuntimeError as error:
    print(str(error).splitlines()[0])
print(w.detach().cpu().numpy())
