"""The optimizer, the learning-rate schedule, and gradient clipping by groups.

Every parameter is in exactly one clip group: the heads ("pointer"), the GRU and what is around it ("decoder"),
the tables of accounts, entities, journals and n-grams ("embeddings"), everything else ("encoder"). The ancestor
matched groups by name and left most layers out.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from jet.training.settings import OptimSettings

CLIP_GROUPS = ("pointer", "decoder", "embeddings", "encoder")


def clip_groups(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """The parameters of `model` by clip group; each is in exactly one."""
    groups: dict[str, list[nn.Parameter]] = {name: [] for name in CLIP_GROUPS}
    for module_name, module in model.named_modules():
        for parameter in module.parameters(recurse=False):
            groups[_group_of(module_name, module)].append(parameter)
    return groups


def _group_of(name: str, module: nn.Module) -> str:
    if isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
        return "embeddings"
    top = name.split(".")[0]
    if top == "head":
        return "pointer"
    return "decoder" if top in ("gru", "out", "first", "memory") else "encoder"


def build_optimizer(model: nn.Module, settings: OptimSettings) -> torch.optim.AdamW:
    """AdamW over all parameters, with weight decay on those with two or more dimensions."""
    decayed = [p for p in model.parameters() if p.dim() >= 2]
    plain = [p for p in model.parameters() if p.dim() < 2]
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)


def learning_rate(settings: OptimSettings, progress: float) -> float:
    """The learning rate at `progress` (0 to 1) of the training."""
    if settings.warmup and progress < settings.warmup:
        return settings.learning_rate * max(progress, 1e-3) / settings.warmup
    done = (progress - settings.warmup) / (1 - settings.warmup)
    wave = (1 + math.cos(math.pi * min(1.0, done))) / 2
    return settings.learning_rate * (settings.final_share + (1 - settings.final_share) * wave)


def clip_gradients(groups: dict[str, list[nn.Parameter]], settings: OptimSettings) -> dict[str, float]:
    """Clip the gradients of each group to `settings.clip`; returns their norms before clipping."""
    return {
        name: float(torch.nn.utils.clip_grad_norm_(parameters, settings.clip))
        for name, parameters in groups.items()
        if parameters
    }
