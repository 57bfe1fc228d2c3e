"""A custom Dataset: construction, length, and one sample by its number; batches by DataLoader.

From "Machine Learning Notes 1" (科普视频级别的机器学习), section 数据载入. (Their text says _getitem_; the
method has two underscores on each side, as in their program.)
"""
from _common import start

torch, options = start(__doc__)
Dataset, DataLoader = torch.utils.data.Dataset, torch.utils.data.DataLoader


class MyDataset(Dataset):
    def __init__(self, data, labels):
        self.data = data
        self.labels = labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, idx):
        # preprocessing: types change here, not in __init__
        return self.data[idx].to(options.dtype) / 100, self.labels[idx]


data = MyDataset(torch.arange(20).view(10, 2), torch.arange(10) % 3)
print("samples:", len(data))
print("the fourth:", data[3])

size = 4
loader = DataLoader(data, batch_size=size, shuffle=True)
print("batches:", len(loader))
for epoch in range(2):
    print("epoch", epoch + 1)
    for x, y in loader:
        print(x[:, 0], y)
