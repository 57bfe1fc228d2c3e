"""z = (x + y) * (y - 2): gradients by backward(), how they accumulate, how zero_() clears them.

From the notes AI&Pytorch基础.
"""
from _common import start

torch, options = start(__doc__)

x = torch.tensor([2.], requires_grad=True)
y = torch.tensor([3.], requires_grad=True)
z = (x + y) * (y - 2)
print(z)
z.backward()
print(x.grad)   # dz/dx = y - 2 = 1
print(y.grad)   # dz/dy = x + 2y - 2 = 6

# 继续上面的梯度并不对其清零
z1 = x*y
z1.backward()
print(x.grad)   # 1 + 3
print(y.grad)   # 6 + 2

# 清理操作
x.grad.zero_()
y.grad.zero_()
print(x.grad, y.grad)   # zeros (the notes' comments say 3 and 2: that is what the next backward() gives)
z1 = x*y                # a new graph: the old one's is freed by its backward()
z1.backward()
print(x.grad)   # dz1/dx = y = 3
print(y.grad)   # dz1/dy = x = 2
