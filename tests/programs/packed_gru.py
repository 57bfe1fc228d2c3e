"""A bidirectional GRU on packed sequences: variable lengths, a collate function, attention over the
states."""
import random

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler

SEED = 1234
random.seed(SEED)
torch.manual_seed(SEED)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
PAD = 0


class Brackets(Dataset):
    """Strings of two kinds of brackets; is the string balanced?"""

    def __init__(self, size):
        self.samples = []
        for _ in range(size):
            word, depth = [], []
            for _ in range(random.randint(2, 9)):
                if depth and random.random() < 0.5:
                    word.append(depth.pop() + 2)
                else:
                    kind = random.choice([1, 2])
                    depth.append(kind)
                    word.append(kind)
            while depth and random.random() < 0.8:
                word.append(depth.pop() + 2)
            self.samples.append((word, int(not depth)))

    def __getitem__(self, i):
        word, label = self.samples[i]
        return torch.LongTensor(word), label

    def __len__(self):
        return len(self.samples)


def collate_fn(batch):
    sequences, labels = zip(*batch)
    lengths = torch.tensor([len(s) for s in sequences])
    padded = pad_sequence(sequences, batch_first=True, padding_value=PAD)
    return padded, lengths, torch.tensor(labels, dtype=torch.get_default_dtype())


class GRUClassifier(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_dim, n_layers, dropout):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=PAD)
        self.rnn = nn.GRU(embedding_dim, hidden_dim, num_layers=n_layers, bidirectional=True,
                          dropout=dropout, batch_first=True)
        self.attention = nn.Linear(hidden_dim * 2, 1, bias=False)
        self.fc = nn.Linear(hidden_dim * 4, 1)
        self.dropout = nn.Dropout(dropout)
        for name, param in self.rnn.named_parameters():
            if "weight_hh" in name:
                nn.init.orthogonal_(param)
            elif "weight_ih" in name:
                nn.init.xavier_uniform_(param)
            elif "bias" in name:
                nn.init.constant_(param, 0.01)

    def forward(self, text, text_lengths):
        embedded = self.dropout(self.embedding(text))
        packed = pack_padded_sequence(embedded, text_lengths.to("cpu"), batch_first=True,
                                      enforce_sorted=False)
        self.rnn.flatten_parameters()
        packed_output, hidden = self.rnn(packed)
        output, lengths = pad_packed_sequence(packed_output, batch_first=True)
        mask = torch.arange(output.size(1), device=text.device)[None, :] < lengths[:, None]
        energy = self.attention(output).squeeze(-1).masked_fill(~mask, -1e9)
        weights = torch.softmax(energy, dim=1)
        context = torch.bmm(weights.unsqueeze(1), output).squeeze(1)
        hidden = torch.cat((hidden[-2, :, :], hidden[-1, :, :]), dim=1)
        return self.fc(self.dropout(torch.cat([context, hidden], dim=1))).squeeze(1), weights


def binary_accuracy(preds, y):
    rounded_preds = torch.round(torch.sigmoid(preds))
    correct = (rounded_preds == y).float()
    return correct.sum() / len(correct)


train_set, valid_set = Brackets(64), Brackets(24)
labels = torch.tensor([label for _, label in train_set])
class_weights = 1.0 / torch.bincount(labels).double()
sampler = WeightedRandomSampler(class_weights[labels], num_samples=40, replacement=True)
train_loader = DataLoader(train_set, batch_size=8, sampler=sampler, collate_fn=collate_fn)
valid_loader = DataLoader(valid_set, batch_size=12, collate_fn=collate_fn)
model = GRUClassifier(5, 6, 8, 2, 0.25).to(device)
print(model)
print(f"The model has {sum(p.numel() for p in model.parameters() if p.requires_grad):,} trainable parameters")
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-2, alpha=0.95, momentum=0.5)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda=lambda epoch: 0.95 ** epoch)
criterion = nn.BCEWithLogitsLoss().to(device)

losses = []
for epoch in range(4):
    model.train()
    epoch_loss = epoch_acc = 0
    for text, text_lengths, label in train_loader:
        optimizer.zero_grad()
        predictions, _ = model(text.to(device), text_lengths)
        loss = criterion(predictions, label.to(device))
        acc = binary_accuracy(predictions, label)
        loss.backward()
        nn.utils.clip_grad_value_(model.parameters(), 0.5)
        optimizer.step()
        losses.append(loss.item())
        epoch_loss += loss.item()
        epoch_acc += acc.item()
    scheduler.step()
    model.eval()
    valid = 0
    with torch.no_grad():
        for text, text_lengths, label in valid_loader:
            predictions, weights = model(text, text_lengths)
            valid += criterion(predictions, label).item()
    print(f"Epoch: {epoch + 1:02}\tTrain Loss: {epoch_loss / len(train_loader):.3f} | "
          f"Train Acc: {epoch_acc / len(train_loader) * 100:.2f}%\t Val. Loss: {valid / 2:.3f}")
print(weights[0], predictions[:4])
print(model.embedding.weight)
