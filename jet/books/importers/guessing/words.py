"""What the columns of exports are called, in ten languages, as far as a word means the same everywhere.

Names are compared in small letters, without accents and marks, and without a currency at the end
("Débit (EUR)" is "debit"). Each field has two lists. A name of the first is surely the field's; those of the
second count where no column has one of the first. Names that mean different things in different programs are
left out: then the file is refused, and a person says which column it is.
"""

from __future__ import annotations

import re
import unicodedata

from jet.books.currencies import MOST_DECIMALS, decimals

IDS = (
    """
entry id|entry no|entry nr|entry number|entryid|entrynumber|entry|journal entry|journal entry id
journal entry no|journal entry number|je no|je number|journal no|journal number|journal id|journalno
journalnumber|journalid|voucher|voucher no|voucher nr|voucher number|voucher id|voucherno|vouchernumber
transaction|transaction id|transaction no|transaction number|transactionid|trans|trans id|trans no|trans number
buchungsnummer|buchungsnr|buchungs nr|buchung|vorgangsnummer|journalnummer|journalnr
ecriturenum|numero ecriture|numero d ecriture|n ecriture|no ecriture|ecriture
verifikation|verifikat|verifikationsnummer|verifikationsnr|verifikatnummer|verifikatnr|vernr|ver nr|ver
boekstuk|boekstuknummer|boekstuknr|boekingsnummer|boeking
asiento|numero asiento|numero de asiento|num asiento|n asiento|no asiento|nro asiento
registrazione|numero registrazione|num registrazione|n registrazione
lancamento|numero lancamento|numero do lancamento|no lancamento|n lancamento
bilag|bilagsnummer|bilagsnr|bilag nr""",
    """
document no|document number|doc no|reference|reference no|reference number|ref|ref no|num
belegnummer|belegnr|beleg nr|beleg|referenz|numero de piece|numero piece|piece|pieceref|n piece|no piece
referencia|riferimento|documento|numero documento|num documento""",
)
"""Names of columns that tell the entries apart; whether they do, the balance decides."""

FIELDS: dict[str, tuple[str, str]] = {
    "date": (
        """
posting date|postingdate|gl date|accounting date|buchungsdatum|date comptable|date d ecriture|ecrituredate
bokforingsdatum|boekdatum|boekingsdatum|fecha contable|fecha asiento|fecha de asiento
data registrazione|data di registrazione|data contabile|data lancamento|data do lancamento
bokforingsdato|bokføringsdato|bogføringsdato|posteringsdato""",
        """
date|datum|fecha|data|dato|day|entry date|journal date|journaldate|transaction date|trans date|voucher date
belegdatum|verifikationsdatum|verdatum|transaktionsdatum|bilagsdato|date piece|date de piece""",
    ),
    "account": (
        """
account code|account no|account nr|account number|account id|accountcode|accountno|accountnumber|gl account
gl code|g l account|nominal code|nominal account|ledger account|kontonummer|kontonr|konto nr|sachkonto
numero de compte|numero compte|compte num|comptenum|n compte|no compte|code compte
cuenta contable|codigo cuenta|codigo de cuenta|numero de cuenta|numero cuenta|no cuenta
codice conto|numero conto|cod conto|codigo conta|codigo da conta|numero da conta|conta contabil
rekeningnummer|rekeningnr|grootboekrekening|grootboeknummer|grootboek""",
        "account|konto|compte|cuenta|conto|conta|rekening",
    ),
    "account_name": (
        """
account name|accountname|account description|account title|kontobezeichnung|kontoname|kontonamn|kontobenamning
kontonavn|comptelib|libelle compte|libelle du compte|intitule compte|intitule du compte|nom du compte
nombre cuenta|nombre de cuenta|nombre de la cuenta|descripcion cuenta|nome conto|descrizione conto
nome da conta|descricao da conta|rekeningnaam|grootboekomschrijving|naam rekening""",
        "",
    ),
    "debit": (
        """
debit|debits|debit amount|debit amt|dr|debet|debetbelopp|debetbedrag|bedrag debet|soll|sollbetrag|betrag soll
montant debit|debe|importe debe|dare|importo dare|debito|valor debito""",
        "",
    ),
    "credit": (
        """
credit|credits|credit amount|credit amt|cr|kredit|kreditbelopp|creditbedrag|bedrag credit|haben|habenbetrag
betrag haben|montant credit|haber|importe haber|avere|importo avere|credito|valor credito""",
        "",
    ),
    "amount": (
        "amount|betrag|buchungsbetrag|montant|belopp|importe|importo|valor|bedrag|beløb|beløp",
        "",
    ),
    "side": (
        """
side|d c|dc|dr cr|drcr|debit credit|debit credit indicator|s h|sh|soll haben|soll haben kennzeichen|sens
d k|dk|debet kredit|debet credit|d h|debe haber|d a|dare avere""",
        "",
    ),
    "description": (
        """
description|entry description|journal description|header description|buchungstext|ecriturelib|libelle
libelle ecriture|verifikationstext|vertext|beskrivning|beskrivelse|bilagstekst|omschrijving|descripcion
concepto|descricao|historico|descrizione""",
        "memo|memo description|text|tekst|narration|narrative|remarks|remark|details|particulars|glosa",
    ),
    "text": (
        """
line description|line memo|line text|transaktionstext|posteringstekst|positionstext|regelomschrijving""",
        "",
    ),
    "currency": (
        "currency|currency code|wahrung|wahrungscode|wkz|valutakod|valutakode|devise|moneda|moeda",
        "valuta",
    ),
    "journal": (
        """
journal|journal code|journalcode|voucher type|voucher series|series|serie|verifikationsserie|verserie
dagboek|dagboekcode|diario|codigo diario|giornale""",
        "",
    ),
    "entity": ("entity|legal entity|company code|buchungskreis|mandant", ""),
}
"""Names of the columns of the other fields of tables."""

_COUNTER_ACCOUNTS = """
gegenkonto|sollkonto|habenkonto|contra account|offset account|debit account|credit account|debit account code
credit account code|tegenrekening|motkonto|modkonto|debetkonto|kreditkonto|compte debit|compte credit
cuenta debe|cuenta haber|contrapartida|conto dare|conto avere|contropartita|conta debito|conta credito"""
_FOREIGN = """
amount currency|amount in currency|currency amount|foreign amount|amount fc|fc amount|amount in foreign currency
debit in account currency|credit in account currency|debit amount in account currency|montantdevise
montant devise|montant en devise|fremdwahrungsbetrag|betrag fremdwahrung|valutabelopp|valutabeløb|valutabeløp
belopp valuta|belopp i valuta|bedrag vreemde valuta|importe divisa|importo valuta|importo in valuta"""


def word(name: str) -> str:
    """A column's name in the form that is compared."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    words = re.sub(r"[\W_]+", " ", plain).split()
    if len(words) > 1 and decimals(words[-1].upper()) < MOST_DECIMALS:
        words.pop()
    return " ".join(words)


def _split(names: str) -> frozenset[str]:
    return frozenset(filter(None, (name.strip() for name in re.split(r"[|\n]", names))))


ID_WORDS = tuple(_split(names) for names in IDS)
FIELD_WORDS = {field: tuple(_split(names) for names in lists) for field, lists in FIELDS.items()}
COUNTER_ACCOUNTS = _split(_COUNTER_ACCOUNTS)
"""Names of columns with a second account of the row, which is then an entry by itself."""
FOREIGN = _split(_FOREIGN)
"""Names of columns of amounts in other currencies than the books', whose currency stands beside them."""

TAKEN = frozenset().union(*ID_WORDS, *(words for lists in FIELD_WORDS.values() for words in lists))
