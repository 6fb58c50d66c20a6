"""Contrastive fine-tuning of a sentence encoder: texts that are booked alike get similar vectors.

The other pairs of a batch are a pair's negatives (InfoNCE, both ways). Notable: false negatives are masked
(`Pairs.alike`). There are many, since half of a batch may be payments.

The pairs of an epoch depend on the seed and its number alone, and each rank takes its part of the same global
batches. A pair's negatives are in the same rank's part, so results depend on the number of ranks.

Legend: B pairs of a batch (on one rank), W tokens, D dimensions of a vector.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from jet.extras import needed_for
from jet.texts.encoder import load_transformer, padded, pooled, quiet_transformers
from jet.texts.names import MULTILINGUAL, PACKAGED
from jet.training.loop import epoch_rows
from jet.training.optim import build_optimizer, learning_rate
from jet.training.pairs import Pairs
from jet.training.settings import FinetuneSettings


class Loaded(NamedTuple):
    """An encoder that is being fine-tuned."""

    tokenizer: Any
    model: nn.Module


def load_base(name: str, settings: FinetuneSettings, max_tokens: int) -> Loaded:
    """The transformer called `name` (`PACKAGED`, a folder, a name on the hub), ready to be trained.

    Its weights depend on `name` and the settings alone. Raises ValueError where it can't be loaded or isn't a
    transformer, and `MissingExtra` where lora's package isn't installed.
    """
    if name in ("", MULTILINGUAL):
        raise ValueError(
            f"retrieval.encoder is {name!r}, which can't be fine-tuned: give {PACKAGED!r}, a folder or a name "
            "on the Hugging Face hub"
        )
    tokenizer, model = load_transformer(name, max_tokens)
    if settings.method == "full":
        return Loaded(tokenizer, model)
    with needed_for("finetune.method lora"):
        import peft
    torch.manual_seed(settings.seed)
    lora = peft.LoraConfig(r=settings.lora_rank, lora_alpha=2 * settings.lora_rank, target_modules="all-linear")
    with quiet_transformers():  # peft reads names from it that transformers will change
        return Loaded(tokenizer, peft.get_peft_model(model, lora))


def save_encoder(loaded: Loaded, folder: Path) -> None:
    """Write an encoder folder that `retrieval.encoder` takes; lora's changes are merged into the weights."""
    merge: Callable[[], Any] = getattr(loaded.model, "merge_and_unload", lambda: loaded.model)
    with quiet_transformers():
        merge().save_pretrained(folder)
        loaded.tokenizer.save_pretrained(folder)


class Embedder(nn.Module):
    """A transformer with one forward pass from tokens to vectors, which DDP can wrap."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """float32 [2 B, D], of length 1, from int64 [2 B, W]."""
        return pooled(self.model, ids, mask)


def contrastive_loss(left: Tensor, right: Tensor, alike: Tensor, temperature: float) -> Tensor:
    """InfoNCE of pairs, `left` and `right` [B, D], both ways; pairs that are `alike`, bool [B, B], are no
    negatives.

    van den Oord, Li, Vinyals: Representation Learning with Contrastive Predictive Coding, 2018; both ways as in
    Radford et al.: Learning Transferable Visual Models From Natural Language Supervision, 2021.
    """
    positive = torch.eye(len(left), dtype=torch.bool, device=left.device)
    logits = (left @ right.T / temperature).masked_fill(alike & ~positive, -math.inf)
    target = torch.arange(len(left), device=left.device)
    cross_entropy = nn.functional.cross_entropy
    return (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2


class Finetuner:
    """Fine-tunes an encoder epoch by epoch.

    `embedder` is an `Embedder` on `device`, possibly wrapped for DDP. This process is `rank` of `world`, and
    takes its part of each batch.
    """

    def __init__(  # noqa: PLR0913 - the encoder's parts, and this process's place among the workers
        self,
        embedder: nn.Module,
        tokenizer: Any,
        pairs: Pairs,
        settings: FinetuneSettings,
        max_tokens: int,
        device: torch.device | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.embedder, self.tokenizer, self.pairs, self.settings = embedder, tokenizer, pairs, settings
        self.max_tokens, self.rank, self.world = max_tokens, rank, world
        self.device = device or torch.device("cpu")
        self.epoch = 0
        self.optim = settings.optim()
        self.optimizer = build_optimizer(embedder, self.optim)
        bf16 = settings.precision == "bf16" or (
            settings.precision == "auto" and self.device.type == "cuda" and torch.cuda.is_bf16_supported()
        )
        self.autocast = torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bf16)

    def train_epoch(self) -> dict[str, float]:
        """Train one epoch; returns sums over this rank's steps: `loss` and `steps`."""
        settings = self.settings
        seeds = np.random.SeedSequence([settings.seed, self.epoch, self.rank])
        torch.manual_seed(int(seeds.generate_state(1)[0]))
        self.embedder.train()
        drawn = self.pairs.draw(settings.seed, self.epoch, settings.max_pairs)
        order = epoch_rows(
            np.arange(len(drawn)), settings.seed, self.epoch, settings.batch_size, self.rank, self.world
        )
        loss = 0.0
        for number, rows in enumerate(order):
            # By epochs, since these may draw different numbers of pairs: the rate must fall to 0 with the last.
            self._set_rate((self.epoch + number / len(order)) / settings.epochs)
            loss += self._step(drawn[rows])
        self.epoch += 1
        return {"loss": loss, "steps": float(len(order))}

    def _set_rate(self, progress: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.optim, progress)

    def _step(self, pairs: np.ndarray) -> float:
        words = [self.pairs.texts[text] for text in pairs.T.reshape(-1)]
        tokens = self.tokenizer(words, truncation=True, max_length=self.max_tokens)["input_ids"]
        ids, mask = padded(tokens, max(map(len, tokens)), self.tokenizer.pad_token_id)
        alike = torch.from_numpy(self.pairs.alike(pairs)).to(self.device)
        with self.autocast:
            left, right = self.embedder(ids.to(self.device), mask.to(self.device)).chunk(2)
        loss = contrastive_loss(left, right, alike, self.settings.temperature)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.embedder.parameters(), self.settings.clip)
        if not torch.isfinite(norm):  # the same on every rank: DDP has averaged the gradients
            raise FloatingPointError(
                "a gradient is not finite: lower finetune.learning_rate, or use finetune.precision=fp32"
            )
        self.optimizer.step()
        return loss.item()

    @property
    def inner(self) -> nn.Module:
        """The transformer itself, without DDP's wrapping."""
        embedder: Any = getattr(self.embedder, "module", self.embedder)
        return embedder.model

    def state(self) -> dict[str, Any]:
        """The content of a checkpoint. Random state follows from seed and epoch."""
        return {
            "model": self.inner.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore a `state`."""
        self.inner.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch = state["epoch"]
