"""Compares sentence encoders by retrieval alone: nothing is trained.

    python -m benchmarks.encoders --data ../shared/data
    python -m benchmarks.encoders --encoders packaged-minilm FOLDER     # one from `jet finetune`

Each folder below `--data` is a ledger; the books of made-up companies join them, so it runs without any.
Queries are the calibration entries; hits come from all earlier entries of the same entity, with the settings of
`jet neighbors`, and with the sentence vectors alone. Test entries, which are later, are not used. Exact
match counts whole sets of (account, side):

- nearest: that of the most similar entry
- vote: the set with the most similarity among the 12 most similar entries
- hit@12, hit@48: whether the true set is among so many
- ms/text: to encode, on one thread

"across languages": 40 phrases of bookkeeping in Swedish, German, English and French. A phrase is right where of
the 40 in another language its translation is the most similar; the mean of all twelve directions. The
packaged multilingual encoder was not trained on Swedish.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from jet.books.catalog import Catalog
from jet.books.importers import ImportSettings, expand, import_file, to_tables
from jet.books.sorting import sort_entries
from jet.books.split import CALIBRATION, TRAIN, SplitSettings, split_by_date
from jet.books.withheld import without_lines
from jet.demo import DemoSettings, write_demo_ledger
from jet.retrieval.corpus import Corpus
from jet.retrieval.neighbors import find_neighbors, text_store
from jet.retrieval.retriever import Retriever
from jet.retrieval.settings import RetrievalSettings
from jet.texts.encoder import Encoder, SentenceEncoder
from jet.texts.names import MULTILINGUAL, PACKAGED
from jet.texts.ngrams import idf, ngram_counts, weigh
from jet.texts.normalize import normalize, normalize_all
from jet.texts.store import TextStore

NEIGHBORS, VOTERS = 48, 12

PHRASES = """
hyra för kontor | Büromiete | office rent | loyer du bureau
löner | Gehälter | salaries | salaires
sociala avgifter | Sozialabgaben | social security contributions | cotisations sociales
bankavgift | Bankgebühren | bank charges | frais bancaires
ränta på banklån | Zinsen für Bankdarlehen | interest on bank loan | intérêts sur emprunt bancaire
amortering av lån | Tilgung des Darlehens | loan repayment | remboursement d'emprunt
betalning från kund | Zahlung vom Kunden | payment from customer | paiement du client
betalning till leverantör | Zahlung an Lieferanten | payment to supplier | paiement au fournisseur
kundfaktura | Kundenrechnung | customer invoice | facture client
leverantörsfaktura | Lieferantenrechnung | supplier invoice | facture fournisseur
moms | Mehrwertsteuer | value added tax | taxe sur la valeur ajoutée
kontorsmaterial | Büromaterial | office supplies | fournitures de bureau
telefon | Telefon | telephone | téléphone
internet och bredband | Internet und Breitband | internet and broadband | internet et haut débit
elektricitet | Strom | electricity | électricité
vatten och avlopp | Wasser und Abwasser | water and sewage | eau et assainissement
städning | Reinigung | cleaning | nettoyage
försäkring | Versicherung | insurance | assurance
reklam och annonser | Werbung und Anzeigen | advertising | publicité
flygbiljett | Flugticket | plane ticket | billet d'avion
hotell | Hotelübernachtung | hotel | hôtel
taxiresa | Taxifahrt | taxi ride | course de taxi
tågbiljett | Bahnfahrkarte | train ticket | billet de train
lunch med kund | Mittagessen mit Kunden | lunch with customer | déjeuner avec un client
bensin | Benzin | petrol | essence
reparation av bil | Autoreparatur | car repair | réparation de voiture
dator | Computer | computer | ordinateur
programvarulicens | Softwarelizenz | software license | licence de logiciel
revision | Wirtschaftsprüfung | audit | audit des comptes
advokat | Rechtsanwalt | lawyer | avocat
bokföring | Buchhaltung | bookkeeping | comptabilité
frakt | Fracht | freight | fret
porto | Porto | postage | affranchissement
inköp av varor | Wareneinkauf | purchase of goods | achat de marchandises
försäljning av varor | Warenverkauf | sale of goods | vente de marchandises
konsultarvode | Beraterhonorar | consulting fee | honoraires de conseil
avskrivning på maskiner | Abschreibung auf Maschinen | depreciation of machinery | amortissement des machines
egen insättning | Privateinlage | owner's contribution | apport de l'exploitant
inkomstskatt | Einkommensteuer | income tax | impôt sur le revenu
utdelning till aktieägare | Dividende an Aktionäre | dividend to shareholders | dividende aux actionnaires
"""


class Ledger(NamedTuple):
    """Booked entries in the order of `sort_entries`, and what each was booked to, by number."""

    name: str
    entries: pa.Table
    catalog: Catalog
    sets: np.ndarray
    split: np.ndarray


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", default="../shared/data", help="folder with a folder of files for each ledger"
    )
    parser.add_argument(
        "--encoders", nargs="*", default=[PACKAGED, MULTILINGUAL], help="names, as retrieval.encoder takes them"
    )
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    ngram_counts(["the first call imports what it needs"])
    folders = sorted(path for path in Path(given.data).glob("*") if path.is_dir())
    with tempfile.TemporaryDirectory() as demo:
        write_demo_ledger(Path(demo), DemoSettings(companies=6, entries=2400, open_entries=0, seed=7))
        ledgers = [read_ledger(path.name, path) for path in folders] + [read_ledger("demo", Path(demo))]
    columns = ["nearest", "vote", "hit@12", "hit@48", "ms/text"]
    width = 2 + max(len(name) for name in [*given.encoders, "n-grams alone"])
    print(f"{'':{width + 14}}" + "".join(f"{ledger.name:^40}" for ledger in ledgers) + "   across")
    print(f"{'':{width + 14}}" + "".join(f"{name:>8}" for name in columns * len(ledgers)) + " languages")
    for name in ["", *given.encoders]:
        encoder = SentenceEncoder(name) if name else None
        stores = [encoded(ledger, encoder) for ledger in ledgers]
        usual = RetrievalSettings(neighbors=NEIGHBORS, encoder=name, latest=0, peers=0)
        modes = {"": replace(usual, sentence_weight=0.0)}
        if encoder is not None:
            modes = {"with n-grams": usual, "alone": replace(usual, ngram_weight=0.0)}
        for mode, settings in modes.items():
            line = f"{name or 'n-grams alone':{width}}{mode:14}"
            for ledger, (store, milliseconds) in zip(ledgers, stores, strict=True):
                line += "".join(f"{share:8.3f}" for share in measured(ledger, store, settings))
                line += f"{milliseconds:8.2f}"
            translated = f"{across_languages(encoder):10.3f}" if mode != "with n-grams" else ""
            print(line + translated, flush=True)


def read_ledger(name: str, folder: Path) -> Ledger:
    """The booked entries of the files in `folder`, each id of an entity once, split by date."""
    records = (record for path in expand([str(folder)]) for record in import_file(path, ImportSettings()))
    imported, accounts, *_ = map(pa.concat_tables, zip(*to_tables(records), strict=True))
    entries = sort_entries(imported.filter(pc.is_valid(imported["lines"])))
    keys = list(zip(entries["entity"].to_pylist(), entries["entry_id"].to_pylist(), strict=True))
    first = {key: row for row, key in reversed(list(enumerate(keys)))}
    entries = entries.take(pa.array(sorted(first.values())))
    spelled = [
        tuple(sorted((line["account"], line["side"]) for line in lines))
        for lines in entries["lines"].to_pylist()
    ]
    number = {lines: place for place, lines in enumerate(dict.fromkeys(spelled))}
    catalog = Catalog.from_accounts(accounts)
    entity = catalog.entity_numbers(entries["entity"])
    split = split_by_date(entity, entries["date"].cast(pa.int32()).to_numpy(), SplitSettings())
    return Ledger(name, entries, catalog, np.array([number[lines] for lines in spelled]), split)


def encoded(ledger: Ledger, encoder: Encoder | None) -> tuple[TextStore, float]:
    """The texts of a ledger, and the milliseconds that each took to be encoded."""
    start = time.perf_counter()
    plain = text_store(ledger.entries, None)
    counted = time.perf_counter()
    if encoder is None:
        return plain, 1000 * (counted - start) / len(plain)
    texts = plain.texts.to_pylist()
    vectors = encoder.encode(texts)
    seconds = time.perf_counter() - counted
    return replace(plain, vectors=vectors), 1000 * seconds / len(plain)


def measured(ledger: Ledger, store: TextStore, settings: RetrievalSettings) -> list[float]:
    """Exact match of the nearest and of the vote, hit rates at 12 and 48, over the calibration entries."""
    training = normalize_all(ledger.entries["description"].filter(pa.array(ledger.split == TRAIN)))
    weights = idf(store.ngrams[np.unique(store.rows(training))])
    entries = without_lines(ledger.entries)
    found = find_neighbors(entries, Retriever.of(Corpus.of(entries, ledger.catalog, store, weights), settings))
    rows = np.flatnonzero(ledger.split == CALIBRATION)
    right = np.zeros((len(rows), 4))
    for place, (row, one) in enumerate(zip(rows, found.take(pa.array(rows)).to_pylist(), strict=True)):
        sets = [ledger.sets[neighbor["row"]] for neighbor in one["neighbors"]]
        true = ledger.sets[row]
        votes: dict[int, float] = defaultdict(float)
        for chosen, neighbor in zip(sets[:VOTERS], one["neighbors"], strict=False):
            votes[chosen] += neighbor["similarity"]
        best = max(votes, key=votes.__getitem__) if votes else -1
        right[place] = [true in sets[:1], true == best, true in sets[:VOTERS], true in sets]
    return right.mean(axis=0).tolist()


def across_languages(encoder: Encoder | None) -> float:
    """How often a phrase's most similar one in another language is its translation; n-grams without encoder."""
    phrases = [[normalize(text) for text in line.split("|")] for line in PHRASES.strip().splitlines()]
    languages = list(zip(*phrases, strict=True))
    store = TextStore.build({text for language in languages for text in language}, encoder)
    vectors = store.vectors if encoder is not None else weigh(store.ngrams, idf(store.ngrams)).toarray()
    own = np.arange(len(phrases))
    right = [
        (vectors[store.rows(queries)] @ vectors[store.rows(candidates)].T).argmax(axis=1) == own
        for queries, candidates in permutations(languages, 2)
    ]
    return float(np.mean(right))


if __name__ == "__main__":
    main()
