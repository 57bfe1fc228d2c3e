"""The Lightning version: a LightningModule, a Trainer, a TQDMProgressBar without the validation's bars.

From the notes 首先学习了基本框架, sections 使用 lightning and 验证集多行进度条问题解决.
"""
import sys  # (LitProgressBar needs it, and the notes do not import it)

from _common import start, summary_writer, wrote

torch, options = start(__doc__, epochs=6)
nn = torch.nn
pl = torch.lightning
datasets, transforms = torch.vision.datasets, torch.vision.transforms
DataLoader, random_split = torch.utils.data.DataLoader, torch.utils.data.random_split


# 1. Model
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 10))

    def forward(self, x):
        return self.layers(x)


class MyModule(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.model = Model()
        self.loss = nn.CrossEntropyLoss()

    def forward(self, inputs):
        return self.model(inputs)

    # 2. Optimizer
    def configure_optimizers(self): # -> optimizer
        return torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9)

    # 4. Training loop
    def training_step(self, batch, batch_idx): # -> train loss
        x, y = batch
        loss = self.loss(self(x), y)
        self.log("train_loss", loss, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    # 5. Validation loop
    def validation_step(self, batch, batch_idx):
        x, y = batch
        logits = self(x)
        self.log("val_loss", self.loss(logits, y), prog_bar=True)
        self.log("val_acc", (logits.argmax(dim=1) == y).to(options.dtype).mean(), prog_bar=True)

    def on_train_epoch_end(self):
        known = self.trainer.callback_metrics
        print(f"epoch {self.current_epoch}: train loss {known['train_loss']:.4f}, "
              f"val loss {known['val_loss']:.4f}, val accuracy {100 * known['val_acc']:.2f}%")


class LitProgressBar(pl.TQDMProgressBar):
    """ 自定义进度条 : 使得验证集的进度条不显示"""
    def init_validation_tqdm(self):
        bar = super().init_validation_tqdm()
        if not sys.stdout.isatty():
            bar.disable = True
        return bar      # (forgotten in the notes: without it the Trainer has no bar to update, and fails)


# 3. Data
pl.seed_everything(options.seed)
data = datasets.Digits(transform=transforms.ToTensor())
train, val = random_split(data, [len(data) - 300, 300])
train_loader = DataLoader(train, batch_size=32, shuffle=True)
val_loader = DataLoader(val, batch_size=100)

model = MyModule().to(options.device)
best = pl.ModelCheckpoint(options.out / "checkpoints", "{epoch}", monitor="val_loss")
writer = summary_writer(torch)(options.out / "tensorboard")
trainer = pl.Trainer(max_epochs=options.epochs, logger=writer,
                     callbacks=[LitProgressBar(), best, pl.EarlyStopping("val_loss", patience=3)])
trainer.fit(model, train_loader, val_loader)
writer.close()
wrote(options.out / "tensorboard")
wrote(options.out / "checkpoints")

again = MyModule.load_from_checkpoint(best.best_model_path).to(options.device).eval()
correct = 0
with torch.no_grad():
    for x, y in DataLoader(datasets.Digits(train=False, transform=transforms.ToTensor()), batch_size=100):
        correct += (again(x.to(options.device)).argmax(dim=1) == y.to(options.device)).sum().item()
print(f"best epoch reloaded, test accuracy {100 * correct / len(datasets.Digits(train=False)):.2f}%")
