"""An MLP for MNIST by nn.Sequential, without a class: random_split, training and validation loop.

From the notes 首先学习了基本框架, section 简单 mnist 数据图片识别. Without MNIST's files in --data it
takes the digits that ship with minigrad; --limit 0 uses all images.
"""
from _common import mnist_folder, start
from tqdm import tqdm

torch, options = start(__doc__, epochs=5, limit=1500, data="")
nn, optim = torch.nn, torch.optim
datasets, transforms = torch.vision.datasets, torch.vision.transforms
DataLoader, random_split = torch.utils.data.DataLoader, torch.utils.data.random_split

# dataset (the notes say dataset.MNIST: the module that they import is called datasets)
root = mnist_folder(options.data or str(options.out / "data"))
train_data = datasets.MNIST(root, train=True, transform=transforms.ToTensor())
if options.limit:
    train_data = torch.utils.data.Subset(train_data, range(min(options.limit, len(train_data))))
# (the notes' [50000, 10000] are all of MNIST: the lengths must add up to the dataset's)
n_val = len(train_data) // 6
train, val = random_split(train_data, [len(train_data) - n_val, n_val])
train_loader = DataLoader(train)    # batches of one image, unless a batch_size is said
val_loader = DataLoader(val)
print(f"{len(train)} images to train, {len(val)} to validate")

# model
model = nn.Sequential(
    nn.Linear(28*28,64),
    nn.ReLU(),
    nn.Linear(64,64),
    nn.ReLU(),
    nn.Linear(64,10)).to(options.device)

# optimizer and loss
params = model.parameters()
optimizer = optim.SGD(params,lr=0.01)
loss = nn.CrossEntropyLoss()

# train and val
nb_epochs = options.epochs
for epoch in range(nb_epochs):
    losses = list()
    for batch in tqdm(train_loader, desc=f"epoch {epoch + 1}"):
        x,y = batch # x:[batchsize,1,28,28]
        b = x.size(0)
        x = x.view(b,-1).to(options.device) # x:[batchsize,784]
        # 1.forward
        l = model(x)  # noqa: E741
        # 2.compute the objective function
        J = loss(l,y.to(options.device))
        # 3.clean grad
        model.zero_grad() # params.grad = None
        # 4.compute the grad with respect to params
        J.backward() # params.grad += dJ/dparams
        # 5.step in the opposite direction of gradient
        optimizer.step() # params = params - eta * params.grad
        losses.append(J.item())
    print(f"Epoch:{epoch+1},train loss:{torch.tensor(losses).mean():.2f}",end=',')
    losses = list()
    for batch in val_loader:
        x, y = batch  # x:[batchsize,1,28,28]
        b = x.size(0)
        x = x.view(b, -1).to(options.device)  # x:[batchsize,784]
        # 1.forward
        with torch.no_grad():
            l = model(x)  # noqa: E741
        # 2.compute the objective function
        J = loss(l,y.to(options.device))
        losses.append(J.item())
    print(f"Epoch:{epoch+1},val loss:{torch.tensor(losses).mean():.2f}")
