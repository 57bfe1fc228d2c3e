"""Logistic regression on Kaggle's Digit Recognizer: CSV, pandas, split, DataLoader, SGD, accuracy.

From the notes 炼丹童子的自我修养. The CSV is made here, of the digits that ship with minigrad, unless
Kaggle's own train.csv is given: --csv FILE.
"""
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from _common import digits_28x28, start, wrote
from tqdm import tqdm

torch, options = start(__doc__, csv="", n_iters=10000)
nn = torch.nn
DataLoader = torch.utils.data.DataLoader


def write_csv(path):
    """A file like Kaggle's train.csv: label, pixel0, ..., pixel783."""
    images, labels = digits_28x28()
    table = pd.DataFrame(images.reshape(len(images), -1), columns=[f"pixel{i}" for i in range(28 * 28)])
    table.insert(0, "label", labels)
    table.to_csv(path, index=False)
    wrote(path)


def train_test_split(features, targets, test_size, random_state):
    """The rows that scikit-learn's function of this name gives."""
    order = np.random.RandomState(random_state).permutation(len(features))
    count = int(np.ceil(test_size * len(features)))
    test, train = order[:count], order[count:]
    return features[train], features[test], targets[train], targets[test]


if not options.csv:
    options.csv = options.out / "train.csv"
    write_csv(options.csv)
train_data = pd.read_csv(options.csv, dtype=np.float32)

# split data into features(pixels) and labels(numbers from 0 to 9)
# (the notes say train.label, train.loc: `train` is only made below, the table is train_data)
targets_numpy = train_data.label.values
features_numpy = train_data.loc[:, train_data.columns != "label"].values / 255  # normalization

# train test split. Size of train data is 80% and size of test data is 20%.
features_train, features_test, targets_train, targets_test = train_test_split(
    features_numpy, targets_numpy, test_size=0.2, random_state=42)

# create feature and targets tensor for train and test set
featuresTrain = torch.from_numpy(features_train)
targetsTrain = torch.from_numpy(targets_train).type(torch.LongTensor)   # data type is long
featuresTest = torch.from_numpy(features_test)
targetsTest = torch.from_numpy(targets_test).type(torch.LongTensor)
print(featuresTrain.shape, featuresTrain.dtype, targetsTrain.shape, targetsTrain.dtype)

# batch_size, epoch and iteration
batch_size = 100
n_iters = options.n_iters
num_epochs = n_iters / (len(features_train) / batch_size)
num_epochs = int(num_epochs)

train = torch.utils.data.TensorDataset(featuresTrain, targetsTrain)
test = torch.utils.data.TensorDataset(featuresTest, targetsTest)

# (in the notes the first line has no comma after batch_size = batch_size)
train_loader = DataLoader(train, batch_size=batch_size, shuffle=False)
test_loader = DataLoader(test, batch_size=batch_size, shuffle=False)

plt.imshow(features_numpy[10].reshape(28, 28))
plt.title(f"label {targets_numpy[10]:.0f}")
plt.savefig(options.out / "digit.png")          # plt.show() in a notebook
wrote(options.out / "digit.png")


class LogisticRegressionModel(nn.Module):
    def __init__(self, input_dim, output_dim):
        super(LogisticRegressionModel, self).__init__()
        self.linear = nn.Linear(input_dim, output_dim)

    def forward(self, x):
        out = self.linear(x)
        return out


model = LogisticRegressionModel(28 * 28, 10).to(options.device)
error = nn.CrossEntropyLoss()
learning_rate = 0.001
optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)

for epoch in tqdm(range(num_epochs)):
    for images, labels in train_loader:
        images, labels = images.to(options.device, options.dtype), labels.to(options.device)
        optimizer.zero_grad()
        loss = error(model(images), labels)
        loss.backward()
        optimizer.step()

    if (epoch + 1) % max(1, num_epochs // 5) == 0:
        correct = 0
        with torch.no_grad():
            for images, labels in test_loader:
                images, labels = images.to(options.device, options.dtype), labels.to(options.device)
                predicted = torch.max(model(images), 1)[1]
                correct += (predicted == labels).sum().item()
        accuracy = 100 * correct / len(test)
        print(f"Epoch: {epoch + 1}, Loss: {loss.item():.4f}, Accuracy: {accuracy:.2f}%")
