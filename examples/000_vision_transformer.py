"""A Vision Transformer: warm-up and cosine by LambdaLR, accuracy after each epoch, the best model saved.

From the notes 炼丹童子的自我修养, which have the training loop; the model is one that fits 8 × 8 digits.
"""
import matplotlib.pyplot as plt
from _common import start, wrote
from tqdm import tqdm

torch, options = start(__doc__, epochs=50, warmup_epochs=10)
nn = torch.nn
DataLoader = torch.utils.data.DataLoader
LambdaLR = torch.optim.lr_scheduler.LambdaLR
datasets, transforms = torch.vision.datasets, torch.vision.transforms
device = options.device


class VisionTransformer(nn.Module):
    """Patches of 2 × 2 pixels become 16 words of `dim` numbers, and one more collects what the image is."""

    def __init__(self, dim=32, depth=2, heads=4, classes=10):
        super().__init__()
        self.patches = nn.Conv2d(1, dim, kernel_size=2, stride=2)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.positions = nn.Parameter(0.02 * torch.randn(1, 17, dim))
        layer = nn.TransformerEncoderLayer(dim, heads, dim_feedforward=64, dropout=0.1, activation="gelu",
                                           batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, classes)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)                  # [batch, 16, dim]
        x = torch.cat((self.cls_token.expand(x.size(0), -1, -1), x), dim=1) + self.positions
        return self.head(self.norm(self.encoder(x)[:, 0]))


transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.3,), (0.35,))])
trainloader = DataLoader(datasets.Digits(train=True, transform=transform), batch_size=100, shuffle=True)
testloader = DataLoader(datasets.Digits(train=False, transform=transform), batch_size=128)

model = VisionTransformer().to(device)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)

warmup_epochs = options.warmup_epochs
num_epochs = options.epochs
best_val_acc = 0


def warmup_cosine_lr(epoch):
    epoch = torch.tensor(epoch, dtype=torch.float32)  # Cast to tensor
    if epoch < warmup_epochs:
        # (the notes say epoch / warmup_epochs: the rate of the first epoch is 0 then, and nothing learnt)
        return ((epoch + 1) / warmup_epochs).item()  # Linear warmup
    return (0.5 * (1 + torch.cos((epoch - warmup_epochs) / (num_epochs - warmup_epochs) * torch.pi))).item()


scheduler = LambdaLR(optimizer, lr_lambda=warmup_cosine_lr)


def accuracy():
    correct = 0
    total = 0
    with torch.no_grad():
        for data in testloader:
            images, labels = data
            images, labels = images.to(device), labels.to(device)
            outputs = model(images)
            _, predicted = torch.max(outputs.data, 1)
            total += labels.size(0)
            correct += (predicted == labels).sum().item()
    return 100 * correct / total


rates, accuracies = [], []
for epoch in tqdm(range(num_epochs)):
    # ----------------------Training Step-----------------------------
    model.train()
    for _, data in enumerate(trainloader, 0):
        inputs, labels = data
        inputs, labels = inputs.to(device), labels.to(device)

        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()

    # ----------------------Validation Step-----------------------------
    rates.append(scheduler.get_last_lr()[0])
    scheduler.step()
    model.eval()
    val_acc = accuracy()
    accuracies.append(val_acc)
    print(f"Epoch: {epoch + 1}, Validation Accuracy: {val_acc:.2f}%")

    if val_acc > best_val_acc:
        best_val_acc = val_acc
        torch.save(model.state_dict(), options.out / "best_model.pth")
wrote(options.out / "best_model.pth")

# The best model again, in a new network.
model = VisionTransformer().to(device)
model.load_state_dict(torch.load(options.out / "best_model.pth"))
model.eval()
print(f"best model reloaded, Validation Accuracy: {accuracy():.2f}%")

figure, (above, below) = plt.subplots(2, sharex=True)
above.plot(range(1, num_epochs + 1), rates)
above.set_ylabel("learning rate")
below.plot(range(1, num_epochs + 1), accuracies)
below.set_ylabel("validation accuracy, %")
below.set_xlabel("epoch")
figure.savefig(options.out / "training.png")
wrote(options.out / "training.png")
