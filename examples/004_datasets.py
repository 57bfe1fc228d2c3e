"""Map-style and iterable datasets, and what a DataLoader makes of them.

From the notes AI&Pytorch基础, sections Dataset and DataLoader, whose examples are still to be written there.
"""
import io

from _common import start

torch, options = start(__doc__)
Dataset, IterableDataset = torch.utils.data.Dataset, torch.utils.data.IterableDataset
DataLoader = torch.utils.data.DataLoader


# 映射型（Map-style）数据集: dataset[idx] gives the sample, in whatever order it is asked for.
class Squares(Dataset):
    def __init__(self, count):
        self.count = count

    def __getitem__(self, idx):     # (__gititem__ in the notes: then dataset[idx] is a TypeError)
        if not 0 <= idx < self.count:
            raise IndexError(idx)   # this is how a plain loop over the dataset learns where the end is
        return torch.tensor(idx), torch.tensor(idx ** 2)

    def __len__(self):
        return self.count


dataset = Squares(7)
print(len(dataset), dataset[3])
print([int(square) for _, square in dataset])
# DataLoader 自动生成一组索引: by batch_size and shuffle
for x, y in DataLoader(dataset, batch_size=3):
    print(x, y)
for x, y in DataLoader(dataset, batch_size=3, shuffle=True, drop_last=True):
    print("shuffled", x, y)


# 迭代型（Iterable-style）数据集: samples come one after the other, from a file or a stream that is too long,
# or has no length at all. There is no index, hence nothing to shuffle.
class Lines(IterableDataset):
    def __init__(self, open_file):
        self.open_file = open_file

    def __iter__(self):
        with self.open_file() as file:
            for line in file:
                yield torch.tensor([float(number) for number in line.split(",")])


stream = Lines(lambda: io.StringIO("1,2\n3,4\n5,6\n7,8\n9,10\n"))
for epoch in range(2):      # each pass calls __iter__ again
    for batch in DataLoader(stream, batch_size=2):
        print(epoch, batch.tolist())
try:
    DataLoader(stream, shuffle=True)
except ValueError as error:
    print(str(error).splitlines()[0])
