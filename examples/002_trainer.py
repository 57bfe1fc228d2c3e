"""A training loop as a class: tqdm, SummaryWriter, early stop, checkpoint, coloured logs; and a debug run.

From the notes 炼丹手记, sections Pytorch使用CrossEntropy and 训练代码调bug: --debug-run breaks after one
batch of each loop, to see that everything runs before training begins.
"""
from _common import start, summary_writer, wrote
from colorama import Fore, Style
from tqdm import tqdm

torch, options = start(__doc__, epochs=30, early_stop=4, debug_run=False)
nn = torch.nn
DataLoader = torch.utils.data.DataLoader
SummaryWriter = summary_writer(torch)
datasets, transforms = torch.vision.datasets, torch.vision.transforms


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))

    def forward(self, x):
        return self.layers(x)

    @property
    def dtype(self):
        # (the notes use self.network.dtype: modules have none unless they define it)
        return self.layers[1].weight.dtype


class Trainer:
    def __init__(self):
        self.available_device = options.device
        self.network = Network().to(self.available_device)
        self.loss_function = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=0.01)
        self.train_loader = DataLoader(datasets.Digits(transform=transforms.ToTensor()), 50, shuffle=True)
        self.val_loader = DataLoader(datasets.Digits(train=False, transform=transforms.ToTensor()), 99)
        self.writer = SummaryWriter(options.out / "tensorboard")
        self.early_stop_cnt = options.early_stop
        self.check_point = options.out / "check_point.pth"

    def save_check_point(self, epoch):
        torch.save({"epoch": epoch, "network": self.network.state_dict(),
                    "optimizer": self.optimizer.state_dict()}, self.check_point)

    def load_check_point(self):
        state = torch.load(self.check_point)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        return state["epoch"]

    def validate(self, epoch=None):
        """The mean loss. (In the notes the last batch's loss decides about the early stop.)"""
        self.network.eval()
        losses = []
        with torch.no_grad():
            for step, (x, y) in enumerate(self.val_loader):
                x, y = x.to(dtype=self.network.dtype, device=self.available_device), y.to(
                    device=self.available_device)
                # calculate loss
                output = self.network(x)
                loss = self.loss_function(output, y)
                losses.append(loss.item())
                # summary in validation
                if epoch is not None:
                    self.writer.add_scalar(tag="loss/test", scalar_value=loss.item(),
                                           global_step=epoch * len(self.val_loader) + step)
                # 同上，调试的时候break掉
                if options.debug_run:
                    break
        return sum(losses) / len(losses)

    def train(self, n_epoch):
        min_val_loss = float("inf")
        early_stop = 0
        for epoch in range(n_epoch):
            # train
            self.network.train()
            # (the notes say tqdm(enumerate(...)), whose bar does not know where the end is)
            for step, (x, y) in enumerate(tqdm(self.train_loader, desc=f"epoch {epoch}")):
                # 注意在这里转换，如果Dataset里面以及转换了这里就不要转换了
                x, y = x.to(dtype=self.network.dtype, device=self.available_device), y.to(
                    device=self.available_device)
                # zero grad
                self.network.zero_grad()
                # calculate loss
                output = self.network(x)
                loss: torch.Tensor = self.loss_function(output, y)
                # Gradient Descent
                loss.backward()
                # Step
                self.optimizer.step()
                # summary in train
                self.writer.add_scalar(tag="loss/train", scalar_value=loss.item(),
                                       global_step=epoch * len(self.train_loader) + step)
                # 注意，调试的时候break即可
                if options.debug_run:
                    break

            # validation
            val_loss = self.validate(epoch)
            self.writer.add_histogram("weights", self.network.layers[1].weight, epoch)

            # early stop
            if val_loss < min_val_loss:
                min_val_loss = val_loss
                early_stop = 0
                self.save_check_point(epoch)
            else:
                early_stop += 1

            if early_stop > self.early_stop_cnt:
                print(f"{Fore.YELLOW}Early Stopped at epoch: {epoch}{Style.RESET_ALL}")
                break

            # print logs (in the notes the second and third line lack their f, and print the braces)
            print(f"Epoch: {Fore.GREEN + Style.BRIGHT}{epoch}/{n_epoch}{Style.RESET_ALL}, "
                  f"val_loss: {Fore.GREEN + Style.BRIGHT}{val_loss:>.5f}{Style.RESET_ALL}, "
                  f"min_val_loss: {Fore.GREEN + Style.BRIGHT}{min_val_loss:>.5f}{Style.RESET_ALL}")
            if options.debug_run:
                break
        self.writer.close()
        wrote(options.out / "tensorboard")
        wrote(self.check_point)


trainer = Trainer()
trainer.train(options.epochs)
epoch = trainer.load_check_point()
print(f"best epoch: {epoch}, val_loss {trainer.validate():>.5f}")
print(f"to see the curves: tensorboard --logdir {options.out / 'tensorboard'}")
