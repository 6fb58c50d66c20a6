"""The SIE importer: what the standard says, and what real files do instead."""

import datetime
from decimal import Decimal
from io import BytesIO
from itertools import permutations

import pytest
from counting import lines_of, only
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.books.checks import Rule
from jet.books.importers import (
    Account,
    Entry,
    FileEnd,
    ImportSettings,
    Line,
    Rejection,
    Source,
    UnreadableFile,
    import_file,
)
from jet.books.importers.sie import SieImporter
from jet.books.importers.sie_records import records

HEADER = """#FLAGGA 0
#FORMAT PC8
#SIETYP 4
#ORGNR 556252-9155
#FNAMN "Övningsbolaget AB"
#RAR 0 20200701 20210630
#RAR -1 20190701 20200630
#DIM 1 "Kostnadsställe"
#KONTO 1930 "Företagskonto"
#KONTO 2081 Aktiekapital
#KONTO 2641 "Ingående moms"
#KONTO 4010 "Inköp"
"""
VOUCHER = """#VER A 1 20200131 "Inköp varor" 20200201
{
#TRANS 1930 {} -125.00 20200131 "Kortköp"
#TRANS 2641 {} 25.00
#TRANS 4010 {1 "20"} 100.00
}
"""


def read(text, encoding="utf-8", file="books/book.se", **options):
    data = text if isinstance(text, bytes) else text.encode(encoding)
    return list(SieImporter().records(Source(file, BytesIO(data)), ImportSettings(**options)))


def entry_of(text, **options):
    (entry,) = only(Entry, read(text, **options))
    return entry


def voucher(*trans, head='#VER A 1 20200131 "x"'):
    return "\n".join([head, "{", *trans, "}", ""])


def test_a_voucher_becomes_an_entry():
    (entry,) = only(Entry, read(HEADER + VOUCHER))
    assert entry == Entry(
        entity="Övningsbolaget AB",
        entry_id="A-1-2019",
        date=datetime.date(2020, 1, 31),
        description="Inköp varor",
        currency="SEK",
        journal="A",
        total=Decimal(125),
        lines=[
            Line("1930", "C", Decimal(125), "SEK", "Kortköp"),
            Line("2641", "D", Decimal(25), "SEK"),
            Line("4010", "D", Decimal(100), "SEK", "", (("Kostnadsställe", "20"),)),
        ],
        file="books/book.se",
        file_line=13,
        file_lines=6,
    )


def test_the_chart_follows_with_natures_by_class():
    accounts = only(Account, read(HEADER))
    assert [(account.code, account.name, account.nature) for account in accounts] == [
        ("1930", "Företagskonto", "asset"),
        ("2081", "Aktiekapital", "equity"),
        ("2641", "Ingående moms", "liability"),
        ("4010", "Inköp", "expense"),
    ]


def test_ktyp_says_what_an_account_is():
    chart = "#KPTYP OTHER\n#KONTO 1 a\n#KTYP 1 I\n#KONTO 2081 b\n#KTYP 2081 S\n#KONTO 3000 c\n"
    assert [account.nature for account in only(Account, read(chart))] == ["income", "liability", None]


@pytest.mark.parametrize("encoding", ["cp437", "latin-1", "utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_the_encoding_is_told_from_the_bytes_whatever_format_claims(encoding, newline):
    entry = entry_of((HEADER + VOUCHER).replace("\n", newline), encoding=encoding)
    assert (entry.entity, entry.description, entry.file_line) == ("Övningsbolaget AB", "Inköp varor", 13)


def test_a_given_encoding_is_taken():
    data = '#FNAMN "Ärlig"\n'.encode("cp437") + voucher("#TRANS 1 {} 1", "#TRANS 2 {} -1").encode()
    (entry,) = only(
        Entry, list(SieImporter().records(Source("a", BytesIO(data)), ImportSettings(encoding="latin-1")))
    )
    assert entry.entity == "\x8erlig"


def test_tags_are_case_insensitive_and_tabs_and_brace_placement_are_free():
    text = "#fnamn\tX\n#ver\tA\t7\t20200131\ttext {\n\n\t#trans\t1930\t{ }\t-5\n#Trans 4010 {} 5\n}\t\n"
    entry = entry_of(text)
    assert (entry.entity, entry.entry_id, entry.description) == ("X", "A-7-2020", "text")
    assert [line.side for line in entry.lines] == ["C", "D"]


def test_a_voucher_without_an_opening_brace_is_read():
    assert len(entry_of('#VER A 1 20200131 ""\n\n#TRANS 1 {} 5\n#TRANS 2 {} -5\n}\n').lines) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'#A "say \"hi\"" b', ["#A", 'say "hi"', "b"]),
        (r'#FNR "C:\books\"', ["#FNR", "C:\\books\\"]),
        (r'#A 1820\A012 "{not a list}"', ["#A", r"1820\A012", "{not a list}"]),
        ('#A {} {1 "99" "6" x} end', ["#A", [], ["1", "99", "6", "x"], "end"]),
        ('#A "" ""', ["#A", "", ""]),
        (r"#A \"x\" y", ["#A", '"x"', "y"]),
    ],
)
def test_a_record_is_split_into_words_strings_and_object_lists(text, expected):
    (record,) = records([(1, text)])
    assert record.words == expected


def test_a_removed_line_is_ignored_and_an_added_one_counts_once():
    lines = entry_of(
        voucher(
            "#TRANS 1930 {} -100 20200131",
            "#BTRANS 4010 {} 90 20200131",
            "#RTRANS 4010 {1 2} 60 20200201 added",
            "#TRANS 4010 {1 2} 60 20200131",
            "#RTRANS 4011 {} 40",
            "#BTRANS 4012 {} 10",
        )
    ).lines
    assert [(line.account, line.amount, line.text) for line in lines] == [
        ("1930", 100, ""),
        ("4010", 60, "added"),
        ("4011", 40, ""),
    ]


def test_a_trans_equal_to_an_earlier_trans_is_a_line_of_its_own():
    twice = voucher("#RTRANS 1 {} 5", "#TRANS 1 {} 5", "#TRANS 1 {} 5", "#TRANS 2 {} -10")
    assert len(entry_of(twice).lines) == 3


def test_the_first_line_text_describes_a_voucher_without_text():
    text = voucher('#TRANS 1930 {} -5 "" ""', '#TRANS 4010 {} 5 "" Bankgiro', head='#VER A 1 20200131 ""')
    assert entry_of(text).description == "Bankgiro"


def test_zero_lines_are_dropped():
    text = voucher("#TRANS 1930 {} -5", "#TRANS 3740 {} 0.00", "#TRANS 4010 {} 5")
    assert [line.account for line in entry_of(text).lines] == ["1930", "4010"]
    assert entry_of(voucher("#TRANS 1930 {} 0")).lines == []


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("1234,5", "1234.5"),
        ("1234.500000000001", "1234.5"),
        ("+7", "7"),
        ("1e3", "1000"),
        ("12,3456", "12.3456"),
    ],
)
def test_amounts_that_can_mean_one_thing_only_are_read(written, amount):
    entry = entry_of(voucher(f"#TRANS 1 {{}} {written}", f"#TRANS 2 {{}} -{amount}"))
    assert entry.lines[0].amount == Decimal(amount)


@pytest.mark.parametrize("written", ["1,234", "1.234,5", "abc", "", "NaN", "1e99", "1,2,3"])
def test_an_amount_that_could_mean_another_thing_rejects_the_voucher(written):
    (rejection,) = only(Rejection, read(voucher(f"#TRANS 1 {{}} {written}", "#TRANS 2 {} -5")))
    assert rejection.rule == Rule.BAD_AMOUNT
    assert rejection.entry_id == "A-1-2020"


def test_ids_have_the_year_in_which_the_fiscal_year_began():
    later = VOUCHER.replace("20200131", "20210131")
    beyond = VOUCHER.replace("20200131", "20220131")
    ids = [entry.entry_id for entry in only(Entry, read(HEADER + VOUCHER + later + beyond))]
    assert ids == ["A-1-2019", "A-1-2020", "A-1-2022"]


def test_a_repeated_number_gets_its_date_and_is_a_duplicate_on_the_same_day(tmp_path):
    path = tmp_path / "book.se"
    february = VOUCHER.replace("20200131", "20200229")
    path.write_text(HEADER + VOUCHER + february + february, encoding="utf-8")
    records = list(import_file(str(path), ImportSettings()))
    assert [entry.entry_id for entry in only(Entry, records)] == ["A-1-2019", "A-1-2019-20200229"]
    assert [rejection.rule for rejection in only(Rejection, records)] == [Rule.DUPLICATE_ID]


@pytest.mark.parametrize("number", ['""', "0"])
def test_a_voucher_without_a_number_is_called_by_what_it_says(number):
    text = voucher("#TRANS 1 {} 5", "#TRANS 2 {} -5", head=f'#VER "" {number} 20200131')
    entry_id = entry_of(text).entry_id
    assert entry_id.startswith("2020-01-31~")
    assert entry_of("#FNAMN Other\n" + text.replace("5", "5.00")).entry_id == entry_id
    assert entry_of(text.replace("5", "6")).entry_id != entry_id


@pytest.mark.parametrize(
    ("options", "entity"),
    [
        ({}, "Övningsbolaget AB"),
        ({"entity_from": "org_number"}, "556252-9155"),
        ({"entity_from": "name_and_org_number"}, "Övningsbolaget AB 556252-9155"),
        ({"entity": "mine"}, "mine"),
    ],
)
def test_the_entity_is_what_the_settings_ask_for(options, entity):
    records = read(HEADER + VOUCHER, **options)
    assert {record.entity for record in records if isinstance(record, Entry | Account)} == {entity}


def test_an_organization_number_of_zeros_is_none():
    text = HEADER.replace("556252-9155", "000000-0000") + VOUCHER
    assert entry_of(text, entity_from="org_number").entity == "Övningsbolaget AB"
    assert entry_of(VOUCHER).entity == "book"


def test_the_currency_is_the_files_own():
    assert entry_of(HEADER + "#VALUTA eur\n" + VOUCHER).currency == "EUR"


def test_an_account_must_be_in_the_chart_of_a_full_export_only():
    without = HEADER.replace('#KONTO 4010 "Inköp"\n', "")
    (account,) = [a for a in only(Account, read(without + VOUCHER)) if a.code == "4010"]
    assert account.name == ""
    (rejection,) = only(Rejection, read(without + "#IB 0 1930 100\n" + VOUCHER))
    assert rejection.rule == Rule.UNKNOWN_ACCOUNT
    assert only(Rejection, read("#IB 0 1930 100\n" + VOUCHER)) == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("#VER A 1 20201331 x\n{\n#TRANS 1 {} 5\n#TRANS 2 {} -5\n}\n", Rule.BAD_DATE),
        ("#VER A 1\n{\n}\n", Rule.BAD_DATE),
        ("#VER\n", Rule.MALFORMED),
        ("#VER A 1 20200131\n{\n#TRANS 1 {} 5\n#TRANS 2 {} -5\n", Rule.MALFORMED),
        ("#TRANS 1 {} 5\n", Rule.MALFORMED),
        (voucher("#TRANS 1 {1} 5", "#TRANS 2 {} -5"), Rule.MALFORMED),
        (voucher("#TRANS 1 {1 2 5", "#TRANS 2 {} -5"), Rule.BAD_AMOUNT),
    ],
)
def test_what_cannot_be_read_is_rejected_and_the_rest_goes_on(text, rule):
    records = read(text + VOUCHER)
    assert [record.rule for record in only(Rejection, records)] == [rule]
    assert len(only(Entry, records)) == 1


def test_an_end_of_file_mark_is_no_record():
    assert only(Rejection, read(VOUCHER.encode() + b"\x1a")) == []


def test_files_are_recognized_by_content_too():
    importer = SieImporter()
    assert importer.recognizes("export.txt", b"\xef\xbb\xbf#FLAGGA 0\r\n")
    assert importer.recognizes("book.SE", b"\r\n#PROGRAM x\r\n")
    assert not importer.recognizes("book.se", b"<?xml version='1.0'?>")
    assert not importer.recognizes("notes.md", b"# FLAGGA\n")


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters='\\{}"\u2028\u2029'),
    max_size=12,
).map(str.strip)
amounts = st.decimals(min_value=Decimal("0.01"), max_value=10**9, places=2)
codes = st.from_regex(r"[0-9]{4}", fullmatch=True)
sides = st.sampled_from(["D", "C"])
lines = st.builds(
    Line,
    account=codes,
    side=sides,
    amount=amounts,
    currency=st.just("SEK"),
    text=texts,
    dimensions=st.lists(st.tuples(codes, texts), max_size=2).map(tuple),
)


def render(entries):
    rows = ["#FLAGGA 0", "#FNAMN E"]
    for number, (description, postings) in enumerate(entries, 1):
        rows += [f'#VER A {number} 20200131 "{description}"', "{"]
        for line in postings:
            objects = " ".join(f'{dimension} "{name}"' for dimension, name in line.dimensions)
            sign = "-" if line.side == "C" else ""
            rows.append(f'#TRANS {line.account} {{{objects}}} {sign}{line.amount} 20200131 "{line.text}"')
        rows.append("}")
    return "\n".join(rows)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(texts, st.lists(lines, min_size=1, max_size=5)), max_size=4))
def test_entries_that_are_written_come_back(entries):
    records = read(render(entries))
    assert [entry.lines for entry in only(Entry, records)] == [postings for _, postings in entries]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=20),
            st.sampled_from(
                [b'#VER A 1 20200131 "', b"#TRANS 1 {", b"} -1e9", b"\n{\n", b"\n}\n", b'"', b"\\"]
            ),
        ),
        max_size=30,
    )
)
def test_no_bytes_break_the_importer(parts):
    try:
        records = list(SieImporter().records(Source("x.se", BytesIO(b"".join(parts))), ImportSettings()))
    except UnreadableFile:
        return
    assert lines_of(records) == only(FileEnd, records)[0].lines


# --- nothing is swallowed, cut or counted twice -------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '12" skruv',
        'Bolt 12" lång',
        '12"x14" bräda',
        '"Nya" kaféet',
        'Rör 3/4"',
        '5" 6" 7"',
        "C:\\böcker\\",
        "{a} b",
    ],
)
@pytest.mark.parametrize("behind", ["", ' 20200201 "AB"'])
def test_a_quote_within_a_text_neither_ends_nor_cuts_it(text, behind):
    row = f'#TRANS 1 {{1 "20"}} 5.00 20200131 "{text}"{behind}'
    entry = entry_of(voucher(row, "#TRANS 2 {} -5.00", head=f'#VER A 1 20200131 "{text}"{behind}'))
    assert entry.description == text
    assert [line.text for line in entry.lines] == [text, ""]


@given(
    st.text(
        st.characters(categories=["L", "N", "P"], exclude_characters='\\"{}#\x1f'), min_size=1, max_size=12
    ),
    st.text(st.characters(categories=["L"]), min_size=1, max_size=8),
)
def test_every_text_that_is_quoted_as_the_standard_says_is_read_as_it_stands(first, second):
    text = f'{first} "{second}" {first}'
    escaped = text.replace('"', '\\"')
    assert (
        entry_of(voucher("#TRANS 1 {} 5", "#TRANS 2 {} -5", head=f'#VER A 1 20200131 "{escaped}"')).description
        == text
    )


def test_a_text_whose_quote_does_not_close_goes_on_in_the_next_line():
    text = voucher("#TRANS 1 {} 5", "#TRANS 2 {} -5", head='#VER A 1 20200131 "Hyra\njanuari\noch februari"')
    (entry,) = only(Entry, read(text))
    assert (entry.description, entry.file_lines) == ("Hyra januari och februari", 7)


def test_a_text_that_is_cut_off_takes_no_record_with_it():
    text = voucher('#TRANS 1 {} 5 20200131 "cut off', "#TRANS 2 {} -5", head='#VER A 1 20200131 "Hyra')
    entry = entry_of(text)
    assert (entry.description, len(entry.lines), entry.lines[0].text) == ("Hyra", 2, "cut off")


def test_a_line_that_is_no_record_is_rejected_and_not_dropped():
    records = read(HEADER + "Utskrivet av Acme\n" + VOUCHER)
    (rejection,) = only(Rejection, records)
    assert (rejection.rule, rejection.excerpt) == (Rule.MALFORMED, "Utskrivet av Acme")
    assert "begin it with #" in rejection.message


ADDED = ["#RTRANS 1 {} 200", "#RTRANS 2 {} -200"]
STATE = ["#TRANS 1 {} 200", "#TRANS 2 {} -200"]


@pytest.mark.parametrize("rows", sorted(set(permutations([*ADDED, *STATE]))))
def test_a_line_that_was_added_counts_once_wherever_its_repetition_stands(rows):
    entry = entry_of(voucher("#BTRANS 1 {} 100", *rows, "#BTRANS 2 {} -100"))
    assert sorted((line.account, line.side, line.amount) for line in entry.lines) == [
        ("1", "D", 200),
        ("2", "C", 200),
    ]


def test_what_was_added_twice_counts_twice():
    entry = entry_of(voucher(*ADDED, *ADDED, *STATE, *STATE))
    assert [line.amount for line in entry.lines] == [200] * 4


def test_where_no_line_repeats_what_was_added_the_added_lines_are_the_state():
    entry = entry_of(voucher("#BTRANS 1 {} 100", *ADDED, "#TRANS 3 {} 0"))
    assert [(line.account, line.side) for line in entry.lines] == [("1", "D"), ("2", "C")]


@pytest.mark.parametrize(
    "spelled", ["556000-0001", "5560000001", "165560000001", "16556000-0001", "SE556000000101", "556000 - 0001"]
)
def test_an_organization_number_is_one_however_it_is_spelled(spelled):
    assert entry_of(f'#ORGNR "{spelled}"\n' + VOUCHER, entity_from="org_number").entity == "556000-0001"


def test_an_entry_with_an_account_that_the_chart_lacks_is_used_and_said():
    text = "#KONTO 1930 Bank\n#KONTO 2641 Moms\n#IB 0 1930 5\n" + VOUCHER
    records = read(text)
    (rejection,) = only(Rejection, records)
    assert (rejection.rule, rejection.used_for, rejection.file_lines) == (Rule.UNKNOWN_ACCOUNT, "all", 0)
    assert len(only(Entry, records)) == 1
    assert ("4010", "") in [(account.code, account.name) for account in only(Account, records)]
    strict = read(text, strict=True)
    assert not only(Entry, strict)
    assert only(Rejection, strict)[0].used_for == "nothing"


@given(
    st.lists(
        st.sampled_from(
            [
                *(
                    '#VER A 1 20200131 "x',
                    "{",
                    "}",
                    "",
                    "  ",
                    '#TRANS 1 {} 5 "',
                    "#TRANS 2 {} -5",
                    "#RTRANS 1 {} 5",
                ),
                *(
                    "#KONTO 1 Bank",
                    "stray text",
                    "#IB 0 1 5",
                    '#PROSA "a',
                    'b"',
                    "#VER",
                    "\x1a",
                    '#FNAMN "A" "B',
                ),
            ]
        ),
        max_size=40,
    ),
    st.booleans(),
)
def test_every_line_of_a_file_is_accounted_for(lines, strict):
    records = read("\n".join(lines), strict=strict)
    (end,) = only(FileEnd, records)
    assert end.lines == lines_of(records) == len("\n".join(lines).splitlines())


def test_two_vouchers_of_one_number_and_day_are_two_where_they_say_different_things(tmp_path):
    path = tmp_path / "book.se"
    path.write_text(HEADER + VOUCHER + VOUCHER.replace("25", "26") + VOUCHER, encoding="utf-8")
    records = list(import_file(str(path), ImportSettings()))
    assert [entry.entry_id for entry in only(Entry, records)] == ["A-1-2019", "A-1-2019-2"]
    assert [rejection.rule for rejection in only(Rejection, records)] == [Rule.DUPLICATE_ID]


@pytest.mark.parametrize("amount", ["1 000.00", "-1 000", "12 345,50", "1\u00a0000.00"])
def test_an_amount_with_a_blank_is_refused_and_never_read_to_half(amount):
    (rejection,) = only(Rejection, read(voucher(f"#TRANS 1 {{}} {amount}", f"#TRANS 2 {{}} {amount}")))
    assert rejection.rule == Rule.BAD_AMOUNT


def test_two_companies_in_one_file_have_their_own_numbers():
    records = read(HEADER + VOUCHER + '#FNAMN "Other AB"\n#ORGNR 556000-0001\n' + VOUCHER)
    assert [(entry.entity, entry.entry_id) for entry in only(Entry, records)] == [
        *(("Övningsbolaget AB", "A-1-2019"), ("Other AB", "A-1-2019"))
    ]


def test_an_organization_number_may_be_parted_by_a_blank():
    (end,) = only(FileEnd, read("#FLAGGA 0\n#ORGNR 556000 0001 1\n" + VOUCHER))
    assert end.org_number == "556000-0001"
