"""Small journals for the kinds of difference that were found: between the tools, and between jet and them."""

from __future__ import annotations

_X = "2024-01-05 x\n"


def _entry(*postings: str) -> str:
    return _X + "".join(f"    {posting}\n" for posting in postings)


KINDS = {
    "a TAB before a comment": _entry("a\t; x y", "b  5 EUR"),
    "a TAB before an amount": _entry("a\t5 EUR", "b  -5 EUR"),
    "a blank of no-break before an amount": _entry("a\u00a0 5 EUR", "b"),
    "two blanks and one of no-break before an amount": _entry("a  \u00a05 EUR", "b"),
    "an ideographic blank in a name": _entry("a\u3000b  5 EUR", "c"),
    "an ideographic blank before an amount": _entry("a\u30005 EUR", "b  -5 EUR"),
    "a blank of no-break between number and commodity": _entry("a  5\u00a0EUR", "b"),
    "a blank of no-break behind the commodity": _entry("a  EUR\u00a05", "b"),
    "a blank of no-break behind the sign": _entry("a  -\u00a05 EUR", "b"),
    "a blank of no-break in a number": _entry("a  1\u00a0000.00 EUR", "b"),
    "a blank of no-break around a price": _entry("a  5 X\u2003@\u00a02\u3000EUR", "b"),
    "a blank of no-break before a comment": _entry("a  5\u3000; x", "b"),
    "a blank of no-break before a balance": _entry("a  5\u00a0=\u00a05", "b"),
    "a blank of no-break behind a status": _entry("*\u00a0a  5 EUR", "b"),
    "blanks of two kinds in brackets": _entry("(a\u00a0b)  5 EUR", "c  5 EUR", "[d\te]  2 X", "[f]", "g"),
    "a name with a TAB that has an alias": "alias a b = c\n" + _entry("a\u00a0b  5 EUR", "d"),
    "a name below one with a blank of no-break": "apply account a\u00a0b\n" + _entry("c  5 EUR", "d"),
    "a commodity behind a blank of no-break": "commodity 1.000,00\u00a0X\n" + _entry("a  5,000 X", "b"),
    "D with a blank of no-break": "D 1000,00\u00a0X\n" + _entry("a  5,000 X", "b", "c  7"),
    "a lone comma": _entry("a  7,000 EUR", "b"),
    "a lone point below a decimal comma": _entry("a  2,50 EUR", "b") + _entry("a  1.000 EUR", "b"),
    "a lone point above a decimal comma": _entry("a  1.000 EUR", "b") + _entry("a  2,50 EUR", "b"),
    "several points": _entry("a  16.856.280 EUR", "b"),
    "blanks in a number": _entry("a  1 234 567.00 EUR", "b"),
    "an exponent": _entry("a  1E3 EUR", "b"),
    "a blank behind the sign": _entry("a  - 5 EUR", "b"),
    "a comma of a periodic transaction": "~ monthly\n    a  10,0 EUR\n    b\n" + _entry("a  4977,500 EUR", "b"),
    "a comma by D for another commodity": "D 1000,000 kr\n" + _entry("a  6,206 kr", "b", "c  6,206 EUR"),
    "D twice, with and without a commodity": "D 1000,000 kr\nD 1000.000000\n" + _entry("a  6,206 kr", "b"),
    "D twice, of which the first has a commodity": "D 1000.00 SEK\nD 1000.0000\n" + _entry("a  5", "b"),
    "D twice, with other marks": "D CHF 1000.00\nD 1000,0 hrs\n" + _entry("a  5 hrs", "b"),
    "a format without decimals": "commodity CHF\n    format 1000. CHF\n" + _entry("a  5 CHF", "b"),
    "a format with blanks": "commodity CHF\n    format 1 000 CHF\n" + _entry("a  5 CHF", "b"),
    "a format with its commodity before it": "commodity CHF\n    format CHF 1000.\n" + _entry("a  CHF 5", "b"),
    "a format of another commodity": "commodity CHF\n    format 1.00 EUR\n" + _entry("a  CHF 5", "b"),
    "assertions in the order of dates": (
        "2024-06-01 x\n    a  -30 EUR = 70 EUR\n    b\n2024-03-01 x\n    a  100 EUR = 100 EUR\n    b\n"
    ),
    "an assignment in the order of dates": "2024-06-01 x\n    a  7 EUR\n    b\n" + _entry("a  = 5 EUR", "b"),
    "an assertion that counts virtual postings": _entry("(a)  2 EUR", "a  5 EUR = 7 EUR", "b"),
    "an assertion that counts no virtual postings": _entry("(a)  2 EUR", "a  5 EUR = 5 EUR", "b"),
    "an assertion without a commodity": _entry("a  90 X", "b") + _entry("a  7.848 = 7.848", "b"),
    "an assertion of the only commodity": _entry("a  30 X", "a  -5 EUR == -5 EUR", "b"),
    "an assertion of all accounts below": _entry("a:b  5 EUR", "c") + _entry("a  1 EUR =* 7 EUR", "c"),
    "an assertion of all accounts below that holds": _entry("a:b:c  5 EUR", "c")
    + _entry("a  1 EUR =* 6 EUR", "c"),
    "an assertion of all accounts below in one entry": _entry("a:b  5 EUR", "a  1 EUR =* 6 EUR", "c"),
    "an assertion of all accounts below too early": _entry("a  1 EUR =* 6 EUR", "a:b  5 EUR", "c"),
    "an assertion of accounts with a longer name": _entry("ab  5 EUR", "c") + _entry("a  1 EUR =* 1 EUR", "c"),
    "an assertion of the only commodity below": _entry("a:b  5 EUR", "c") + _entry("a  1 X ==* 1 X", "c"),
    "an assertion of the only commodity of two": _entry("a  5 EUR", "c") + _entry("a  1 X ==* 1 X", "c"),
    "an assertion on a posting's own date": (
        _entry("a  5 EUR", "b") + _entry("a  1 EUR = 6 EUR  ; [2023-12-30]", "b")
    ),
    "brackets against real postings": _entry("a  5 EUR", "[b]  -5 EUR"),
    "brackets without an amount beside a real one": _entry("a  5 EUR", "b", "[c]  1 EUR", "[d]"),
    "brackets beside an exchange": _entry("a  4 X", "b  -93 EUR", "[c]  5 kr", "[d]  -5 kr"),
    "brackets beside nothing left out": _entry("a  0.00 EUR", "b", "[c]  9 CHF", "[d]  -9 CHF"),
    "nothing but an amount left out": _entry("a"),
    "nothing left out beside a virtual posting": _entry("(a)  3 EUR", "b"),
    "the precision of D beside more decimals": "D 1000,00\n"
    + _entry(
        'a  "VW 3" 8000000,811 @ 1247987,00',
        "b  -9983897012117,45700000",
        "c  1000,33 ACME @ 600000,76",
        "d  -600198760,25",
    ),
    "a lot price that ends in its mark": _entry("a  3 X {$493.} @ $493.00", "b"),
    "one posting that rounds to nothing": "commodity 1000,0000\n" + _entry("a  0,000049", "b  0"),
    "a balance of the only commodity, assigned": (
        _entry("s  25 X @ 24 hrs", "s  -600 hrs") + _entry("a  5 CHF", "s  == -5 CHF")
    ),
    "a balance of one of two commodities, assigned": (
        _entry("b  X -7", "b  5 EUR") + _entry("c  X -88", "b  == X 88")
    ),
    "a number that begins with its decimal comma": _entry("a  USD ,5", "b  USD -,5"),
    "brackets that don't balance": _entry("a  5 EUR", "b  -5 EUR", "[c]  1 EUR"),
    "brackets and real postings that don't balance": _entry("a  5 EUR", "b  -4 EUR", "[c]  1 EUR"),
    "brackets at a price": _entry("a  5 EUR", "b  -5 EUR", "[c]  3 X @ 0.333 EUR", "[d]  -1 EUR"),
    "an exchange beside two lines of a third": _entry("a  4 X", "c  5 kr", "d  -5 kr", "b  -93 EUR"),
    "an exchange below two lines of a third": _entry("c  5 kr", "d  -5 kr", "a  4 X", "b  -93 EUR"),
    "an exchange beside nothing of a third": _entry("a  4 X", "c  0 kr", "b  -93 EUR"),
    "nothing of one commodity, and one left out": _entry("a  4 X", "b  -4 X", "c"),
    "nothing of two commodities, and one left out": _entry("a  0 X", "b  0 kr", "c"),
    "nothing of one of two, and one left out": _entry("a  0 X", "b  5 kr", "c"),
    "a remainder of one commodity": _entry("a  3 X @ 3.335 kr", "b  -10.01 kr", "c"),
    "a remainder beside another commodity": _entry("a  3 X @ 3.335 kr", "b  -10.01 kr", "b  2 Y", "c"),
    "a price of ten decimals": _entry("a  3 X @ 0.0123456789 EUR", "b  7 X @ 0.0123456789 EUR", "c  -0.12 EUR"),
    "a price of ten decimals, left out": _entry("a  3 X @ 0.0123456789 EUR", "b  7 X @ 0.0123456789 EUR", "c"),
    "a price without a commodity": _entry("a  3 X @ 0.0123456789", "b  -0.03703703"),
    "a sale at a price without commodities": _entry("a  -1.64 BTC {100.00} @ 121.72", "b  199.6208"),
    "an exchange over three lines, of which one is small": _entry("a  1 X", "b  -10 EUR", "c  2 X"),
    "an exchange over four lines": _entry("b  -10.00 EUR", "a  1 X", "c  2 X", "d  4 X"),
    "an exchange over five lines": _entry("a  1 X", "c  2 X", "d  4 X", "e  0.5 X", "b  -10.00 EUR"),
    "an exchange for one line of no decimals": _entry("a  3 X", "c  4.5 X", "b  -1 EUR"),
    "an exchange over three lines": _entry("a  70 X", "b  -3000 EUR", "c  600000 X"),
    "brackets beside a remainder": _entry("a  530.77 BTC @ 97632 $", "b  -51820137 $", "[c]  1861149", "[d]"),
    "the precision of D": "D £1000,00\n"
    + _entry("a  9,4 X @ 7074,51", "a  -66500,39", "b  £8802674,82", "c  £-8802674,8200"),
    "the precision of D for its commodity": "D €1000.00\n" + _entry("a  €60.67", "b  €-146.6696", "c  €86.00"),
    "the precision of D where entries are sorted": "D 1000.0000 EUR\n2024-06-01 x\n    a  1 X = 1 X\n    b\n"
    + _entry("a  -137.2434995 EUR", "b  137.2435 EUR"),
    "the precision of D without decimals": "D ₿1000.\n" + _entry("a  ₿94274", "b  -₿94273.8"),
    "the precision of other entries": (
        _entry("a  3 X @ 3.335 EUR", "b  -10.01 EUR") + _entry("a  0.125 EUR", "b")
    ),
    "the precision of none but whole amounts": _entry("a  3 X @ 3.50 EUR", "b  -10 EUR"),
    "the last of eight decimals": _entry("a  100000.00000005 EUR", "b  -100000 EUR"),
    "the last of seven decimals": _entry("a  -5074.4348939", "b  54.260233", "c  4928.106449", "d  92.068212"),
    "more than eight decimals": _entry("a  1000000.392671 X", "b  -4150853.86991929993304 CHF"),
    "aliases of one account": "alias A = A:B\nalias A = A:C\n" + _entry("A:D  5 EUR", "c"),
    "an alias of a parent": "alias a:b = x\n" + _entry("a:b:c  5 EUR", "d"),
    "end of apply account by one word": "apply account X\n" + _entry("a  5 EUR", "b") + "end apply\n",
    "a sale from a lot, paid": _entry("a  -1 X {10 EUR} @ 12 EUR", "b  12 EUR"),
    "a sale from a lot, at its cost": _entry("a  -1 X {10 EUR} @ 12 EUR", "b  10 EUR"),
    "a sale from a lot without commodities": _entry("a  -1.64 BTC {100.00} @ 121.72", "b  164.00000000"),
    "nothing, at a price": _entry("a  0 X @@ 5 EUR", "b  -5 EUR"),
    "a negative price": _entry("a  1 X @ -5 EUR", "b  5 EUR"),
    "a price in the same commodity": _entry("a  5 EUR @ 2 EUR", "b  -10 EUR"),
    "zeros of two commodities": _entry("a  0 EUR", "b  0 USD"),
}

OPEN = {
    "a lot price that ends in its mark": "jet refuses it",
    "an assertion on a posting's own date": "hledger orders assertions by it; jet by the entry's",
}
"""The kinds in which jet still differs, and how."""
