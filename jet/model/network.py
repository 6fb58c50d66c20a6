"""The copy decoder: an entry vector, a memory of neighbors, and a GRU that writes lines as tokens.

Every step mixes two distributions over the tokens of the entity's own chart: a pointer (what the network
makes of the entry) and a copy (the next line of similar, earlier entries). The mix is a constant: a
learned one trusts the pointer, which has memorised its training rows (62 against 66 points in our trials).

What may come next is part of the distribution, in training as in decoding: accounts open on the date, in
the catalog's token order, a debit first, stop only after a credit. So every sequence that ends is a valid
entry, and no two sequences are the same set of lines.

The network works on two tables, one vector per text and one per account. In training they hold what a
batch needs and gradients flow through them; for prediction they are computed once and kept (`Tables`).

Shapes: B entries, S steps (or beams), T tokens of an entry, K neighbors, L tokens of a neighbor,
C accounts of a chart, U texts or accounts in a table, D sentence dimensions, H hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jet.books.tokens import CLOSED, NOTHING
from jet.model.batch import CURRENCY_BUCKETS, DATE_FEATURES, JOURNAL_BUCKETS, Batch
from jet.model.neighbor_attention import NeighborMemory, copy_distribution, masked_softmax, mean_labels
from jet.model.pointer import JointHead
from jet.model.settings import ModelSettings
from jet.retrieval.corpus import Corpus

TINY = 1e-9
"""Added to probabilities before their logarithm."""
RESIDUAL_DROPOUT = 0.15
"""Share of accounts whose learned residual is dropped while training, so that new accounts work. That of our
trials (as `ENTITY_DROPOUT`); no figure speaks for another one."""
ENTITY_DROPOUT = 0.1
"""Share of entries whose entity is hidden while training, so that new entities work."""


@dataclass(frozen=True)
class TextInputs:
    """What the network reads of U texts: a sentence vector and a weighted bag of hashed n-grams each."""

    sentence: Tensor  # [U, D]
    bucket: Tensor  # [all n-grams]
    weight: Tensor  # [all n-grams]
    offset: Tensor  # [U] where each text's n-grams begin

    @classmethod
    def of(cls, corpus: Corpus, rows: np.ndarray) -> TextInputs:
        """The inputs of the texts in `rows` of the corpus's store."""
        part = corpus.ngrams[rows]
        return cls(
            sentence=torch.from_numpy(np.ascontiguousarray(corpus.store.vectors[rows], dtype=np.float32)),
            bucket=torch.from_numpy(part.indices.astype(np.int64)),
            weight=torch.from_numpy(part.data.astype(np.float32)),
            offset=torch.from_numpy(part.indptr[:-1].astype(np.int64)),
        )

    def to(self, device: torch.device) -> TextInputs:
        """The same inputs on `device`."""
        return TextInputs(*(t.to(device) for t in (self.sentence, self.bucket, self.weight, self.offset)))


@dataclass(frozen=True)
class Tables:
    """The vectors that a batch's row numbers point into."""

    text: Tensor  # [U, H]
    account: Tensor  # [U, H]

    def to(self, device: torch.device) -> Tables:
        """The same tables on `device`."""
        return Tables(self.text.to(device), self.account.to(device))


class TextProjection(nn.Module):
    """A text's vector: its projected sentence vector plus its n-gram bag."""

    def __init__(self, dimension: int, buckets: int, hidden: int) -> None:
        super().__init__()
        self.sentence = nn.Linear(dimension, hidden) if dimension else None
        self.ngrams = nn.EmbeddingBag(buckets, hidden, mode="sum")
        nn.init.normal_(self.ngrams.weight, std=0.3)
        self.norm = nn.LayerNorm(hidden)

    def forward(self, inputs: TextInputs) -> Tensor:
        """[U, H]."""
        vector = self.ngrams(inputs.bucket, inputs.offset, per_sample_weights=inputs.weight)
        if self.sentence is not None:
            vector = vector + self.sentence(inputs.sentence)
        return self.norm(vector)


@dataclass(frozen=True)
class Encoded:
    """Entries, encoded once; every step and every beam reads it."""

    batch: Batch
    entry: Tensor  # [B, H]
    hidden: Tensor  # [B, H] the decoder's first state
    accounts: Tensor  # [U, H] the table
    keys: Tensor  # [B, C, H] what the pointer compares with
    values: Tensor  # [B, K, H]
    present: Tensor  # [B, K] neighbors that are there (and not dropped)


@dataclass(frozen=True)
class Step:
    """One step's distribution and where it came from."""

    log_probs: Tensor  # [B, S, 2C + 1]; hugely negative where a token may not be used
    copied: Tensor  # [B, S, K] attention over neighbors' next tokens; zero where nothing could be copied
    copy_share: Tensor  # [B, S, 1] the gate


class JetNetwork(nn.Module):
    """See the module's docstring. `entities`, `accounts`: sizes of the catalog."""

    head_type: ClassVar[type[Any]] = JointHead
    """Built from the settings `hidden` and `l2_norm`."""

    def __init__(
        self, settings: ModelSettings, dimension: int, buckets: int, entities: int, accounts: int
    ) -> None:
        super().__init__()
        self.settings = settings
        hidden = settings.hidden
        self.entry_text = TextProjection(dimension, buckets, hidden)
        self.account_text = TextProjection(dimension, buckets, hidden)
        self.residual = nn.Embedding(accounts, hidden)
        nn.init.zeros_(self.residual.weight)  # an account that is never trained is its text
        self.entity = nn.Embedding(entities + 1, hidden)  # the last one: not known
        self.journal = nn.Embedding(JOURNAL_BUCKETS, hidden)
        self.currency = nn.Embedding(CURRENCY_BUCKETS, hidden)
        for table in (self.entity, self.journal, self.currency):
            nn.init.normal_(table.weight, std=0.1)
        self.date = nn.Linear(DATE_FEATURES, hidden)
        self.amount = nn.Linear(2, hidden)
        self.mix = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, hidden), nn.GELU())
        self.dropout = nn.Dropout(settings.dropout)
        self.start = nn.Parameter(torch.zeros(hidden))
        self.side = nn.Embedding(2, hidden)
        nn.init.normal_(self.side.weight, std=0.1)
        width = hidden
        if settings.memory != "none":
            self.memory = NeighborMemory(hidden, settings.memory == "labels", drops=settings.dropout > 0)
            width += hidden
        self.first = nn.Linear(width, hidden)
        self.gru = nn.GRU(hidden, hidden, batch_first=True)
        self.out = nn.Sequential(nn.Linear(width + hidden, hidden), nn.GELU(), nn.LayerNorm(hidden))
        self.head = self.head_type(hidden, settings.l2_norm)
        self.copies = settings.memory != "none" and settings.copy_share > 0

    @classmethod
    def for_corpus(cls, settings: ModelSettings, corpus: Corpus) -> Self:
        """A network of the corpus's sizes."""
        return cls(
            settings,
            dimension=corpus.store.dimension,
            buckets=len(corpus.idf),
            entities=len(corpus.catalog.entities),
            accounts=len(corpus.catalog),
        )

    # --- the two tables ---------------------------------------------------------------------------------

    def text_table(self, inputs: TextInputs) -> Tensor:
        """[U, H] the vectors of entries' texts."""
        return self.entry_text(inputs)

    def account_table(self, inputs: TextInputs, rows: Tensor) -> Tensor:
        """[U, H] the vectors of accounts: their text plus the learned residual of catalog `rows` [U]."""
        residual = self.residual(rows)
        if self.training and self.settings.dropout:
            keep = torch.rand(len(rows), 1, device=rows.device) >= RESIDUAL_DROPOUT
            residual = residual * keep
        return self.account_text(inputs) + residual

    # --- an entry ---------------------------------------------------------------------------------------

    def encode(self, batch: Batch, tables: Tables) -> Encoded:
        """Everything about the entries that does not depend on the step."""
        unknown = self.entity.num_embeddings - 1
        entity = torch.where(batch.entity < 0, unknown, batch.entity)
        if self.training and self.settings.dropout:
            hide = torch.rand(len(entity), device=entity.device) < ENTITY_DROPOUT
            entity = entity.masked_fill(hide, unknown)
        entry = (
            F.embedding(batch.text, tables.text)
            + self.entity(entity)
            + self.journal(batch.journal)
            + self.currency(batch.currency)
            + self.date(batch.date)
            + self.amount(batch.amount)
        )
        entry = self.dropout(self.mix(entry))
        # Scaled before they are spread out over the entries: a chart has hundreds of accounts.
        keys = F.embedding(batch.chart.clamp(min=0), self.head.keys(tables.account))
        present = batch.neighbor_row != NOTHING
        values = entry.new_zeros(*present.shape, entry.shape[-1])
        parts = [entry]
        if self.settings.memory != "none":
            present = self.memory.drop(present)
            text = F.embedding(batch.neighbor_text.clamp(min=0), tables.text)
            labels = None
            if self.memory.with_labels:
                labels = mean_labels(
                    batch.neighbor_tokens, batch.chart, tables.account, self.side.weight, batch.stop
                )
            values = self.memory.values(text, labels, batch.neighbor_features)
            no_prefix = entry.new_zeros(len(entry), 1, present.shape[1])
            scores = self.memory.scores(entry.unsqueeze(1), values, batch.neighbor_features, no_prefix)
            parts.append((masked_softmax(scores, present.unsqueeze(1)) @ values).squeeze(1))
        hidden = torch.tanh(self.first(torch.cat(parts, dim=-1)))
        return Encoded(batch, entry, hidden, tables.account, keys, values, present)

    def _token_vectors(self, accounts: Tensor, batch: Batch, tokens: Tensor) -> Tensor:
        """[B, S, H] vectors of `tokens` [B, S]; padding and stop get some vector, for the caller to mask."""
        token = tokens.clamp(0, batch.stop - 1)
        rows = batch.chart.gather(1, token // 2).clamp(min=0)
        return F.embedding(rows, accounts) + self.side(token % 2)

    # --- its lines --------------------------------------------------------------------------------------

    def advance(self, encoded: Encoded, previous: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder's states after reading `previous` tokens [B, S] (NOTHING: the start), one after another.

        `hidden` [B, H]. Returns states [B, S, H] and the last one [B, H].
        """
        states, last = self.gru(self.token_inputs(encoded, previous), hidden.unsqueeze(0).contiguous())
        return states, last.squeeze(0)

    def token_inputs(self, encoded: Encoded, previous: Tensor) -> Tensor:
        """[B, S, H] what the decoder reads of `previous` tokens [B, S]."""
        vectors = self._token_vectors(encoded.accounts, encoded.batch, previous)
        return torch.where((previous == NOTHING).unsqueeze(-1), self.start, vectors)

    def distribution(
        self, encoded: Encoded, states: Tensor, previous: Tensor, prefix: Tensor, following: Tensor
    ) -> Step:
        """What comes next, for S states of each entry.

        `previous` [B, S] the token before (NOTHING at the start), `prefix` bool [B, S, K] whether a neighbor
        begins with all that was written, `following` [B, S, K] its token at this step (NOTHING: it has none).
        """
        batch = encoded.batch
        allowed = allowed_tokens(batch.rank, previous)
        parts = [states, encoded.entry.unsqueeze(1).expand_as(states)]
        usable = encoded.present.unsqueeze(1) & (following != NOTHING)
        usable = usable & allowed.gather(2, following.clamp(min=0))
        scores = states.new_zeros(usable.shape)
        if self.settings.memory != "none":
            scores = self.memory.scores(
                states, encoded.values, batch.neighbor_features, prefix.to(states.dtype)
            )
            context = masked_softmax(scores, encoded.present.unsqueeze(1).expand_as(scores)) @ encoded.values
            parts.append(context)
        out = self.dropout(self.out(torch.cat(parts, dim=-1)))
        logits = self.head(out, encoded.keys, batch.rank[:, ::2] != CLOSED).float()
        pointed = masked_softmax(logits, allowed)
        if not self.copies:
            share = pointed.new_zeros(*pointed.shape[:2], 1)
            return Step(_log(pointed, allowed), torch.zeros_like(scores), share)
        copied = masked_softmax(scores.float(), usable)
        share = torch.full_like(pointed[..., :1], self.settings.copy_share)
        share = share * usable.any(-1, keepdim=True)
        mixed = (1 - share) * pointed + share * copy_distribution(copied, following, logits.shape[-1])
        return Step(_log(mixed, allowed), copied, share)

    def forward(
        self, batches: Sequence[Batch], texts: TextInputs, accounts: TextInputs, account_rows: Tensor
    ) -> list[Step]:
        """Teacher-forced distributions of all T steps of each batch's target.

        The row numbers in the batches point into `texts` and `accounts` (see `localized`), which are projected
        once for all.
        """
        tables = Tables(self.text_table(texts), self.account_table(accounts, account_rows))
        return [self.teacher_forced(batch, tables) for batch in batches]

    def teacher_forced(self, batch: Batch, tables: Tables) -> Step:
        """The distributions of all T steps of `batch.target`."""
        encoded = self.encode(batch, tables)
        previous = F.pad(batch.target[:, :-1], (1, 0), value=NOTHING)
        previous = torch.where(previous == batch.stop, NOTHING, previous)  # only in the padding
        states, _ = self.advance(encoded, previous, encoded.hidden)
        return self.distribution(encoded, states, previous, *follow_neighbors(batch))


def _log(probabilities: Tensor, allowed: Tensor) -> Tensor:
    return torch.log(probabilities + TINY).masked_fill(~allowed, -1e9)


def allowed_tokens(rank: Tensor, previous: Tensor) -> Tensor:
    """bool [B, S, 2C + 1]: which tokens may follow `previous` [B, S]; `rank` [B, 2C] of the batch."""
    stop = rank.shape[1]
    side = torch.arange(stop, device=rank.device) % 2
    begins = (previous == NOTHING).unsqueeze(-1)
    before = rank.gather(1, previous.clamp(0, stop - 1)).unsqueeze(-1)
    ordered = (rank.unsqueeze(1) >= torch.where(begins, 0, before)) & (rank != CLOSED).unsqueeze(1)
    pairs = torch.where(begins, ordered & (side == 0), ordered)
    ends = ~begins & (previous % 2 == 1).unsqueeze(-1)
    return torch.cat([pairs, ends], dim=-1)


def follow_neighbors(batch: Batch) -> tuple[Tensor, Tensor]:
    """For the target's T steps: prefix bool [B, T, K] and following [B, T, K], as `distribution` wants them."""
    steps = batch.target.shape[1]
    tokens = batch.neighbor_tokens
    missing = max(0, steps - tokens.shape[2])
    following = F.pad(tokens, (0, missing), value=NOTHING)[:, :, :steps].transpose(1, 2)
    same = (following == batch.target.unsqueeze(-1)) & (following != NOTHING)
    so_far = same.int().cumprod(1).bool()
    first = torch.ones_like(so_far[:, :1])
    return torch.cat([first, so_far[:, :-1]], dim=1), following


def localized(
    batches: Sequence[Batch], corpus: Corpus
) -> tuple[tuple[Batch, ...], TextInputs, TextInputs, Tensor]:
    """What `JetNetwork.forward` takes: the batches, and the texts and accounts that they need, each once."""
    texts = [each for batch in batches for each in (batch.text, batch.neighbor_text.clamp(min=0).flatten())]
    rows, text = torch.cat(texts).unique(return_inverse=True)
    charts = [batch.chart.clamp(min=0).flatten() for batch in batches]
    accounts, chart = torch.cat(charts).unique(return_inverse=True)
    own_text = iter(text.split([len(each) for each in texts]))
    own_chart = iter(chart.split([len(each) for each in charts]))
    local = [
        replace(
            batch,
            text=next(own_text),
            neighbor_text=next(own_text).view_as(batch.neighbor_text),
            chart=torch.where(batch.chart == NOTHING, NOTHING, next(own_chart).view_as(batch.chart)),
        )
        for batch in batches
    ]
    return (
        tuple(local),
        TextInputs.of(corpus, rows.numpy()),
        TextInputs.of(corpus, corpus.account_text[accounts.numpy()]),
        accounts,
    )
