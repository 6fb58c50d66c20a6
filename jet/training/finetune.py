"""Fine-tuning of a sentence encoder on booked entries, contrastively: what is booked alike comes closer.

A pair is a description and what it belongs to: another text that the same entity booked to the same lines, or
the text of an account it was booked to. The other pairs of a batch are its negatives (InfoNCE, both ways).
Notable: negatives that are none are masked. Two texts that were ever booked to the same lines, in whichever
company, and a text and an account it was ever booked to are no negatives of each other; in books, where half
of a batch may be payments, that is many. Pairs are drawn from distinct texts rather than from entries: the
rent, booked every month in the same words, would teach nothing twelve times.

What an epoch draws depends only on the seed and its number, and each rank takes its part of the same global
batches. Negatives are each rank's own, so the number of ranks bears on what comes out.

Legend: U distinct texts, P pairs, B pairs of a batch (on one rank), W tokens, D dimensions of a vector.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from jet.books.catalog import Catalog
from jet.books.split import TRAIN, SplitSettings, split_by_date
from jet.extras import needed_for
from jet.texts.encoder import MULTILINGUAL, PACKAGED, load_transformer, padded, pooled, quiet_transformers
from jet.texts.normalize import normalize_all
from jet.training.loop import epoch_rows
from jet.training.optim import OptimSettings, build_optimizer, learning_rate

LEARNING_RATES = {"full": 5e-5, "lora": 5e-4}
"""Where `FinetuneSettings.learning_rate` is null: an adapter begins at nothing and has farther to go."""


@dataclass(kw_only=True)
class FinetuneSettings:
    """The fine-tuning of an encoder."""

    method: Literal["full", "lora"] = "full"
    """full: all weights. lora: low-rank changes of the linear layers, which are merged into them in the end; it
    needs less memory for the optimizer. Needs the package peft."""
    seed: int = 0
    """Of the pairs, their order, everything dropped at random and the adapter's first weights."""
    batch_size: int = 64
    """Pairs a step, over all workers. A pair's negatives are the others of its worker's part."""
    epochs: int = 3
    """Passes over the distinct texts; each draws other pairs."""
    max_pairs: int = 200_000
    """Most pairs of an epoch."""
    learning_rate: float | None = None
    """Highest learning rate; null: 5e-5, or 5e-4 with lora."""
    weight_decay: float = 0.01
    """On matrices; vectors and norms have none."""
    warmup: float = 0.1
    """Share of the fine-tuning over which the learning rate rises from 0; then it falls to 0."""
    temperature: float = 0.05
    """Cosines are divided by it before the softmax."""
    clip: float = 1.0
    """Largest gradient norm."""
    lora_rank: int = 16
    """Rank of the changes that lora learns."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 where the device is a GPU that has it, fp32 elsewhere."""

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 2), ("epochs", 1), ("max_pairs", 2), ("lora_rank", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"finetune.{name} must be at least {least}, got {getattr(self, name)}")
        for name in ("temperature", "clip", "learning_rate"):
            if getattr(self, name) is not None and getattr(self, name) <= 0:
                raise ValueError(f"finetune.{name} must be above 0, got {getattr(self, name)}")
        self.optim()

    def optim(self) -> OptimSettings:
        """The optimizer's settings: the learning rate falls to 0."""
        return OptimSettings(
            learning_rate=self.learning_rate or LEARNING_RATES[self.method],
            weight_decay=self.weight_decay,
            warmup=self.warmup,
            final_share=0.0,
        )


@dataclass(frozen=True)
class Pairs:
    """The texts that training entries and their accounts have, and what is booked alike."""

    texts: list[str]
    """[U] normalized, distinct."""
    sets: np.ndarray
    """int64 [M, 2]: (set of an entity, text) as they occur, distinct and sorted."""
    bookings: np.ndarray
    """int64 [N, 2]: (text, text of an account it was booked to) as they occur, distinct and sorted."""
    means: sp.csr_matrix
    """float32 [U, J]: what each text was booked to, as a description: sets of codes, and account texts."""
    offers: sp.csr_matrix
    """float32 [U, J]: of those, what makes a text a match of others: as a description its sets (the account of
    the bank alone makes no two entries alike), as an account's text itself."""

    @classmethod
    def of(cls, entries: pa.Table, accounts: pa.Table, split: SplitSettings) -> Pairs:
        """From `entries` (schema `ENTRIES`) and their charts (`ACCOUNTS`): those of the training split alone.

        Raises ValueError where no pair can be made of them.
        """
        entries = entries.filter(pc.is_valid(entries["lines"])).combine_chunks()
        catalog = Catalog.from_accounts(accounts)
        days = entries["date"].cast(pa.int32()).to_numpy()
        parts = split_by_date(catalog.entity_numbers(entries["entity"]), days, split)
        entries = entries.filter(pa.array(parts == TRAIN))
        entity = entries["entity"].to_pylist()
        description = normalize_all(entries["description"]).to_pylist()
        account_text = normalize_all(catalog.texts()).to_pylist()
        keys = zip(*(catalog.accounts[name].to_pylist() for name in ("entity", "code")), strict=True)
        texts, owned, spelled = _Numbers(), _Numbers(), _Numbers()
        text_of = dict(zip(keys, map(texts.number, account_text), strict=True))
        sets, codes, bookings = set(), set(), set()
        for name, words, lines in zip(entity, description, entries["lines"].to_pylist(), strict=True):
            if not words:
                continue
            text = texts.number(words)
            booked = tuple(sorted((line["account"], line["side"]) for line in lines))
            sets.add((owned.number((name, booked)), text))
            codes.add((text, spelled.number(booked)))
            named = {text_of.get((name, account), text) for account, _ in booked}
            bookings |= {(text, account) for account in named if account != text}
        found = cls._of(texts.names, *(_rows(each) for each in (sets, codes, bookings)))
        if len(found.draw(0, 0, 2)) < 2:
            raise ValueError(
                f"no pairs can be made of {len(entries)} training entries with "
                f"{len(np.unique(found.sets[:, 1]))} distinct texts: it takes booked entries with "
                "descriptions, and charts of accounts or several texts a set"
            )
        return found

    @classmethod
    def _of(cls, texts: list[str], sets: np.ndarray, codes: np.ndarray, bookings: np.ndarray) -> Pairs:
        size = len(texts)
        accounts = np.unique(bookings[:, 1])
        itself = np.stack([accounts, accounts], axis=1)
        spelled = int(codes[:, 1].max(initial=-1)) + 1
        by_set = _incidence(codes, (size, spelled))
        means = sp.hstack([by_set, _incidence(bookings, (size, size))], format="csr")
        offers = sp.hstack([by_set, _incidence(itself, (size, size))], format="csr")
        return cls(texts, sets, bookings, means, offers)

    def draw(self, seed: int, epoch: int, most: int) -> np.ndarray:
        """int64 [P, 2]: the pairs of an epoch, texts by number, at most `most`, in random order.

        Each text of a set with several goes with another of them, and each description with one of its
        accounts: the rarer an account, the likelier, since the bank says little.
        """
        random = np.random.default_rng([seed, epoch])
        owner, text = self.sets.T
        first = np.searchsorted(owner, owner)
        size = np.searchsorted(owner, owner, side="right") - first
        partner = first + (np.arange(len(owner)) - first + random.integers(1, np.maximum(2, size))) % size
        alike = np.stack([text, text[partner]], axis=1)[size > 1]
        weight = (
            1 / np.bincount(self.bookings[:, 1])[self.bookings[:, 1]] if len(self.bookings) else np.empty(0)
        )
        # The largest of log weight + Gumbel noise falls on each account with its share of the weights.
        order = np.lexsort((np.log(weight) + random.gumbel(size=len(weight)), self.bookings[:, 0]))
        drawn = self.bookings[order]
        last = np.append(drawn[1:, 0] != drawn[:-1, 0], True)[: len(drawn)]
        return random.permutation(np.concatenate([alike, drawn[last]]))[:most]

    def alike(self, pairs: np.ndarray) -> np.ndarray:
        """bool [B, B]: whether the first of pair i and the second of pair j belong together."""
        return (self.means[pairs[:, 0]] @ self.offers[pairs[:, 1]].T).toarray() > 0


class _Numbers:
    """Numbers of things, in the order in which they are met."""

    def __init__(self) -> None:
        self._known: dict[Any, int] = {}

    def number(self, thing: Any) -> int:
        return self._known.setdefault(thing, len(self._known))

    @property
    def names(self) -> list[Any]:
        return list(self._known)


def _rows(pairs: set[tuple[int, int]]) -> np.ndarray:
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


def _incidence(pairs: np.ndarray, shape: tuple[int, int]) -> sp.csr_matrix:
    return sp.csr_matrix((np.ones(len(pairs), np.float32), pairs.T), shape=shape)


class Loaded(NamedTuple):
    """An encoder that is being fine-tuned."""

    tokenizer: Any
    model: nn.Module


def load_base(name: str, settings: FinetuneSettings, max_tokens: int) -> Loaded:
    """The transformer called `name` (`PACKAGED`, a folder, a name on the hub), ready to be trained.

    Its weights follow from `name` and the settings alone. Raises ValueError where it can't be loaded or isn't a
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
    with quiet_transformers():  # peft asks it for what it is going to rename
        return Loaded(tokenizer, peft.get_peft_model(model, lora))


def save_encoder(loaded: Loaded, folder: Path) -> None:
    """Write an encoder folder that `retrieval.encoder` takes; lora's changes are merged into the weights."""
    merge: Callable[[], Any] = getattr(loaded.model, "merge_and_unload", lambda: loaded.model)
    with quiet_transformers():
        merge().save_pretrained(folder)
        loaded.tokenizer.save_pretrained(folder)


class Embedder(nn.Module):
    """A transformer as what a training step needs of it: one forward pass from tokens to vectors."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """float32 [2 B, D], of length 1, from int64 [2 B, W]."""
        return pooled(self.model, ids, mask)


def contrastive_loss(left: Tensor, right: Tensor, alike: Tensor, temperature: float) -> Tensor:
    """InfoNCE of pairs, `left` and `right` [B, D], both ways; what is `alike`, bool [B, B], is no negative.

    van den Oord, Li, Vinyals: Representation Learning with Contrastive Predictive Coding, 2018; both ways as in
    Radford et al.: Learning Transferable Visual Models From Natural Language Supervision, 2021.
    """
    own = torch.eye(len(left), dtype=torch.bool, device=left.device)
    logits = (left @ right.T / temperature).masked_fill(alike & ~own, -math.inf)
    target = torch.arange(len(left), device=left.device)
    cross_entropy = nn.functional.cross_entropy
    return (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2


class Finetuner:
    """Fine-tunes an encoder epoch by epoch.

    `embedder` is what computes (possibly wrapped for DDP, on `device`), `rank` and `world` say which part of
    each batch is this process's.
    """

    def __init__(
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
        """One pass; returns sums over this rank's steps: `loss` and `steps`."""
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
            # Epochs draw about equally many pairs; what counts is that the rate falls to 0 with the last.
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
        """Everything needed to go on: a checkpoint's content. Random state follows from seed and epoch."""
        return {
            "model": self.inner.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.inner.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch = state["epoch"]
