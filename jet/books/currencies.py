"""Currencies by their ISO 4217 codes, and the number of decimals of each.

The codes are the active ones of the standard; most have two decimals.
"""

from __future__ import annotations

MOST_DECIMALS = 8
"""The decimals of a commodity that isn't in the standard, such as a share, or of an unknown currency."""

_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_TWO = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC
CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD
KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO
NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD YER ZAR ZMW ZWG
"""
_DECIMALS = {code: count for count, codes in ((0, _NONE), (2, _TWO), (3, _THREE)) for code in codes.split()}


def decimals(currency: str) -> int:
    """The number of decimals of a currency, by its code in capitals; MOST_DECIMALS for any other commodity."""
    return _DECIMALS.get(currency, MOST_DECIMALS)


def currency_code(currency: str) -> str:
    """The code in capitals, where `currency` is one, "€" or GnuCash's CURRENCY::EUR; other texts unchanged."""
    plain = currency.removeprefix("CURRENCY::").upper()
    return plain if plain in _DECIMALS else "EUR" if currency == "€" else currency
