"""trainer(): a regression with MSE, momentum, TensorBoard, the best model saved, early stopping.

From the notes AI&Pytorch基础, section 训练相关; the data are made here, as sklearn's make_regression does.
"""
import math
import os

import numpy as np
from _common import start, summary_writer, wrote
from tqdm import tqdm

torch, options = start(__doc__, epochs=60, early_stop=5, learning_rate=0.003)
nn = torch.nn
TensorDataset, DataLoader = torch.utils.data.TensorDataset, torch.utils.data.DataLoader
SummaryWriter = summary_writer(torch)


# 训练部分
def trainer(train_loader, valid_loader, model, config, device):
    # 定义损失函数
    criterion = nn.MSELoss(reduction='mean')

    # 定义优化器
    optimizer = torch.optim.SGD(model.parameters(), lr=config['learning_rate'], momentum=0.9)

    # Tensorboard 的记录器
    writer = SummaryWriter(config['log_dir'])

    # 创建文件夹-用于存储模型
    # (os.mkdir, in the notes, makes './models' only, wherever save_path is)
    os.makedirs(os.path.dirname(config['save_path']), exist_ok=True)

    # 传入超参数
    n_epochs, best_loss, step, early_stop_count = config['n_epochs'], math.inf, 0, 0

    # 训练循环，遍历所有epoch
    for epoch in range(n_epochs):
        model.train()  # 开启训练模式（启用Dropout/BatchNorm等训练专用层）
        loss_record = []  # 初始化空列表，记录当前epoch的所有batch损失

        # 设置进度条（在每轮训练的过程中显示训练进度）
        train_pbar = tqdm(train_loader, position=0, leave=False)
        train_pbar.set_description(f'Epoch [{epoch + 1}/{n_epochs}]')

        # 遍历训练集的所有batch
        for x, y in train_pbar:
            # --- 前向传播 & 计算损失 ---
            optimizer.zero_grad()  # 清空优化器中的上一次计算的梯度（防止梯度累积）
            x, y = x.to(device), y.to(device)  # 将数据移动到CPU/GPU
            pred = model(x)  # 模型前向计算，得到预测值
            # pred and y have the same shape, [batch, 1]: of [batch, 1] and [batch] MSELoss would make
            # [batch, batch], and learn the mean (it warns)
            loss = criterion(pred, y)  # 计算预测值与真实值的损失

            # --- 反向传播 & 参数更新 ---
            loss.backward()  # 反向传播，计算梯度
            optimizer.step()  # 根据梯度更新模型参数

            # --- 记录训练信息 ---
            step += 1  # 全局步数计数器（用于TensorBoard记录）
            loss_record.append(loss.detach().item())  # 记录当前batch的损失（脱离计算图）

        # --- 计算并记录当前epoch的平均训练损失 ---
        mean_train_loss = sum(loss_record) / len(loss_record)  # 计算epoch平均损失
        writer.add_scalar('Loss/train', mean_train_loss, step)  # 写入TensorBoard

        # ===== 验证阶段 =====
        model.eval()  # 设置模型为评估模式（关闭Dropout/BatchNorm的随机性）
        loss_record = []  # 重置损失记录列表

        # 遍历验证集的所有batch（无需梯度计算）
        for x, y in valid_loader:
            x, y = x.to(device), y.to(device)
            with torch.no_grad():  # 禁用自动求导以节省内存/计算资源
                pred = model(x)
                loss = criterion(pred, y)
            loss_record.append(loss.item())  # 记录验证损失

        # --- 计算验证指标 ---
        mean_valid_loss = sum(loss_record) / len(loss_record)
        # 打印epoch结果（训练损失 + 验证损失）
        print(f'Epoch [{epoch + 1}/{n_epochs}]: '
              f'Train loss: {mean_train_loss:.4f}, Valid loss: {mean_valid_loss:.4f}')
        writer.add_scalar('Loss/valid', mean_valid_loss, step)  # 记录验证损失

        # ====== 模型保存 & 早停机制 ======
        if mean_valid_loss < best_loss:  # 如果当前模型更优
            best_loss = mean_valid_loss  # 更新最佳验证损失
            torch.save(model.state_dict(), config['save_path'])  # 保存模型权重
            print('Saving model with loss {:.3f}...'.format(best_loss))  # noqa: UP032
            early_stop_count = 0  # 重置早停计数器
        else:
            early_stop_count += 1  # 模型未提升，计数器+1

        # 检查是否触发早停条件
        if early_stop_count >= config['early_stop']:
            print('\nModel is not improving, training stopped.')
            break  # 终止训练循环
    writer.close()      # (not in the notes: what was written last may never reach the file)
    return best_loss


random = np.random.RandomState(options.seed)
features = random.randn(600, 8)
targets = np.sin(features[:, :1]) + features[:, 1:2] * features[:, 2:3] + 0.1 * random.randn(600, 1)
x, y = (torch.from_numpy(array).to(options.dtype) for array in (features, targets))
train_loader = DataLoader(TensorDataset(x[:400], y[:400]), batch_size=20, shuffle=True)
valid_loader = DataLoader(TensorDataset(x[400:], y[400:]), batch_size=50)

config = {'n_epochs': options.epochs, 'learning_rate': options.learning_rate,
          'early_stop': options.early_stop,
          'log_dir': options.out / 'tensorboard', 'save_path': options.out / 'models' / 'model.ckpt'}
model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
best_loss = trainer(train_loader, valid_loader, model.to(options.device), config, options.device)
wrote(config['log_dir'])
wrote(config['save_path'])

model.load_state_dict(torch.load(config['save_path']))
with torch.no_grad():
    losses = [nn.functional.mse_loss(model(x.to(options.device)), y.to(options.device))
              for x, y in valid_loader]
print(f'reloaded: valid loss {torch.stack(losses).mean().item():.4f}, best was {best_loss:.4f}')
