"""A Vision Transformer on small images: patches, class token, stochastic depth, warm-up then cosine."""
import math
from functools import partial

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(42)
torch.backends.cudnn.benchmark = True
device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


def pair(t):
    return t if isinstance(t, tuple) else (t, t)


def drop_path(x, drop_prob: float = 0., training: bool = False):
    if drop_prob == 0. or not training:
        return x
    keep_prob = 1 - drop_prob
    shape = (x.shape[0],) + (1,) * (x.ndim - 1)
    random_tensor = keep_prob + torch.rand(shape, dtype=x.dtype, device=x.device)
    random_tensor.floor_()  # binarize
    return x.div(keep_prob) * random_tensor


class DropPath(nn.Module):
    def __init__(self, drop_prob=None):
        super(DropPath, self).__init__()
        self.drop_prob = drop_prob

    def forward(self, x):
        return drop_path(x, self.drop_prob, self.training)

    def extra_repr(self):
        return f"p={self.drop_prob:.3f}"


class PatchEmbed(nn.Module):
    def __init__(self, img_size=8, patch_size=4, in_chans=3, embed_dim=32):
        super().__init__()
        self.img_size, self.patch_size = pair(img_size), pair(patch_size)
        self.grid_size = tuple(s // p for s, p in zip(self.img_size, self.patch_size))
        self.num_patches = self.grid_size[0] * self.grid_size[1]
        self.proj = nn.Conv2d(in_chans, embed_dim, kernel_size=patch_size, stride=patch_size)

    def forward(self, x):
        B, C, H, W = x.shape
        assert (H, W) == self.img_size
        return self.proj(x).flatten(2).transpose(1, 2)  # BCHW -> BNC


class Attention(nn.Module):
    def __init__(self, dim, num_heads=8, qkv_bias=False, attn_drop=0., proj_drop=0.):
        super().__init__()
        self.num_heads = num_heads
        self.scale = (dim // num_heads) ** -0.5
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.attn_drop = nn.Dropout(attn_drop)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(proj_drop)

    def forward(self, x):
        B, N, C = x.shape
        qkv = self.qkv(x).reshape(B, N, 3, self.num_heads, C // self.num_heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        attn = (q @ k.transpose(-2, -1)) * self.scale
        attn = attn.softmax(dim=-1)
        attn = self.attn_drop(attn)
        x = (attn @ v).transpose(1, 2).reshape(B, N, C)
        return self.proj_drop(self.proj(x))


class Block(nn.Module):
    def __init__(self, dim, num_heads, mlp_ratio=4., drop=0., drop_path=0., norm_layer=nn.LayerNorm):
        super().__init__()
        self.norm1 = norm_layer(dim)
        self.attn = Attention(dim, num_heads, qkv_bias=True, attn_drop=drop, proj_drop=drop)
        self.drop_path = DropPath(drop_path) if drop_path > 0. else nn.Identity()
        self.norm2 = norm_layer(dim)
        hidden = int(dim * mlp_ratio)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Dropout(drop), nn.Linear(hidden, dim))

    def forward(self, x):
        x = x + self.drop_path(self.attn(self.norm1(x)))
        x = x + self.drop_path(self.mlp(self.norm2(x)))
        return x


class VisionTransformer(nn.Module):
    def __init__(self, img_size=8, patch_size=4, num_classes=5, embed_dim=24, depth=3, num_heads=3,
                 drop_rate=0.1, drop_path_rate=0.2):
        super().__init__()
        norm_layer = partial(nn.LayerNorm, eps=1e-6)
        self.patch_embed = PatchEmbed(img_size, patch_size, 3, embed_dim)
        num_patches = self.patch_embed.num_patches
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, num_patches + 1, embed_dim))
        self.pos_drop = nn.Dropout(p=drop_rate)
        dpr = [x.item() for x in torch.linspace(0, drop_path_rate, depth)]
        self.blocks = nn.ModuleList([
            Block(embed_dim, num_heads, drop=drop_rate, drop_path=dpr[i], norm_layer=norm_layer)
            for i in range(depth)])
        self.norm = norm_layer(embed_dim)
        self.head = nn.Linear(embed_dim, num_classes)
        nn.init.trunc_normal_(self.pos_embed, std=.02)
        nn.init.trunc_normal_(self.cls_token, std=.02)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.trunc_normal_(m.weight, std=.02)
                if isinstance(m, nn.Linear) and m.bias is not None:
                    nn.init.constant_(m.bias, 0)
            elif isinstance(m, nn.LayerNorm):
                nn.init.constant_(m.bias, 0)
                nn.init.constant_(m.weight, 1.0)

    def forward(self, x):
        B = x.shape[0]
        x = self.patch_embed(x)
        cls_tokens = self.cls_token.expand(B, -1, -1)
        x = torch.cat((cls_tokens, x), dim=1)
        x = x + self.pos_embed
        x = self.pos_drop(x)
        for blk in self.blocks:
            x = blk(x)
        return self.head(self.norm(x)[:, 0])


class Stripes(Dataset):
    """Images of stripes, one direction and width per class."""

    def __init__(self, size, transform=None):
        generator = torch.Generator().manual_seed(0)
        self.targets = torch.randint(0, 5, (size,), generator=generator)
        self.noise = torch.randn(size, 3, 8, 8, generator=generator)
        self.transform = transform

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        target = int(self.targets[index])
        rows, columns = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
        image = torch.sin((rows * target + columns * (4 - target)) / 2 * math.pi / 4)
        image = image.unsqueeze(0).repeat(3, 1, 1) + 0.3 * self.noise[index]
        if self.transform is not None:
            image = self.transform(image)
        return image, target


def flip(image):
    return image.flip(-1) if torch.rand(1) < 0.5 else image


train_loader = DataLoader(Stripes(40, flip), batch_size=8, shuffle=True, num_workers=0, pin_memory=False,
                          drop_last=True)
test_loader = DataLoader(Stripes(20), batch_size=10)
model = VisionTransformer().to(device)
n_parameters = sum(p.numel() for p in model.parameters() if p.requires_grad)
print("number of params:", n_parameters)

decay, no_decay = [], []
for name, param in model.named_parameters():
    if param.ndim <= 1 or name.endswith(".bias") or name in ("cls_token", "pos_embed"):
        no_decay.append(param)
    else:
        decay.append(param)
optimizer = torch.optim.AdamW([{"params": no_decay, "weight_decay": 0.}, {"params": decay}], lr=5e-3,
                              weight_decay=0.05)
epochs, steps = 4, len(train_loader)
scheduler = SequentialLR(optimizer, schedulers=[
    LinearLR(optimizer, start_factor=0.1, total_iters=steps),
    CosineAnnealingLR(optimizer, T_max=(epochs - 1) * steps, eta_min=1e-5)], milestones=[steps])
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)

losses = []
for epoch in range(epochs):
    model.train()
    running = 0.0
    for i, (images, targets) in enumerate(train_loader):
        images = images.to(device, non_blocking=True)
        targets = targets.to(device, non_blocking=True)
        # mixup
        lam, index = float(torch.rand(1).clamp(0.6, 1.0)), torch.randperm(images.size(0))
        mixed = lam * images + (1 - lam) * images[index]
        outputs = model(mixed)
        loss = lam * criterion(outputs, targets) + (1 - lam) * criterion(outputs, targets[index])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
        running += loss.item()
    model.eval()
    correct, total = 0, 0
    with torch.inference_mode():
        for images, targets in test_loader:
            predicted = model(images.to(device)).argmax(dim=1)
            total += targets.size(0)
            correct += (predicted == targets.to(device)).sum().item()
    print(f"Epoch {epoch}: loss {running / steps:.4f}, lr {scheduler.get_last_lr()[0]:.6f}, "
          f"accuracy {100. * correct / total:.1f}%")
with torch.no_grad():
    print(F.softmax(model(images), dim=-1)[:3])
print(model.blocks[1])
