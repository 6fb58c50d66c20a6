"""Small books, made up, and what is built from them through the library's own doors."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
import torch

from jet.api import Model
from jet.books.schema import ACCOUNTS, ENTRIES, PREDICTIONS
from jet.books.split import TRAIN, SplitSettings
from jet.books.tokens import NOTHING
from jet.bundle.bundle import Bundle
from jet.config import JetConfig
from jet.evaluation.baselines.ancestor import AncestorNetwork
from jet.model.batch import Batch, collate, held_hits
from jet.model.batch import with_target as booked_batch
from jet.model.network import JetNetwork, Step, Tables, allowed_tokens, follow_neighbors
from jet.model.settings import ModelSettings
from jet.model.tables import account_vectors, text_vectors
from jet.prediction.calibrating import calibrate
from jet.prediction.settings import PredictSettings
from jet.ranking.settings import RankerSettings
from jet.retrieval.retriever import Retriever
from jet.retrieval.settings import RetrievalSettings
from jet.training.fitting import build_network, fit_ranker, steps_per_epoch
from jet.training.loop import Trainer, epoch_rows
from jet.training.preparing import prepared
from jet.training.settings import LossSettings, OptimSettings, TrainSettings

FIRST_DAY = date(2023, 1, 2)
MAX_LINES = 6

# Said in full, so that tuning the defaults moves no figure of a test.
RETRIEVAL = RetrievalSettings(
    neighbors=5,
    encoder="",
    ngram_weight=0.5,
    journal_bonus=0.1,
    same_masked_text_bonus=0.05,
    recency_bonus=0.01,
    latest=2,
    peers=2,
    peers_below=500,
)
NETWORKS = pytest.mark.parametrize("kind", [JetNetwork, AncestorNetwork])
"""Both heads: what holds of one network is to hold of the other."""
MODEL = ModelSettings(
    hidden=16,
    max_lines=MAX_LINES,
    l2_norm=True,
    memory="labels",
    neighbors=5,
    peers=2,
    copy_share=0.88,
    dropout=0.3,
)
SPLIT = SplitSettings(train=0.7, calibration=0.15)
RANKER = RankerSettings(prior="", candidates=16, hidden=16, nets=1, epochs=4, batch_size=32)
LOSSES = LossSettings(pointer=1.0, side=1.0, stop=1.0)
OPTIM = OptimSettings(
    learning_rate=5e-3,
    weight_decay=0.05,
    warmup=0.05,
    final_share=0.05,
    clip=1.0,
)

CHARTS = {
    "alder": {
        "1930": "bank",
        "1510": "customers",
        "2440": "suppliers",
        "2611": "vat out",
        "2641": "vat in",
        "3001": "sales",
        "5010": "rent",
        "6110": "paper",
        "7010": "salaries",
    },
    "birch": {"10": "cash", "20": "income", "30": "rent", "40": "travel", "50": "wages", "60": "tax"},
}
CLOSED_ON = FIRST_DAY + timedelta(days=60)
"""The last day of alder's account 6110."""
OPENED_ON = FIRST_DAY + timedelta(days=160)
"""The first day of alder's account 6111, after all training rows."""

# What each company books: a text, whether a number follows it, and the lines.
HABITS = {
    "alder": [
        ("office rent", False, "D5010 C1930"),
        ("customer invoice", True, "D1510 C2611 C3001"),
        ("supplier acme", True, "D2641 D5010 C2440"),
        ("salary run", False, "D7010 D7010 C1930 C1930 C2611"),
        ("acme paid", True, "D2440 C1930"),
    ],
    "birch": [
        ("rent", False, "D30 C10"),
        ("ticket", True, "D40 D60 C10"),
        ("client", True, "D10 C20"),
        ("wages", False, "D50 D60 C10 C60"),
    ],
}


# A third company that keeps its books by alder's standard, with names and accounts of its own.
STANDARD = {
    "1510": "customers",
    "1930": "bank account",
    "1940": "savings",
    "2440": "suppliers",
    "2611": "vat out",
    "2641": "vat in",
    "3001": "sales",
    "5010": "rent",
    "7010": "salaries",
}
FAMILY_HABITS = HABITS | {
    "ash": [
        ("supplier acme", True, "D5010 D2641 C2440"),
        ("customer invoice", True, "D1510 C3001 C2611"),
        ("salary run", False, "D7010 C1930"),
        ("rent of two shops", True, "D5010 D5010 C1930"),  # so that rent comes before vat, unlike alder's
        ("put by", False, "D1940 C1930"),  # alder has no such account
    ]
}


def lines(spelled):
    """`"D5010 C1930"`, or with amounts `"D5010:80.00 C1930:80.00"`, as the lines of an entry."""
    made = []
    for word in spelled.split():
        account, _, amount = word[1:].partition(":")
        amount = Decimal(amount) if amount else None
        made.append(
            {
                "account": account,
                "side": word[0],
                "amount": amount,
                "currency": "",
                "text": "",
                "dimensions": [],
            }
        )
    return made


def entry(entity, entry_id, day, text, spelled=None, total=None, journal="A", currency="SEK"):
    return {
        "entity": entity,
        "entry_id": entry_id,
        "date": FIRST_DAY + timedelta(days=day),
        "description": text,
        "currency": currency,
        "journal": journal,
        "total": None if total is None else Decimal(total),
        "lines": None if spelled is None else lines(spelled),
        "file": "made-up",
        "file_line": 1,
        "direction": "",
    }


def entries_table(rows):
    return pa.Table.from_pylist(rows, schema=ENTRIES)


def account(entity, code, name="", parent=None, nature=None, opened=None, closed=None):
    return {
        "entity": entity,
        "code": code,
        "name": name,
        "parent": parent,
        "nature": nature,
        "opened": opened,
        "closed": closed,
    }


def accounts_table(rows):
    return pa.Table.from_pylist(rows, schema=ACCOUNTS)


def chart_rows():
    rows = [account(entity, code, name) for entity, chart in CHARTS.items() for code, name in chart.items()]
    for row in rows:
        if (row["entity"], row["code"]) == ("alder", "6110"):
            row["closed"] = CLOSED_ON
    rows.append(account("alder", "6111", "new paper", opened=OPENED_ON))
    # A company without a single booked entry.
    rows += [account("cedar", "1", "cash"), account("cedar", "2", "income")]
    return rows


def family_chart_rows():
    """`chart_rows`, and ash's."""
    return chart_rows() + [account("ash", code, name) for code, name in STANDARD.items()]


def books(seed=0, days=200, a_day=0.4, habits_of=HABITS):
    """About days * a_day booked entries of each company, alder and birch by default."""
    draw = np.random.default_rng(seed)
    rows = []
    for entity, habits in habits_of.items():
        for day in range(days):
            for _ in range(draw.poisson(a_day)):
                text, numbered, spelled = habits[draw.integers(len(habits))]
                if numbered:
                    text = f"{text} {draw.integers(20)}"
                if entity == "alder" and day <= 60 and draw.random() < 0.2:
                    text, spelled = "paper shop", "D6110 D2641 C1930"
                if entity == "alder" and day > 170 and draw.random() < 0.4:
                    text, spelled = "paper shop online", "D6111 C1930"
                if draw.random() < 0.15:  # nobody books without slips
                    _, _, spelled = habits[draw.integers(len(habits))]
                total = None if draw.random() < 0.3 else f"{draw.integers(1, 5) * 100}.00"
                journal = "AB"[draw.integers(2)]
                rows.append(entry(entity, f"{entity[0]}{len(rows):04}", day, text, spelled, total, journal))
    return entries_table(rows)


def training_data(entries, accounts, max_lines=MAX_LINES, split=SPLIT, retrieval=RETRIEVAL, encoder=None):
    """What a training reads of books."""
    return prepared(entries, accounts, split, replace(MODEL, max_lines=max_lines), retrieval, encoder)


def family_data(seed=0, days=100, **changes):
    """Training data in which alder and ash are each other's peers; `changes` of the retrieval settings."""
    books_of_three = books(seed, days, habits_of=FAMILY_HABITS)
    retrieval = replace(RETRIEVAL, **changes)
    return training_data(books_of_three, accounts_table(family_chart_rows()), retrieval=retrieval)


def network(data, seed=0, kind=JetNetwork, **changes):
    """A network of the data's sizes with random weights, the residuals too, in eval mode."""
    torch.manual_seed(seed)
    made = fresh_network(data, kind, **changes)
    torch.nn.init.normal_(made.residual.weight, std=0.1)
    torch.nn.init.normal_(made.start, std=0.5)
    return made.eval()


def fresh_network(data, kind=JetNetwork, **changes):
    """A network as a training begins with it."""
    return kind.for_corpus(replace(MODEL, **changes), data.corpus)


def trainer(data, seed=0, model=None, losses=None, optim=None, world=1, **settings):
    """A trainer of a fresh network on the data's training rows; one of `world`."""
    settings = TrainSettings(
        **({"seed": seed, "batch_size": 32, "max_epochs": 4, "patience": 4, "precision": "fp32"} | settings)
    )
    network = build_network(data, replace(MODEL, **(model or {})), settings.seed)
    steps = steps_per_epoch(data, settings)
    return Trainer(network, settings, losses or LOSSES, optim or OPTIM, steps, world=world)


def epochs_rows(data, settings, epoch, rank=0, world=1):
    return epoch_rows(data.learnable(TRAIN), settings.seed, epoch, settings.batch_size, rank, world)


def train(data, one, epochs):
    """Some epochs; returns the figures of each."""
    return [
        one.train_epoch(data.batches(epochs_rows(data, one.settings, one.progress.epoch)))
        for _ in range(epochs)
    ]


def tables(network, data):
    """Vectors of all texts and accounts."""
    texts, accounts = text_vectors(network, data.corpus), account_vectors(network, data.corpus)
    return Tables(torch.from_numpy(texts), torch.from_numpy(accounts))


def batch_of(data, rows, width=None, with_target=True):
    rows = np.asarray(rows)
    hits = held_hits(data.hits.take(rows), data.model, data.retrieval)
    longest = data.model.max_lines
    books = data.corpus.rows
    batch = collate(books, rows, data.corpus, hits, longest, width)
    return booked_batch(batch, books, rows, data.corpus.catalog) if with_target else batch


def hits_for(data, rows):
    """The same as `data.hits`, searched again."""
    return Retriever.of(data.corpus, data.retrieval).hits(data.corpus.rows.queries(np.asarray(rows)))


def forced(network, batch, tables):
    """Teacher-forced distributions of `batch.target`, from whole tables."""
    encoded = network.encode(batch, tables)
    previous = torch.nn.functional.pad(batch.target[:, :-1], (1, 0), value=NOTHING)
    previous = torch.where(previous == batch.stop, NOTHING, previous)
    states, _ = network.advance(encoded, previous, encoded.hidden)
    return network.distribution(encoded, states, previous, *follow_neighbors(batch))


def log_likelihood(step, target):
    """[B] of whole entries, by plain indexing."""
    token = step.log_probs.gather(2, target.clamp(min=0).unsqueeze(2)).squeeze(2)
    return torch.where(target == NOTHING, 0.0, token).sum(1)


def spelled(tokens):
    """A row of tokens without its padding, as a tuple."""
    return tuple(t for t in tokens.tolist() if t != NOTHING)


def take(batch: Batch, rows) -> Batch:
    """Some rows of a batch."""
    rows = torch.as_tensor(rows)
    return Batch(**{f.name: getattr(batch, f.name)[rows] for f in fields(batch)})


class _Counting(torch.nn.Module):
    """In place of the GRU: a state that says how many lines were read."""

    def forward(self, inputs, hidden):
        last = hidden + 1
        steps = torch.arange(inputs.shape[1]).view(1, -1, 1)
        return hidden.transpose(0, 1) + 1 + steps, last + inputs.shape[1] - 1


class KnowsTheTruth(JetNetwork):
    """A network that gives nearly all probability to the true next token of `truth` [B, T], whatever stands
    before it, and spreads the rest evenly over what else is allowed."""

    def learn(self, truth, sure=1 - 1e-6):
        self.truth, self.sure = truth, sure
        self.gru = _Counting()
        return self

    def encode(self, batch, tables):
        encoded = super().encode(batch, tables)
        return replace(encoded, hidden=torch.zeros_like(encoded.hidden))

    def distribution(self, encoded, states, previous, prefix, following):
        honest = super().distribution(encoded, states, previous, prefix, following)
        allowed = allowed_tokens(encoded.batch.rank, previous)
        step = (states[..., 0].long() - 1).clamp(max=self.truth.shape[1] - 1)
        token = self.truth.gather(1, step)
        true = torch.nn.functional.one_hot(token.clamp(min=0), allowed.shape[2]).bool()
        true = true & (token != NOTHING).unsqueeze(2)
        weight = torch.where(true, self.sure, (1 - self.sure) / allowed.shape[2]) * allowed
        probabilities = weight / weight.sum(-1, keepdim=True).clamp(min=1e-30)
        log_probs = torch.log(probabilities.clamp(min=1e-30)).masked_fill(~allowed, -1e9)
        return Step(log_probs, honest.copied * 0, honest.copy_share * 0)


@dataclass(frozen=True)
class OtherEncoder:
    """An encoder that no bundle here was trained with."""

    dimension: int = 4
    identity: str = "other@1"

    def encode(self, texts):
        return np.full((len(texts), self.dimension), 0.5, dtype=np.float32)


def save(bundle, path):
    """Publish `bundle` at `path`; returns the path as a string."""
    Model(bundle, JetConfig()).save(path)
    return str(path)


def ranker(data, settings=RANKER, seed=0):
    """A set ranker trained on the data's training rows."""
    return fit_ranker(data, settings, seed)


def assembled(data, network, encoder=""):
    return Bundle.assemble(data, network, ranker(data), encoder, {"made": "up"})


def calibrated(data, bundle):
    """The bundle with all that the data's calibration and test splits decide."""
    return calibrate(bundle, data, PredictSettings())


def predictions(owners, decisions, **values):
    """Predictions that say no more than that, and `values` of other columns."""
    rows = [
        {
            "entity": owner,
            "entry_id": str(number),
            "date": date(2026, 11, 30),
            "description": "Hyra",
            "currency": "SEK",
            "total": None,
            "lines": [],
            "confidence": 0.99,
            "none_of_these": 0.01,
            "decision": decision,
            "regime": "rolling",
            "reason": "booked like 3 of 3",
            "amount_confidence": None,
            "alternatives": [],
            "evidence": [],
            "text_known": True,
            "similarity": 1.0,
            "held": False,
            "history": 100,
            "model": "m",
        }
        | values
        for number, (owner, decision) in enumerate(zip(owners, decisions, strict=True))
    ]
    return pa.Table.from_pylist(rows, schema=PREDICTIONS)
