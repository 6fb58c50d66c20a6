"""The charts of accounts of the demo ledger: Swedish BAS, German SKR03 and SKR04, and a British one.

Notable: the rest of the demo never names an account by its code. It names a role ("rent", "payables"), and
`NATIONAL` has the code and name of that role in each of the four charts. So a habit is written once and is
booked in the national style of its company. A chart may lack a role, and code that books to such a role checks
first.
"""

from __future__ import annotations

from dataclasses import dataclass

CHARTS = {"sv": ("bas",), "de": ("skr03", "skr04"), "en": ("uk",)}
"""The charts that a company of each language may have."""


@dataclass(frozen=True)
class NationalAccount:
    """An account of a national chart; a company takes one of its names."""

    code: str
    names: tuple[str, ...]
    nature: str


# One row a role: nature, role, BAS, SKR03 and SKR04, British. "-" where a country has no such account; a
# second name after a slash is what some companies call it.
_TABLE = """
asset equipment | 1220 Inventarier och verktyg | 0420 0650 Büroeinrichtung/Betriebs- und Geschäftsausstattung | 0030 Office equipment
asset equipment_depreciation | 1229 Ackumulerade avskrivningar på inventarier | - | 0031 Office equipment depreciation
asset vehicles | 1240 Bilar och andra transportmedel | 0320 0520 Pkw | 0050 Motor vehicles
asset stock | 1460 Lager av handelsvaror | 3980 1140 Bestand Waren | 1001 Stock
asset receivables | 1510 Kundfordringar | 1400 1200 Forderungen aus Lieferungen und Leistungen | 1100 Debtors control account/Trade debtors
asset card_clearing | 1580 Fordringar för kontokort och kuponger | 1360 1460 Geldtransit | 1250 Card receipts clearing
asset prepaid | 1790 Övriga förutbetalda kostnader | 0980 1900 Aktive Rechnungsabgrenzung | 1103 Prepayments
asset cash | 1910 Kassa | 1000 1600 Kasse | 1230 Petty cash/Cash in hand
asset bank | 1930 Företagskonto/Checkräkningskonto | 1200 1800 Bank/Girokonto | 1200 Bank current account
asset savings | 1940 Placeringskonto/Sparkonto | 1210 1810 Tagesgeldkonto | 1210 Bank deposit account
equity capital | 2081 Aktiekapital | 0800 2900 Gezeichnetes Kapital | 3000 Ordinary shares
liability loan | 2350 Andra långfristiga skulder till kreditinstitut/Banklån | 0630 3150 Verbindlichkeiten gegenüber Kreditinstituten | 2300 Bank loan
liability payables | 2440 Leverantörsskulder | 1600 3300 Verbindlichkeiten aus Lieferungen und Leistungen | 2100 Creditors control account/Trade creditors
liability vat_out_std | 2611 Utgående moms på försäljning inom Sverige, 25 % | 1776 3806 Umsatzsteuer 19 % | 2200 Sales VAT control account
liability vat_out_mid | 2621 Utgående moms på försäljning inom Sverige, 12 % | 1771 3801 Umsatzsteuer 7 % | -
liability vat_out_low | 2631 Utgående moms på försäljning inom Sverige, 6 % | - | -
liability vat_out_reverse | 2614 Utgående moms omvänd betalningsskyldighet, 25 % | 1787 3837 Umsatzsteuer nach § 13b UStG 19 % | 2204 Reverse charge VAT output
asset vat_in | 2641 Debiterad ingående moms/Ingående moms | 1576 1406 Abziehbare Vorsteuer 19 % | 2201 Purchase VAT control account
asset vat_in_mid | - | 1571 1401 Abziehbare Vorsteuer 7 % | -
asset vat_in_reverse | 2645 Beräknad ingående moms på förvärv från utlandet | 1577 1407 Abziehbare Vorsteuer nach § 13b UStG 19 % | 2205 Reverse charge VAT input
liability vat_due | 2650 Redovisningskonto för moms | 1780 3820 Umsatzsteuer-Vorauszahlungen | 2202 VAT liability
liability payroll_tax | 2710 Personalskatt | 1741 3730 Verbindlichkeiten aus Lohn- und Kirchensteuer | 2210 PAYE
liability social_due | 2731 Avräkning lagstadgade sociala avgifter | 1742 3740 Verbindlichkeiten im Rahmen der sozialen Sicherheit | 2211 National Insurance
liability net_pay | - | 1740 3720 Verbindlichkeiten aus Lohn und Gehalt | 2220 Net wages
liability pension_due | - | - | 2230 Pension fund
liability holiday_due | 2920 Upplupna semesterlöner | - | -
liability card_due | 2899 Företagskort | 1730 3610 Kreditkartenabrechnung | 1240 Company credit card
liability employee_due | 2820 Kortfristiga skulder till anställda | 1700 3500 Sonstige Verbindlichkeiten | 2225 Employee expenses payable
liability accrued | 2990 Övriga upplupna kostnader och förutbetalda intäkter | 0970 3070 Sonstige Rückstellungen | 2109 Accruals
income sales | 3001 Försäljning inom Sverige, 25 % moms | 8400 4400 Erlöse 19 % USt | 4000 Sales
income sales_mid | 3002 Försäljning inom Sverige, 12 % moms | 8300 4300 Erlöse 7 % USt | 4002 Sales, zero rated
income sales_service | 3041 Försäljning av tjänster inom Sverige, 25 % moms | 8410 4410 Dienstleistungserlöse 19 % USt | 4100 Service income
income sales_exempt | 3004 Försäljning inom Sverige, momsfri | 8100 4100 Steuerfreie Umsätze § 4 Nr. 8 ff. UStG | 4003 Exempt sales
income sales_export | 3105 Försäljning varor till land utanför EU | 8120 4120 Steuerfreie Umsätze § 4 Nr. 1a UStG | 4010 Export sales
income sales_freight | 3520 Fakturerade frakter | 8420 4510 Erlöse Frachten | 4200 Carriage charged
income exchange_gain | 3960 Valutakursvinster på fordringar och skulder | 2660 4840 Erträge aus der Währungsumrechnung | 4905 Exchange gains
expense goods | 4010 Inköp av varor/Varuinköp | 3400 5400 Wareneingang 19 % Vorsteuer | 5000 Goods purchased/Purchases
expense goods_food | 4020 Inköp av livsmedel | 3300 5300 Wareneingang 7 % Vorsteuer | 5010 Food and drink purchased
expense materials | 4040 Inköp av material | 3000 5100 Einkauf Roh-, Hilfs- und Betriebsstoffe | 5001 Materials purchased
expense subcontract | 4600 Legoarbeten och underentreprenader | 3100 5900 Fremdleistungen | 6001 Subcontractors
expense stock_change | 4960 Förändring av lager av handelsvaror | 3960 5880 Bestandsveränderungen Waren | 5201 Closing stock
expense rent | 5010 Lokalhyra/Hyra | 4210 6310 Miete/Miete (unbewegliche Wirtschaftsgüter) | 7100 Rent
expense electricity | 5020 El för lokal | 4240 6325 Gas, Strom, Wasser | 7200 Electricity/Heat, light and power
expense cleaning | 5060 Städning och renhållning | 4250 6330 Reinigung | 7801 Cleaning
expense repairs | 5070 Reparation och underhåll av lokaler | 4260 6335 Instandhaltung betrieblicher Räume | 7800 Repairs and renewals
expense small_equipment | 5410 Förbrukningsinventarier | 4985 6845 Werkzeuge und Kleingeräte | 7510 Small equipment
expense software | 5420 Programvaror | 4964 6837 Lizenzen und Software | 7511 Software
expense cloud | 5422 Molntjänster | 4966 6838 Cloud-Dienste | 7512 Cloud services
expense consumables | 5460 Förbrukningsmaterial | 4981 6850 Sonstiger Betriebsbedarf | 5002 Consumables
expense fuel | 5611 Drivmedel för personbilar/Drivmedel | 4530 6530 Laufende Kfz-Betriebskosten | 7300 Fuel and oil
expense charging | 5618 Laddning av elbilar | 4535 6535 Ladestrom Elektrofahrzeuge | 7305 Electric vehicle charging
expense vehicle_repair | 5613 Reparation och underhåll av personbilar | 4540 6540 Kfz-Reparaturen | 7301 Vehicle repairs and servicing
expense leasing | 5615 Leasing av personbilar | 4570 6560 Mietleasing Kfz | 7310 Vehicle leasing
expense freight | 5710 Frakter och transporter | 4730 6740 Ausgangsfrachten | 5100 Carriage
expense travel | 5810 Biljetter/Resekostnader | 4660 6650 Reisekosten Arbeitnehmer | 7400 Travelling
expense hotel | 5831 Kost och logi i Sverige | 4666 6660 Reisekosten Übernachtungsaufwand | 7402 Hotels
expense advertising | 5910 Annonsering/Reklam | 4600 6600 Werbekosten | 6201 Advertising/Marketing
expense online_advertising | 5912 Annonsering på internet | 4605 6605 Online-Werbung | 6205 Online advertising
expense entertainment | 6071 Representation, avdragsgill | 4650 6640 Bewirtungskosten | 7403 Entertainment
expense office | 6110 Kontorsmateriel | 4930 6815 Bürobedarf | 7504 Office stationery
expense phone | 6211 Telefon | 4920 6805 Telefon | 7502 Telephone
expense phone_old | 6212 Mobiltelefon | 4921 6806 Mobiltelefon | 7503 Mobile telephones
expense internet | 6230 Datakommunikation | 4925 6810 Internetkosten | 7553 Internet
expense post | 6250 Postbefordran/Porto | 4910 6800 Porto | 7501 Postage
expense insurance | 6310 Företagsförsäkringar | 4360 6400 Versicherungen | 8204 Insurance
expense accounting | 6530 Redovisningstjänster | 4955 6830 Buchführungskosten | 7601 Audit and accountancy
expense it_services | 6540 IT-tjänster | 4806 6495 Wartungskosten für Hard- und Software | 7550 Computer services
expense bank_fees | 6570 Bankkostnader | 4970 6855 Nebenkosten des Geldverkehrs | 7901 Bank charges
expense legal | 6580 Advokat- och rättegångskostnader | 4950 6825 Rechts- und Beratungskosten | 7600 Legal fees
expense temp_staff | 6810 Inhyrd personal | 4909 6303 Fremdarbeiten | 7050 Agency staff
expense journals | 6970 Tidningar, tidskrifter och facklitteratur | 4940 6820 Zeitschriften, Bücher | 7505 Books and periodicals
expense membership | 6980 Föreningsavgifter | 4380 6420 Beiträge | 8201 Subscriptions
expense wages | 7010 Löner till kollektivanställda | 4110 6010 Löhne | 7000 Gross wages
expense salaries | 7210 Löner till tjänstemän | 4120 6020 Gehälter | 7003 Staff salaries
expense holiday_pay | 7290 Förändring av semesterlöneskuld | - | -
expense employer_social | 7510 Lagstadgade sociala avgifter | 4130 6110 Gesetzliche soziale Aufwendungen | 7006 Employers NI
expense pension | - | - | 7007 Employers pensions
expense training | 7610 Utbildning | 4945 6821 Fortbildungskosten | 8203 Training costs
expense welfare | 7690 Övriga personalkostnader | 4140 6130 Freiwillige soziale Aufwendungen | 7015 Staff welfare
expense depreciation | 7832 Avskrivningar på inventarier och verktyg | 4830 6220 Abschreibungen auf Sachanlagen | 8001 Depreciation
expense exchange_loss | 7960 Valutakursförluster på fordringar och skulder | 2150 6880 Aufwendungen aus der Währungsumrechnung | 7906 Exchange losses
expense interest | 8410 Räntekostnader för långfristiga skulder | 2120 7320 Zinsaufwendungen für langfristige Verbindlichkeiten | 7903 Loan interest paid
expense income_tax | 8910 Skatt som belastar årets resultat | 2200 7600 Körperschaftsteuer | 8500 Corporation tax
"""  # noqa: E501 - a table is read by its rows

_GROUPS = {
    "bas": """
1 Tillgångar; 12 Inventarier och transportmedel; 14 Lager; 15 Kundfordringar; 17 Förutbetalda kostnader;
19 Kassa och bank; 2 Eget kapital och skulder; 20 Eget kapital; 23 Långfristiga skulder;
24 Kortfristiga skulder till leverantörer; 26 Moms; 27 Personalens skatter och avgifter;
28 Övriga kortfristiga skulder; 29 Upplupna kostnader; 3 Rörelsens inkomster; 30 Huvudintäkter;
31 Försäljning utanför Sverige; 35 Fakturerade kostnader; 39 Övriga rörelseintäkter; 4 Varor och material;
40 Inköp av varor och material; 46 Underentreprenader; 49 Lagerförändringar; 5 Lokaler, fordon och reklam;
50 Lokalkostnader; 54 Förbrukning; 56 Transportmedel; 57 Frakter; 58 Resekostnader; 59 Reklam;
6 Övriga externa kostnader; 60 Försäljningskostnader; 61 Kontorsmateriel; 62 Tele och post;
63 Försäkringar; 65 Övriga externa tjänster; 68 Inhyrd personal; 69 Övriga kostnader; 7 Personal och mer;
70 Löner kollektivanställda; 72 Löner tjänstemän; 75 Sociala avgifter; 76 Övriga personalkostnader;
78 Avskrivningar; 79 Övriga rörelsekostnader; 8 Finansiella poster och skatt; 84 Räntekostnader; 89 Skatter
""",
    "skr03": """
0 Anlage- und Kapitalkonten; 03 Fahrzeuge; 04 Betriebsausstattung; 06 Langfristige Verbindlichkeiten;
08 Kapital; 09 Rückstellungen und Abgrenzung; 1 Finanz- und Privatkonten; 10 Kasse; 12 Bank;
13 Sonstige Vermögensgegenstände; 14 Forderungen; 15 Vorsteuer; 16 Verbindlichkeiten;
17 Sonstige Verbindlichkeiten und Steuern; 2 Abgrenzungskonten; 21 Zinsen und Währung; 22 Steuern;
26 Sonstige Erträge; 3 Wareneingang; 30 Material; 31 Fremdleistungen; 33 Wareneingang 7 %;
34 Wareneingang 19 %; 39 Bestände; 4 Betriebliche Aufwendungen; 41 Personal; 42 Raumkosten;
43 Versicherungen und Beiträge; 45 Fahrzeugkosten; 46 Werbe- und Reisekosten; 47 Warenabgabe;
48 Wartung und Abschreibung; 49 Sonstige Aufwendungen; 8 Erlöse; 81 Steuerfreie Erlöse; 83 Erlöse 7 %;
84 Erlöse 19 %
""",
    "skr04": """
0 Anlagevermögen; 05 Fahrzeuge; 06 Betriebsausstattung; 1 Umlaufvermögen; 11 Vorräte; 12 Forderungen;
14 Vorsteuer und Transit; 16 Kasse; 18 Bank; 19 Abgrenzung; 2 Eigenkapital; 29 Gezeichnetes Kapital;
3 Fremdkapital; 30 Rückstellungen; 31 Bankverbindlichkeiten; 33 Lieferantenverbindlichkeiten;
35 Sonstige Verbindlichkeiten; 36 Kreditkarten; 37 Lohn und Sozialversicherung; 38 Umsatzsteuer;
4 Betriebliche Erträge; 41 Steuerfreie Erlöse; 43 Erlöse 7 %; 44 Erlöse 19 %; 45 Sonstige Erlöse;
48 Sonstige Erträge; 5 Material; 51 Rohstoffe; 53 Wareneingang 7 %; 54 Wareneingang 19 %; 58 Bestände;
59 Fremdleistungen; 6 Aufwendungen; 60 Löhne und Gehälter; 61 Soziales; 62 Abschreibungen;
63 Raumkosten und Fremdarbeiten; 64 Versicherungen, Beiträge und Wartung; 65 Fahrzeuge;
66 Werbung und Reisen; 67 Warenabgabe; 68 Sonstige Aufwendungen; 7 Weitere Aufwendungen; 73 Zinsen;
76 Steuern
""",
    "uk": """
0 Fixed assets; 00 Equipment and vehicles; 1 Current assets; 10 Stock; 11 Debtors; 12 Bank and cash;
2 Liabilities; 21 Creditors; 22 Taxes and payroll; 23 Loans; 3 Capital; 30 Share capital; 4 Income;
40 Product sales; 41 Services; 42 Other sales; 49 Sundry income; 5 Purchases; 50 Goods and materials;
51 Carriage; 52 Stock movement; 6 Direct costs; 60 Subcontracting; 62 Sales promotion; 7 Overheads; 70 Staff;
71 Premises; 72 Power; 73 Motor expenses; 74 Travel and entertainment; 75 Office costs;
76 Professional fees; 78 Maintenance; 79 Bank and currency; 8 Other costs; 80 Depreciation;
82 Sundry costs; 85 Taxation
""",
}


def _read_table() -> dict[str, dict[str, NationalAccount]]:
    charts: dict[str, dict[str, NationalAccount]] = {chart: {} for chart in _GROUPS}
    for row in _TABLE.strip().splitlines():
        head, bas, german, british = (cell.strip() for cell in row.split("|"))
        nature, role = head.split()
        skr03, skr04, names = german.split(" ", 2) if german != "-" else ("", "", "-")
        cells = {"bas": bas, "skr03": f"{skr03} {names}", "skr04": f"{skr04} {names}", "uk": british}
        for chart, cell in cells.items():
            if not cell.endswith("-"):
                code, name = cell.split(" ", 1)
                charts[chart][role] = NationalAccount(code, tuple(name.split("/")), nature)
    return charts


def _read_groups() -> dict[str, dict[str, str]]:
    groups: dict[str, dict[str, str]] = {}
    for chart, text in _GROUPS.items():
        groups[chart] = {}
        for part in text.split(";"):
            code, name = part.strip().split(" ", 1)
            groups[chart][code] = name
    return groups


NATIONAL = _read_table()
"""The account of each role, by chart and role."""

GROUPS = _read_groups()
"""The name of each group of accounts, by chart and the first one or two digits of their codes."""
