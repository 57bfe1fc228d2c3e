"""The callbacks are the same for both libraries."""

from minigrad.lightning.callbacks import *  # noqa: F403
