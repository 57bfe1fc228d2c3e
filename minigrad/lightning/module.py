"""LightningModule without its base class, which is each library's own nn.Module."""
from .callbacks import Hooks, nothing


class ModuleHooks(Hooks):
    """A network with all that its training takes (lightning's LightningModule).

    Define `training_step(batch, batch_idx)`, which gives the loss or a dict with it; `configure_optimizers`,
    which gives the optimizer, {"optimizer": ..., "lr_scheduler": ...} or ([optimizer], [scheduler]); where
    wanted `validation_step`, the dataloaders, any hook below, and any of Callback's without the arguments
    trainer and pl_module. `log` and `log_dict` tell metrics: see `Trainer.log_metric`.
    """
    trainer = validation_step = None
    prepare_data = configure_model = train_dataloader = val_dataloader = nothing
    current_epoch = property(lambda self: self.trainer.current_epoch)
    global_step = property(lambda self: self.trainer.global_step)
    device = property(lambda self: next((p.device for p in self.parameters()), self.library.device("cpu")))

    def log(self, name, value, **options):
        if self.trainer is None:
            raise RuntimeError(f"{type(self).__name__} is not attached to a `Trainer`.\nLog within fit.")
        self.trainer.log_metric(name, value, **options)

    def log_dict(self, dictionary, **options):
        for name, value in dictionary.items():
            self.log(name, value, **options)

    def transfer_batch_to_device(self, batch, device, dataloader_idx):
        if isinstance(batch, (list, tuple)):
            return [ModuleHooks.transfer_batch_to_device(self, part, device, 0) for part in batch]
        return batch.to(device) if hasattr(batch, "to") else batch

    # What a subclass may do otherwise: (epoch, batch_idx, optimizer), ...
    optimizer_zero_grad = lambda self, epoch, batch_idx, optimizer: optimizer.zero_grad()  # noqa: E731
    backward = lambda self, loss: loss.backward()  # noqa: E731
    optimizer_step = lambda self, epoch, batch_idx, optimizer, closure: optimizer.step(closure)  # noqa: E731
    lr_scheduler_step = lambda self, scheduler, metric: scheduler.step()  # noqa: E731
    on_validation_model_zero_grad = lambda self: self.zero_grad()  # noqa: E731

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path, **kwargs):
        """A new module, `cls(**kwargs)`, with the weights of a Trainer's checkpoint."""
        model = cls(**kwargs)
        model.load_state_dict(cls.library.load(checkpoint_path)["state_dict"])
        return model
