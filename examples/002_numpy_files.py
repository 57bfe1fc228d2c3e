"""Data from .npy and .npz files: np.load, torch.from_numpy, then .float() and .long().

From the notes 炼丹手记, section Pytorch读取Numpy. (In their class the line of `def` is indented by a tab and
its body by spaces: Python raises TabError. Its tensors are local variables; file_path comes from nowhere.)
"""
import numpy as np
from _common import start, wrote

from minigrad.vision.digits import load_digits

torch, options = start(__doc__)
Dataset, DataLoader = torch.utils.data.Dataset, torch.utils.data.DataLoader

images, labels = load_digits()
np.save(options.out / "images.npy", images)
np.savez_compressed(options.out / "digits.npz", images=images, labels=labels)
wrote(options.out / "images.npy")
wrote(options.out / "digits.npz")


class ExampleDataset(Dataset):
    def __init__(self, file_path):
        arrays = np.load(file_path)
        self.data = torch.from_numpy(arrays["images"]).float()
        # 类似的，还可以是
        self.long = torch.from_numpy(arrays["labels"]).long()

    def __len__(self):
        return len(self.long)

    def __getitem__(self, index):
        return self.data[index], self.long[index]


array = np.load(options.out / "images.npy")
tensor = torch.from_numpy(array)
print("numpy:", array.dtype, array.shape, "torch:", tensor.dtype, tensor.shape)
array[0, 0, 0] = 16
print("one memory for both:", tensor[0, 0, 0].item())
copy = tensor.float()
array[0, 0, 0] = 0
print("its own after a conversion:", copy[0, 0, 0].item())

dataset = ExampleDataset(options.out / "digits.npz")
x, y = dataset[0]
print(x.dtype, x.shape, y.dtype, y)
print(x.long())

x, y = next(iter(DataLoader(dataset, batch_size=100)))
loss = torch.nn.CrossEntropyLoss()(torch.nn.Flatten()(x)[:, :10], y)      # long targets: what the loss wants
print("batch:", x.shape, y.shape, f"loss of any ten columns: {loss:.4f}")
