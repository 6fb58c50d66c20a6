"""A small GnuCash book in both of its kinds of files, as GnuCash 5 writes them (gnucash-v2.rnc, and the tables
of its SQLite backend): accounts, a rent in two currencies, an opening balance, a void, a scheduled one."""

import sqlite3

NAMES = ("gnc", "act", "book", "cd", "cmdty", "slot", "split", "trn", "ts")
ACCOUNTS = [  # guid, name, type, code, parent
    ("root", "Root Account", "ROOT", "", ""),
    ("assets", "Assets", "ASSET", "1", "root"),
    ("bank", "Bank", "BANK", "1800", "assets"),
    ("rent", "Rent", "EXPENSE", "6310", "root"),
    ("opening", "Opening Balances", "EQUITY", "3000", "root"),
]
TEMPLATES = [("troot", "Template Root", "ROOT", "", ""), ("tbank", "tbank", "BANK", "", "troot")]
TRANSACTIONS = [  # guid, day, time, description, splits: guid, account, value, memo, state
    ("t1", "2025-01-31", "10:59:00", "Rent é", [
        ("s1", "rent", (120010, 100), "January", "n"), ("s2", "bank", (-1200100, 1000), "", "c")
    ]),
    ("t2", "2025-01-01", "10:59:00", "Opening Balance", [
        ("s3", "bank", (500, 1), "", "n"), ("s4", "opening", (-500, 1), "", "n")
    ]),
    ("t3", "2025-02-01", "10:59:00", "x", [("s5", "bank", (0, 1), "", "v"), ("s6", "rent", (0, 1), "", "v")]),
]  # fmt: skip
SCHEDULED = [("t4", "2025-01-01", "10:59:00", "Rent", [("s7", "tbank", (0, 1), "", "n")])]


def _account(guid, name, kind, code, parent):
    slots = ""
    if guid == "opening":
        slots = """<act:slots><slot><slot:key>equity-type</slot:key>
  <slot:value type="string">opening-balance</slot:value></slot></act:slots>"""
    return f"""<gnc:account version="2.0.0">
  <act:name>{name}</act:name>
  <act:id type="guid">{guid}</act:id>
  <act:type>{kind}</act:type>
  <act:commodity><cmdty:space>CURRENCY</cmdty:space><cmdty:id>EUR</cmdty:id></act:commodity>
  {f"<act:code>{code}</act:code>" if code else ""}
  {slots}
  {f'<act:parent type="guid">{parent}</act:parent>' if parent else ""}
</gnc:account>
"""


def _split(guid, account, value, memo, state):
    return f"""    <trn:split>
      <split:id type="guid">{guid}</split:id>
      <split:memo>{memo}</split:memo>
      <split:reconciled-state>{state}</split:reconciled-state>
      <split:value>{value[0]}/{value[1]}</split:value>
      <split:quantity>1/1</split:quantity>
      <split:account type="guid">{account}</split:account>
    </trn:split>
"""


def _transaction(guid, day, time, text, splits):
    return f"""<gnc:transaction version="2.0.0">
  <trn:id type="guid">{guid}</trn:id>
  <trn:currency><cmdty:space>CURRENCY</cmdty:space><cmdty:id>EUR</cmdty:id></trn:currency>
  <trn:num>7</trn:num>
  <trn:date-posted><ts:date>{day} {time} +0000</ts:date></trn:date-posted>
  <trn:date-entered><ts:date>2025-03-01 08:00:00 +0000</ts:date></trn:date-entered>
  <trn:description>{text}</trn:description>
  <trn:slots><slot><slot:key>date-posted</slot:key>
    <slot:value type="gdate"><gdate>{day}</gdate></slot:value></slot></trn:slots>
  <trn:splits>
{"".join(_split(*split) for split in splits)}  </trn:splits>
</gnc:transaction>
"""


def in_xml(accounts=ACCOUNTS, transactions=TRANSACTIONS):
    """The book as XML."""
    spaces = " ".join(f'xmlns:{name}="http://www.gnucash.org/XML/{name}"' for name in NAMES)
    return f"""<?xml version="1.0" encoding="utf-8" ?>
<gnc-v2 {spaces}>
<gnc:count-data cd:type="book">1</gnc:count-data>
<gnc:book version="2.0.0">
<book:id type="guid">book</book:id>
<book:slots><slot><slot:key>options</slot:key><slot:value type="frame"><slot><slot:key>Business</slot:key>
<slot:value type="frame"><slot><slot:key>Company ID</slot:key><slot:value type="string">DE1</slot:value></slot>
<slot><slot:key>Company Name</slot:key><slot:value type="string">Müller KG</slot:value></slot></slot:value>
</slot></slot:value></slot></book:slots>
<gnc:commodity version="2.0.0"><cmdty:space>CURRENCY</cmdty:space><cmdty:id>EUR</cmdty:id></gnc:commodity>
{"".join(_account(*account) for account in accounts)}{"".join(_transaction(*each) for each in transactions)}
<gnc:template-transactions>
{"".join(_account(*account) for account in TEMPLATES)}{"".join(_transaction(*each) for each in SCHEDULED)}
</gnc:template-transactions>
</gnc:book>
</gnc-v2>
"""


SCHEMA = """
CREATE TABLE books (guid text(32) PRIMARY KEY NOT NULL, root_account_guid text(32) NOT NULL,
  root_template_guid text(32) NOT NULL);
CREATE TABLE commodities (guid text(32) PRIMARY KEY NOT NULL, namespace text(2048) NOT NULL,
  mnemonic text(2048) NOT NULL);
CREATE TABLE accounts (guid text(32) PRIMARY KEY NOT NULL, name text(2048) NOT NULL,
  account_type text(2048) NOT NULL, commodity_guid text(32), parent_guid text(32), code text(2048),
  description text(2048), hidden integer, placeholder integer);
CREATE TABLE transactions (guid text(32) PRIMARY KEY NOT NULL, currency_guid text(32) NOT NULL,
  num text(2048) NOT NULL, post_date text(19), enter_date text(19), description text(2048));
CREATE TABLE splits (guid text(32) PRIMARY KEY NOT NULL, tx_guid text(32) NOT NULL,
  account_guid text(32) NOT NULL, memo text(2048) NOT NULL, action text(2048) NOT NULL,
  reconcile_state text(1) NOT NULL, value_num bigint NOT NULL, value_denom bigint NOT NULL,
  quantity_num bigint NOT NULL, quantity_denom bigint NOT NULL);
CREATE TABLE slots (id integer PRIMARY KEY AUTOINCREMENT NOT NULL, obj_guid text(32) NOT NULL,
  name text(4096) NOT NULL, slot_type integer NOT NULL, string_val text(4096), gdate_val text(8));
CREATE INDEX splits_tx_guid_index ON splits (tx_guid);
"""


def in_sqlite(path, accounts=ACCOUNTS, transactions=TRANSACTIONS, days_in_slots=True, then=""):
    """Write the book as a SQLite database, and run `then` in it."""
    database = sqlite3.connect(path)
    database.executescript(SCHEMA)
    database.execute("INSERT INTO books VALUES ('book', 'root', 'troot')")
    database.execute("INSERT INTO commodities VALUES ('eur', 'CURRENCY', 'EUR')")
    slots = "INSERT INTO slots (obj_guid, name, slot_type, string_val, gdate_val) VALUES (?, ?, ?, ?, ?)"
    for key, value in {"Company Name": "Müller KG", "Company ID": "DE1"}.items():
        database.execute(slots, ("business", f"options/Business/{key}", 4, value, None))
    database.execute(slots, ("opening", "equity-type", 4, "opening-balance", None))
    for guid, name, kind, code, parent in [*accounts, *TEMPLATES]:
        row = (guid, name, kind, "eur", parent or None, code, "", 0, 0)
        database.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    for guid, day, time, text, splits in [*transactions, *SCHEDULED]:
        posted = f"{day} {time}"
        database.execute(
            "INSERT INTO transactions VALUES (?, 'eur', '7', ?, ?, ?)", (guid, posted, posted, text)
        )
        if days_in_slots:
            database.execute(slots, (guid, "date-posted", 10, None, day.replace("-", "")))
        for split, account, value, memo, state in splits:
            row = (split, guid, account, memo, state, *value)
            database.execute("INSERT INTO splits VALUES (?, ?, ?, ?, '', ?, ?, ?, 1, 1)", row)
    database.executescript(then)
    database.commit()
    database.close()
