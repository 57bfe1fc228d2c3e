"""A convolutional classifier of colour images: data, network, training loop, evaluation loop.

From "Machine Learning Notes 1" (科普视频级别的机器学习), sections 网络架构 and 开练. The pictures are made
here: 11 kinds of stripes, rings and chequers in noise.
"""
import matplotlib.pyplot as plt
import numpy as np
from _common import start, wrote
from tqdm import tqdm

torch, options = start(__doc__, epochs=6, images=176)
nn = torch.nn
Dataset, DataLoader = torch.utils.data.Dataset, torch.utils.data.DataLoader


class MyDataset(Dataset):
    def __init__(self, data, labels):
        self.data = data
        self.labels = labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, idx):
        #preprocessing
        return self.data[idx], self.labels[idx]


class Classifier(nn.Module):
    def __init__(self):
        super(Classifier, self).__init__()
        # The notes' comments say [64, 128, 128] and so on: with images of 128 x 128 these three blocks end at
        # [512, 16, 16], and the first Linear fails. 512*4*4 is what images of 32 x 32 give.
        self.cnn = nn.Sequential(
            nn.Conv2d(3, 64, 3, 1, 1),  # [64, 32, 32]
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(2, 2, 0),      # [64, 16, 16]

            nn.Conv2d(64, 128, 3, 1, 1), # [128, 16, 16]
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.MaxPool2d(2, 2, 0),      # [128, 8, 8]

            nn.Conv2d(128, 512, 3, 1, 1), # [512, 8, 8]
            nn.BatchNorm2d(512),
            nn.ReLU(),
            nn.MaxPool2d(2, 2, 0),       # [512, 4, 4]
        )
        self.fc = nn.Sequential(
            nn.Linear(512*4*4, 1024),
            nn.ReLU(),
            nn.Linear(1024,32),
            nn.ReLU(),
            nn.Linear(32, 11)
        )

    def forward(self, x):
        out = self.cnn(x)
        out = out.view(out.size()[0], -1)
        return self.fc(out)


def pictures(count, seed):
    """`(images [count, 3, 32, 32], labels [count])`, as many of each of the 11 kinds."""
    random = np.random.RandomState(seed)
    row, column = np.mgrid[0:32, 0:32] / 32
    distance = np.hypot(row - 0.5, column - 0.5)
    patterns = [row, column, row + column, row - column, 2 * row, 2 * column, 2 * distance, 4 * distance,
                0.125 + 0.25 * ((np.floor(4 * row) + np.floor(4 * column)) % 2), distance,
                np.minimum(row, column)]
    labels = np.arange(count) % 11
    shift, colour = random.rand(count, 1, 1, 1), 0.3 + 0.7 * random.rand(count, 3, 1, 1)
    waves = np.sin(2 * np.pi * (2 * np.array(patterns)[labels][:, None] + 0.3 * shift))
    return waves * colour + 0.1 * random.randn(count, 3, 32, 32), labels


def dataset(count, seed):
    images, labels = pictures(count, seed)
    return MyDataset(torch.from_numpy(images).to(options.dtype), torch.from_numpy(labels))


train_loader = DataLoader(dataset(options.images, seed=1), batch_size=16, shuffle=True)
eval_loader = DataLoader(dataset(66, seed=2), batch_size=33)

model = Classifier().to(options.device)
print(f"{sum(parameter.numel() for parameter in model.parameters())} parameters")
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)     # (0.001 in the notes: ten times as many epochs)

for epoch in range(options.epochs):
    model.train()

    for data, target in tqdm(train_loader, desc=f"epoch {epoch + 1}"):
        data, target = data.to(options.device), target.to(options.device)
        optimizer.zero_grad()  # 清除梯度
        output = model(data)   # 前向传播
        loss = loss_function(output, target)  # 计算损失
        loss.backward()  # 反向传播
        optimizer.step()  # 更新参数

    model.eval()

    correct = 0
    with torch.no_grad():
        # 评估循环
        for data, target in eval_loader:
            data, target = data.to(options.device), target.to(options.device)
            output = model(data)  # 前向传播
            # 计算评估指标，如准确率
            correct += (output.argmax(dim=1) == target).sum().item()
    accuracy = 100 * correct / len(eval_loader.dataset)
    print(f"epoch {epoch + 1}, loss {loss.item():.4f}, accuracy: {accuracy:.2f}%")

images, labels = pictures(11, seed=3)
figure, axes = plt.subplots(1, 11, figsize=(11, 1.4))
for axis, image, label in zip(axes, images, labels):
    axis.imshow(((image - image.min()) / (image.max() - image.min())).transpose(1, 2, 0))
    axis.set_title(str(label))
    axis.axis("off")
figure.savefig(options.out / "pictures.png")
wrote(options.out / "pictures.png")
