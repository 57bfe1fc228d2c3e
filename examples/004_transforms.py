"""transforms.Compose: one pipeline to train, which varies the images, and one to test, which does not.

From the notes AI&Pytorch基础, section PS: 统一大小，数据增强，裁剪，ToTensor，Normalize.
"""
import matplotlib.pyplot as plt
from _common import start, wrote
from tqdm import tqdm

torch, options = start(__doc__, epochs=5)
nn = torch.nn
DataLoader = torch.utils.data.DataLoader
datasets, transforms = torch.vision.datasets, torch.vision.transforms

# Compose()按顺序处理数据: the order matters. Resize, rotations and crops take images; ToTensor makes a
# tensor of [0, 1]; Normalize takes that.
plain = [datasets.Digits(transform=transforms.ToTensor())[i][0] for i in range(1000)]
pixels = torch.stack(plain)
# Of the training images, also for those to test; four digits will do.
mean, std = round(pixels.mean().item(), 4), round(pixels.std().item(), 4)

train_transform = transforms.Compose([
    transforms.Resize(18),              # 统一大小
    transforms.RandomRotation(15),      # 数据增强（旋转）; no RandomHorizontalFlip: a flipped digit is none
    transforms.RandomCrop(16),          # 裁剪（最终的图片大小）
    transforms.ToTensor(),
    transforms.Normalize([mean], [std]),
])
test_transform = transforms.Compose([
    transforms.Resize(18),
    transforms.CenterCrop(16),          # the same size, and nothing random: each image always gives the same
    transforms.ToTensor(),
    transforms.Normalize([mean], [std]),
])
print(test_transform)

train_data = datasets.Digits(transform=train_transform)
test_data = datasets.Digits(train=False, transform=test_transform)
print(train_data[0][0].shape, bool((train_data[0][0] == train_data[0][0]).all()),
      bool((test_data[0][0] == test_data[0][0]).all()))

train_loader = DataLoader(train_data, batch_size=50, shuffle=True)
test_loader = DataLoader(test_data, batch_size=100)
model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                      nn.Linear(8 * 8 * 8, 10)).to(options.device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
for epoch in range(options.epochs):
    for x, y in tqdm(train_loader, desc=f"epoch {epoch + 1}"):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x.to(options.device)), y.to(options.device))
        loss.backward()
        optimizer.step()
    correct = 0
    with torch.no_grad():
        for x, y in test_loader:
            correct += (model(x.to(options.device)).argmax(dim=1) == y.to(options.device)).sum().item()
    print(f"epoch {epoch + 1}: loss {loss.item():.4f}, test accuracy {100 * correct / len(test_data):.2f}%")

figure, axes = plt.subplots(3, 8, figsize=(8, 3.4))
for row, axis_row in enumerate(axes):
    for column, axis in enumerate(axis_row):
        data = train_data if column else datasets.Digits(transform=test_transform)
        axis.imshow(data[row][0][0].numpy(), cmap="gray_r")
        axis.axis("off")
axes[0][0].set_title("test")
axes[0][1].set_title("train: never twice the same", loc="left")
figure.savefig(options.out / "transforms.png")
wrote(options.out / "transforms.png")
