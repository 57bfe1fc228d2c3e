"""Text classification: tokens, ids, an Embedding; the classes balanced first.

From the notes AI&Pytorch基础, sections 数据相关 and PS: 分词、ID映射 Embedding向量. The sentences are made
here.
"""
import re
from collections import Counter

import numpy as np
from _common import start
from tqdm import tqdm

torch, options = start(__doc__, epochs=12)
nn = torch.nn
Dataset, DataLoader = torch.utils.data.Dataset, torch.utils.data.DataLoader

TOPICS = {
    "sport": "team match goal player coach score league win race ball",
    "food": "soup bread cook taste salt oven recipe sweet dinner fruit",
    "weather": "rain wind cloud storm sunny snow warm cold degrees sky",
    "music": "song guitar band concert melody piano singer drum album note",
    "travel": "train hotel ticket flight city map beach journey luggage road",
    "science": "atom cell theory experiment planet energy data light species measure",
    "money": "bank price market tax loan profit share cost budget trade",
    "health": "doctor sleep heart muscle vitamin pain nurse medicine fever exercise",
}
FILLERS = "the a in on with this very and we they was is".split()
CLASSES = list(TOPICS)


def sentences(count, topic, random):
    """Two of the topic's words, one of any other's, and fillers."""
    for _ in range(count):
        other = CLASSES[random.randint(len(CLASSES))]
        words = [*random.choice(TOPICS[topic].split(), 2), random.choice(TOPICS[other].split()),
                 *random.choice(FILLERS, random.randint(2, 7))]
        random.shuffle(words)
        yield " ".join(words).capitalize() + "."


random = np.random.RandomState(options.seed)
collected = [(text, label) for label, topic in enumerate(CLASSES)
             for text in sentences(random.randint(60, 200), topic, random)]

# 数据集要尽可能的均衡: 向少量数据对齐. Where one class is larger, a network does well by guessing it.
counts = Counter(label for _, label in collected)
print("collected", dict(zip(CLASSES, counts.values())))
smallest = min(counts.values())
random.shuffle(collected)
taken, balanced = Counter(), []
for text, label in collected:
    if taken[label] < smallest:
        taken[label] += 1
        balanced.append((text, label))
print(f"balanced: {smallest} of each, {len(balanced)} in all, such as {balanced[0][0]!r}")


def tokenize(text):
    """分词."""
    return re.findall(r"[a-z]+", text.lower())


# ID映射: of the words to train with only; <unk> stands for all others.
n_test = len(balanced) // 5
train, test = balanced[n_test:], balanced[:n_test]
vocabulary = {"<pad>": 0, "<unk>": 1}
for text, _ in train:
    for token in tokenize(text):
        vocabulary.setdefault(token, len(vocabulary))
print(len(vocabulary), "words;", tokenize(train[0][0])[:4], "->",
      [vocabulary[token] for token in tokenize(train[0][0])[:4]])


def encode(text):
    return torch.tensor([vocabulary.get(token, 1) for token in tokenize(text)])


class Sentences(Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, idx):
        text, label = self.rows[idx]
        return encode(text), torch.tensor(label)


def collate(samples):
    """Sentences of different lengths in one tensor, filled up with <pad>."""
    ids, labels = zip(*samples)
    return nn.utils.rnn.pad_sequence(ids, batch_first=True), torch.stack(labels)


class TextClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(vocabulary), 16, padding_idx=0)   # 每个词对应不同的Embedding向量
        self.linear = nn.Linear(16, len(CLASSES))

    def forward(self, ids):
        words = (ids != 0).sum(dim=1, keepdim=True)
        return self.linear(self.embedding(ids).sum(dim=1) / words)      # the mean of a sentence's words


train_loader = DataLoader(Sentences(train), batch_size=16, shuffle=True, collate_fn=collate)
test_loader = DataLoader(Sentences(test), batch_size=64, collate_fn=collate)
model = TextClassifier().to(options.device)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for epoch in range(options.epochs):
    losses = []
    for ids, labels in tqdm(train_loader, desc=f"epoch {epoch + 1}"):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(ids.to(options.device)), labels.to(options.device))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    correct = 0
    with torch.no_grad():
        for ids, labels in test_loader:
            correct += (model(ids.to(options.device)).argmax(dim=1) == labels.to(options.device)).sum().item()
    print(f"epoch {epoch + 1}: loss {sum(losses) / len(losses):.4f}, "
          f"test accuracy {100 * correct / len(test):.2f}%")

for text in ["The singer and her guitar.", "A cold wind, and rain on the road."]:
    with torch.no_grad():
        probabilities = model(encode(text)[None].to(options.device)).softmax(dim=1)[0]
    best = probabilities.argmax().item()
    print(f"{text} -> {CLASSES[best]} ({100 * probabilities[best].item():.1f}%)")
