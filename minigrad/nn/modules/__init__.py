"""The modules, from which nn takes its names (torch.nn.modules)."""
