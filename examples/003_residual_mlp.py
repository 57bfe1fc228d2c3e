"""A residual MLP with Dropout as a class, trained on MNIST in batches of 32, with validation accuracy.

From the notes 首先学习了基本框架, section ResNet 框架. Without MNIST's files in --data it takes the
digits that ship with minigrad; --limit 0 uses all images.
"""
from _common import mnist_folder, start
from tqdm import tqdm

torch, options = start(__doc__, epochs=5, limit=1500, data="")
nn, optim = torch.nn, torch.optim
datasets, transforms = torch.vision.datasets, torch.vision.transforms
DataLoader, random_split = torch.utils.data.DataLoader, torch.utils.data.random_split

root = mnist_folder(options.data or str(options.out / "data"))
train_data = datasets.MNIST(root, train=True, transform=transforms.ToTensor())
if options.limit:
    train_data = torch.utils.data.Subset(train_data, range(min(options.limit, len(train_data))))
n_val = len(train_data) // 6
train, val = random_split(train_data, [len(train_data) - n_val, n_val])
train_loader = DataLoader(train, batch_size=32)
val_loader = DataLoader(val, batch_size=32)

# define a more flexible model
class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.Linear(28*28,64)
        self.l2 = nn.Linear(64,64)
        self.l3 = nn.Linear(64,10)
        self.do = nn.Dropout(0.1)

    def forward(self,x):
        h1 = nn.functional.relu(self.l1(x))
        h2 = nn.functional.relu(self.l2(h1))
        do = self.do(h1+h2)
        logits = self.l3(do)
        return logits
model = ResNet().to(options.device)     # (.cuda() in the notes, which needs an NVIDIA GPU)

# define the optimizer
params = model.parameters()
optimizer = optim.SGD(params, lr=1e-2)

# define the loss function
loss = nn.CrossEntropyLoss()

# My training loops
nb_epochs = options.epochs # number of epochs
for epoch in range(nb_epochs):
    model.train()   # Dropout on ...
    losses = list()
    for batch in tqdm(train_loader, desc=f"epoch {epoch + 1}"):
        x,y = batch

        # x: [batch_size, 1, 28, 28]
        b = x.size(0)
        x = x.view(b, -1).to(options.device)

        # 1 forward
        l = model(x) # l: logit [batch_size, 10]  # noqa: E741

        # 2 compute the objective function
        # (in the notes this line is a part of the comment above it, and J is never computed)
        J = loss(l, y.to(options.device))

        # 3 cleaning the gradient
        model.zero_grad() # params.grad = None
        # or optimizer.zero_grad()

        # 4 accumulate the partial derivatives of J with respect to params
        # (swallowed by its comment, too: nothing would be learnt)
        J.backward() # params.grad += dJ/dparams 累加损失的导数

        # 5 step in the opposite direction of the gradient 翻译 逆向梯度步进
        optimizer.step()  # with torch.no_grad(): params = params - eta * params.grad

        losses.append(J.item())

    print(f'Epoch:{epoch+1},train loss:{torch.tensor(losses).mean():.2f}',end=',')


    # validation 注意这里不需要计算梯度
    model.eval()    # ... and off (not so in the notes: their validation drops a tenth of the features)
    losses = list()
    correct = 0
    for batch in val_loader:    # (train_loader in the notes, which tells nothing about new images)
        x,y = batch # x: [batch_size, 1, 28, 28]
        b = x.size(0)
        x, y = x.view(b, -1).to(options.device), y.to(options.device)

        # 1 forward
        with torch.no_grad():
            l = model(x) # l: logit [batch_size, 10]  # noqa: E741

        # 2 compute the objective function
        J = loss(l, y)

        losses.append(J.item())
        # (the notes take the mean of the batches' accuracies, where the last, smaller one counts as much)
        correct += y.eq(l.argmax(dim=1)).sum().item()
    print(f'Epoch:{epoch+1},val loss:{torch.tensor(losses).mean():.2f}',end=',')
    print(f'validation accuracy:{correct / len(val):.3f}')
