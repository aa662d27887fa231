"""The arguments of the policy that every optimizer takes, and what they may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from annlib.core.checks import check_count, check_flag, check_name, check_number
from annlib.core.errors import ConfigurationError
from annlib.optimizers.clipping import check_limits

if TYPE_CHECKING:
    from annlib.optimizers.base import Optimizer


class PolicyArguments(TypedDict, total=False):
    """The keyword arguments that every optimizer takes."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    gradient_accumulation_steps: int | None
    name: str | None


class OptimizerArguments(PolicyArguments, total=False):
    """The same with the weight decay, which ``AdamW`` has among its own."""

    weight_decay: float | None


def check_policy(optimizer: Optimizer) -> None:
    """Raise ``ConfigurationError`` for arguments that cannot be meant, alone or together."""
    where = type(optimizer).__name__
    if optimizer.weight_decay is not None:
        check_number(optimizer.weight_decay, where, "weight_decay", "[0, inf)")
    check_limits(
        where,
        clipnorm=optimizer.clipnorm,
        clipvalue=optimizer.clipvalue,
        global_clipnorm=optimizer.global_clipnorm,
    )
    check_flag(optimizer.use_ema, where, "use_ema")
    check_name(optimizer.name, where)
    check_number(optimizer.ema_momentum, where, "ema_momentum", "[0, 1]")
    if (frequency := optimizer.ema_overwrite_frequency) is not None:
        check_count(frequency, where, "ema_overwrite_frequency")
        if not optimizer.use_ema:
            raise ConfigurationError(
                f"{where}: expected use_ema=True with ema_overwrite_frequency={frequency}, got "
                f"{optimizer.use_ema!r}."
            )
    if (steps := optimizer.gradient_accumulation_steps) is not None:
        check_count(steps, where, "gradient_accumulation_steps", 2)
