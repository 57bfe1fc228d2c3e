"""A model reloaded for inference, behind a function that does to its input what training did.

From the notes AI&Pytorch基础, section PS: 模型使用. The structure is built again, the saved weights take the
place of the random ones, and users' data go through the same preprocessing.
"""
import numpy as np
from _common import start, wrote
from PIL import Image
from tqdm import tqdm

from minigrad.vision.digits import load_digits

torch, options = start(__doc__, epochs=10)
nn = torch.nn
transforms, datasets = torch.vision.transforms, torch.vision.datasets


def build():
    """原始模型结构: a function, so that training and inference cannot have two."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10))


def preprocessing(settings):
    """The same for both as well; its numbers are saved beside the weights."""
    return transforms.Compose([
        transforms.Resize(settings["size"]),
        transforms.ToTensor(),
        transforms.Normalize([settings["mean"]], [settings["std"]]),
    ])


def train(path):
    settings = {"size": [8, 8], "mean": 0.3, "std": 0.38}
    data = datasets.Digits(transform=preprocessing(settings))
    loader = torch.utils.data.DataLoader(data, batch_size=30, shuffle=True)
    model = build().to(options.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(options.epochs):
        for x, y in tqdm(loader, desc=f"epoch {epoch + 1}"):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x.to(options.device)), y.to(options.device))
            loss.backward()
            optimizer.step()
    print(f"last training loss {loss.item():.4f}")
    torch.save({"weights": model.state_dict(), "settings": settings}, path)
    wrote(path)


def load(path):
    """Loaded once, used for every request (持续加载模型): `predict(image)` gives `(digit, probability)`."""
    saved = torch.load(path)
    model = build().to(options.device)
    model.load_state_dict(saved["weights"])
    model.eval()        # or dropout goes on
    prepare = preprocessing(saved["settings"])

    def predict(image):
        """image: of Pillow, of any size and mode, dark paper and light ink."""
        x = prepare(image.convert("L"))[None].to(options.device)
        with torch.no_grad():
            probabilities = model(x).softmax(dim=1)[0]
        digit = probabilities.argmax().item()
        return digit, probabilities[digit].item()

    return predict, model


train(options.out / "digits.safetensors")
predict, model = load(options.out / "digits.safetensors")

# What a user sends: 0 to 255, four times as large, in colour.
images, labels = load_digits()
large = (images[-200:] * 255.0 / 16).astype(np.uint8).repeat(4, axis=1).repeat(4, axis=2)
sent = [Image.fromarray(image).convert("RGB") for image in large]
for image, label in list(zip(sent, labels[-200:]))[:5]:
    digit, probability = predict(image)
    print(f"a {label}: taken for {digit}, probability {probability:.4f}")
right = sum(predict(image)[0] == label for image, label in zip(sent, labels[-200:]))
print(f"through the training's preprocessing, accuracy {100 * right / 200:.2f}%")

# The mistake that the notes warn of: the network gets 0 to 255 where it was trained with about -1 to 2.
raw = torch.stack([torch.from_numpy(np.array(image.convert("L").resize((8, 8)))) for image in sent])
with torch.no_grad():
    guesses = model(raw.to(options.device, options.dtype)).argmax(dim=1).cpu().numpy()
print(f"without it: {(guesses == labels[-200:]).sum()} of 200 right")
