"""Who survived the Titanic: a CSV with missing values, pandas, nn.Linear.

From the notes 炼丹童子的自我修养, which name Kaggle's competition as the exercise for nn.Linear. The CSV is
made here, with Kaggle's columns and invented passengers, unless Kaggle's own train.csv is given: --csv FILE.
"""
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from _common import start, wrote
from tqdm import tqdm

torch, options = start(__doc__, csv="", epochs=200)
nn = torch.nn


def write_csv(path, count=891):
    """Passengers with ages, cabins and ports missing, and women, children and the rich more often saved."""
    random = np.random.RandomState(7)
    table = pd.DataFrame({"PassengerId": range(1, count + 1)})
    pclass = random.choice([1, 2, 3], count, p=[0.24, 0.21, 0.55])
    male = random.rand(count) < 0.65
    age = random.normal(42 - 5 * pclass, 13).clip(1, 80).round()
    odds = 0.2 - 2.6 * male - 0.9 * (pclass - 2) - 0.03 * (age - 30) + 1.2
    table["Survived"] = (random.rand(count) < 1 / (1 + np.exp(-odds))).astype(int)
    table["Pclass"] = pclass
    table["Name"] = [f"Passenger, {'Mr.' if is_male else 'Mrs.'} {n}" for n, is_male in enumerate(male)]
    table["Sex"] = np.where(male, "male", "female")
    table["Age"] = np.where(random.rand(count) < 0.2, np.nan, age)
    table["SibSp"], table["Parch"] = random.poisson(0.5, count), random.poisson(0.4, count)
    table["Ticket"] = random.randint(1000, 400000, count)
    table["Fare"] = (random.lognormal(4.4 - 0.8 * pclass, 0.5)).round(4)
    table["Cabin"] = np.where(random.rand(count) < 0.77, None, "C" + pd.Series(pclass).astype(str))
    table["Embarked"] = np.where(random.rand(count) < 0.01, None, random.choice(["S", "C", "Q"], count))
    table.to_csv(path, index=False)
    wrote(path)


if not options.csv:
    options.csv = options.out / "train.csv"
    write_csv(options.csv)
data = pd.read_csv(options.csv)
missing = data.isnull().sum()
print("missing values:", {name: int(number) for name, number in missing.items() if number})

# Fill what is missing, throw away what says nothing, make numbers of words.
data["Age"] = data["Age"].fillna(data["Age"].median())
data["Embarked"] = data["Embarked"].fillna(data["Embarked"].mode()[0])
data["HasCabin"] = data["Cabin"].notnull()
data = data.drop(columns=["PassengerId", "Name", "Ticket", "Cabin"])
data = pd.get_dummies(data, columns=["Sex", "Embarked", "Pclass"])
targets = data.pop("Survived").values.astype(np.float64)
features = data.values.astype(np.float64)
features = (features - features.mean(axis=0)) / features.std(axis=0)
print("features:", list(data.columns))

order = np.random.RandomState(42).permutation(len(features))
test, train = order[: len(order) // 5], order[len(order) // 5 :]


def tensors(rows):
    return [torch.from_numpy(array[rows]).to(options.device, options.dtype) for array in (features, targets)]


x_train, y_train = tensors(train)
x_test, y_test = tensors(test)

model = nn.Linear(features.shape[1], 1).to(options.device)
loss_function = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

losses = []
for epoch in tqdm(range(options.epochs)):
    optimizer.zero_grad()
    loss = loss_function(model(x_train).squeeze(1), y_train)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    if (epoch + 1) % max(1, options.epochs // 5) == 0:
        with torch.no_grad():
            predicted = (model(x_test).squeeze(1) > 0).to(options.dtype)
        accuracy = 100 * (predicted == y_test).sum().item() / len(y_test)
        print(f"Epoch: {epoch + 1}, Loss: {loss.item():.4f}, Accuracy: {accuracy:.2f}%")

print("weights, the most important first:")
weights = dict(zip(data.columns, model.weight[0].tolist()))
for name in sorted(weights, key=lambda name: -abs(weights[name]))[:4]:
    print(f"  {name}: {weights[name]:+.3f}")

plt.plot(losses)
plt.xlabel("epoch")
plt.ylabel("training loss")
plt.savefig(options.out / "loss.png")
wrote(options.out / "loss.png")
