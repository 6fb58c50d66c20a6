"""Data of the demo ledger: trades, goods, suppliers and wordings.

Notable: the words of a supplier's name often say what it sells ("Bergs Städservice"), as in real books, so that
the account of a new supplier can be learned from other suppliers and from the names of the accounts.
"""

from __future__ import annotations

from dataclasses import dataclass

LANGUAGES = ("sv", "de", "en")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CURRENCY = {"sv": "SEK", "de": "EUR", "en": "GBP"}

PRICE_LEVEL = {"sv": 10.0, "de": 1.0, "en": 0.9}
"""The value of one unit of the amounts below in each home currency."""

FOREIGN = {
    "sv": (("EUR", 11.2), ("USD", 10.4)),
    "de": (("USD", 0.93), ("CHF", 1.03)),
    "en": (("EUR", 0.86), ("USD", 0.80)),
}
"""The foreign currencies of each country, with the price of one unit in its own."""

VAT = {
    "sv": {"std": 25, "mid": 12, "low": 6, "energy": 25, "none": 0},
    "de": {"std": 19, "mid": 7, "low": 7, "energy": 19, "none": 0},
    "en": {"std": 20, "mid": 0, "low": 0, "energy": 5, "none": 0},
}
"""The value added tax in per cent, by language and class of goods."""

SOCIAL_RATE = {"sv": 0.3142, "de": 0.21, "en": 0.138}
"""The employer's contributions, as a share of wages."""

JOURNALS = {
    "sv": {"purchase": "LF", "sales": "KF", "bank": "BG", "cash": "KA", "payroll": "LN", "general": "BO"},
    "de": {"purchase": "ER", "sales": "AR", "bank": "BK", "cash": "KB", "payroll": "LG", "general": "SO"},
    "en": {"purchase": "PI", "sales": "SI", "bank": "BP", "cash": "CP", "payroll": "PR", "general": "GJ"},
}

MONTHS = {
    "sv": _words("januari februari mars april maj juni juli augusti september oktober november december"),
    "de": _words("Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
    "en": _words("January February March April May June July August September October November December"),
}

DATE_FORMAT = {"sv": "%Y-%m-%d", "de": "%d.%m.%Y", "en": "%d/%m/%Y"}

SURNAMES = {
    "sv": _words(
        "Andersson Berg Lindblom Nyström Ek Holm Sandberg Forsberg Wallin Lund Engström Dahl Hedlund Sjögren "
        "Norberg Åberg Öhman Palm Strand Björk Hallberg Blom Norén Fors Lindqvist Backman Viklund Rosén "
        "Ström Åkesson"
    ),
    "de": _words(
        "Krause Linden Schäfer Vogel Brandt Huber Köhler Maier Busch Winkler Roth Seidel Lorenz Haas Graf "
        "Böhm Sommer Ziegler Kuhn Jäger Pohl Otto Frank Albrecht Ludwig Weiß Thiel Engel Horn Lange"
    ),
    "en": _words(
        "Harris Walker Bennett Hughes Foster Palmer Reid Marsh Coleman Doyle Fletcher Grant Hayward Ingram "
        "Jarvis Kemp Lawson Mercer Nash Osborne Parry Quinn Rowe Sutton Thorne Upton Vaughan Wells Yates "
        "Barker"
    ),
}

FIRST_NAMES = {
    "sv": _words("Anna Erik Karin Lars Maria Johan Sara Anders Eva Per Lena Mikael Elin Oskar Ida Nils"),
    "de": _words("Anna Jonas Sabine Lukas Petra Stefan Julia Markus Heike Felix Katrin Paul Lea Jan Nina Uwe"),
    "en": _words("Alice Tom Sarah James Emma Daniel Lucy Oliver Kate Ben Grace Sam Helen Jack Ruth Adam"),
}

SUPPLIER_PATTERNS = {
    "sv": ("{surname}s {word}", "{word} {surname}", "{surname} {word} AB"),
    "de": ("{word} {surname}", "{surname} {word} GmbH", "{word} {surname} & Sohn"),
    "en": ("{surname} {word}", "{surname} & Sons {word}", "{surname} {word} Ltd"),
}

CUSTOMER_PATTERNS = {
    "sv": (
        "{surname} & {other}",
        "{surname} Fastigheter",
        "Brf {other}",
        "{surname} Invest AB",
        "{first} {surname}",
    ),
    "de": (
        "{surname} & {other}",
        "{surname} Immobilien",
        "{surname} GmbH",
        "Praxis {other}",
        "{first} {surname}",
    ),
    "en": (
        "{surname} & {other}",
        "{surname} Estates",
        "{surname} Ltd",
        "{other} Partners",
        "{first} {surname}",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Goods:
    """A kind of goods that companies buy, and its suppliers."""

    role: str  # the account's role
    vat: str  # class of value added tax
    price: float  # the median, net
    spread: float  # sigma of its logarithm
    often: float  # how many of a company's suppliers sell it, relative to other kinds
    ways: str  # how it is paid: i invoice, b bank, c card, k cash; a letter twice is twice as usual
    known: dict[str, tuple[str, ...]]  # language: suppliers that everybody knows
    words: dict[str, tuple[str, ...]]  # language: words in the names of the others
    above: str = ""  # the role from a limit on, where the kind is ambiguous


def _names(text: str) -> dict[str, tuple[str, ...]]:
    """Read "a, b | c | d": the Swedish, the German and the British names."""
    cells = text.split("|")
    return {
        language: tuple(name.strip() for name in cell.split(",") if name.strip())
        for language, cell in zip(LANGUAGES, cells, strict=True)
    }


# role, VAT class, median price, spread, how often, ways to pay | known names | words
_GOODS = """
electricity energy 240 .35 1.0 ibb
 Vattenfall, Eon, Fortum | Stadtwerke, EnBW, Vattenfall | British Gas, EDF, Octopus
 Energi, Elhandel | Energie, Gaswerke | Energy, Power Supply
cleaning std 180 .3 1.0 iii
 ISS, Samhall | Gegenbauer, Wisag | Rentokil
 Städservice, Städ, Fönsterputs | Gebäudereinigung, Reinigungsservice, Fensterreinigung | Cleaning, Window Cleaners
repairs std 420 .8 1.0 iii
 Bravida | Bauhaus Handwerkerservice | Dyno-Rod
 El, Rör, Måleri, Snickeri | Elektro, Sanitär, Malerbetrieb, Schreinerei | Electrical, Plumbing, Painting, Joinery
small_equipment std 260 .8 1.2 iickk
 Clas Ohlson, Jula, Elgiganten | Conrad, Würth, MediaMarkt | Screwfix, Currys, Toolstation
 Verktyg, Maskin, Elektronik | Werkzeuge, Maschinen, Elektronik | Tools, Machinery, Electronics
software std 90 .5 1.2 bccc
 Fortnox, Visma, Adobe | DATEV Software, Lexware, Adobe | Sage, Xero, Adobe
 Programvara, Licens | Software, Lizenzen | Software, Licensing
cloud std 60 .4 .7 bcc
 Loopia, Binero | Strato, Ionos | Fasthosts, Krystal
 Moln, Molnlagring | Cloud, Cloudspeicher | Cloud, Cloud Storage
consumables std 140 .6 1.2 iick
 Lyreco Förbrukning | Hygiene Partner | Bunzl
 Förpackning, Förbrukning, Hygien | Verpackung, Betriebsbedarf, Hygiene | Packaging, Disposables, Hygiene
fuel std 75 .35 1.6 cccck
 OKQ8, Circle K, Preem | Aral, Shell, Esso | BP, Texaco, Esso
 Bensin, Drivmedel | Tankstelle, Kraftstoffe | Fuel, Filling Station
vehicle_repair std 380 .7 .8 iic
 Mekonomen, Däckia | ATU, Bosch Service | Kwik Fit, Halfords
 Bilverkstad, Däckservice | Autowerkstatt, Reifendienst | Garage, Tyres
freight std 110 .7 1.2 iii
 DHL, Schenker, Bring | DHL, DPD, Hermes | DPD, Evri, Parcelforce
 Åkeri, Bud, Frakt | Spedition, Kurier, Fracht | Haulage, Couriers, Freight
charging std 45 .5 .5 ccb
 Recharge, Mer | Ionity, EnBW mobility | Pod Point, Gridserve
 Laddstation, Elbilsladdning | Ladesäulen, Ladestrom | EV Charging, Charge Points
travel low 85 .7 1.4 cccb
 SJ, SL, Taxi Stockholm | Deutsche Bahn, Flixbus, Taxi Zentrale | Trainline, National Rail, Addison Lee Taxi
 Taxi, Resor, Buss | Taxi, Reisebüro, Bahnticket | Taxis, Travel, Coaches
hotel mid 130 .35 .9 ccib
 Scandic, Elite Hotel | Motel One, Ibis | Premier Inn, Travelodge
 Hotell, Vandrarhem | Hotel, Pension | Hotel, Guest House
advertising std 300 .7 1.1 iib
 Eniro, Hallpressen | Gelbe Seiten, Ströer | Yell, Local Gazette
 Reklambyrå, Tryckeri, Skylt | Werbeagentur, Druckerei, Schilder | Advertising, Printers, Signs
online_advertising std 220 .6 .6 ccb
 Meta, LinkedIn Annons | Meta, Xing Anzeigen | Meta, LinkedIn Ads
 Webbannons, Sökannons | Webwerbung, Suchanzeigen | Web Ads, Search Ads
entertainment mid 70 .5 1.0 ccck
 Espresso House, O'Learys | Vapiano, Hofbräu | Nando's, Pizza Express
 Restaurang, Krog | Restaurant, Gasthaus, Wirtshaus | Restaurant, Brasserie, Tavern
office std 60 .7 1.4 iickk
 Staples, Office Depot, Lyreco | Viking, Staples, Otto Office | Ryman, Viking, Euroffice
 Kontorsvaror, Papper | Bürobedarf, Papier | Stationers, Office Supplies
phone std 65 .4 1.0 bbbi
 Telia, Tele2, Telenor, Tre | Telekom, Vodafone, O2 | BT, Vodafone, EE
 Telefoni, Mobil | Telefon, Mobilfunk | Telephones, Mobile
internet std 50 .3 .8 bbi
 Bahnhof, Bredbandsbolaget | 1und1 Internet, Kabel Deutschland | Virgin Broadband, Zen Internet
 Bredband, Fiber | Internet, Breitband | Broadband, Internet
post none 30 .6 .9 kkcb
 PostNord, Postombud | Deutsche Post, Postfiliale | Royal Mail, Post Office
 Porto, Frimärken | Porto, Briefmarken | Postage, Stamps
insurance none 210 .5 .8 bbi
 Trygg-Hansa, If, Länsförsäkringar | Allianz, HUK, Gothaer | Aviva, Hiscox, AXA
 Försäkring | Versicherung | Insurance
accounting std 350 .4 .7 iii
 PwC, Aspia, Ludvig | ETL Steuerberatung, DATEV Buchführung | TaxAssist
 Redovisning, Bokföring, Revision | Steuerberatung, Buchhaltung | Accountants, Bookkeeping
it_services std 280 .7 1.0 iib
 Atea, Dustin Service | Bechtle, Cancom | Softcat, Computacenter
 Data, IT-Support, Webbhotell | Systemhaus, IT-Service, Webhosting | IT Support, Computers, Hosting
legal std 520 .7 .5 iii
 Vinge, Mannheimer | CMS Rechtsanwälte | Irwin Mitchell
 Advokatbyrå, Juristbyrå | Rechtsanwälte, Notariat | Solicitors, Legal
temp_staff std 900 .5 .6 iii
 Manpower, Adecco | Randstad, Adecco Personal | Reed, Hays
 Bemanning | Zeitarbeit, Personaldienst | Recruitment, Staffing
journals low 35 .5 .7 cbi
 Dagens Industri, Bonnier | Handelsblatt, Haufe | The Grocer, Which
 Tidskrift, Bokhandel | Zeitschriften, Buchhandlung | Magazine, Bookshop
membership none 120 .6 .5 bbi
 Företagarna, Svenskt Näringsliv | IHK, Handwerkskammer | FSB, Chamber of Commerce
 Förening, Förbund | Verein, Verband | Association, Society
training std 400 .6 .6 iib
 Medborgarskolan, Lexicon | Haufe Akademie, TÜV Akademie | City and Guilds
 Utbildning, Kurs | Seminare, Akademie | Training, Courses
welfare mid 55 .6 1.1 cckk
 ICA, Coop, Hemköp | REWE, Edeka, Lidl | Tesco, Sainsburys, Asda
 Kaffe, Frukt, Blommor | Kaffee, Obstkorb, Blumen | Coffee, Fruit, Flowers
"""  # noqa: E501 - a table is read by its rows

# The same text, but another account from some amount on.
_AMBIGUOUS_GOODS = """
office+small_equipment std 90 .9 1 cccb
 Amazon, Dustin | Amazon, Otto | Amazon, Argos
 | |
welfare+fuel std 38 .9 1 cccc
 St1, Ingo | Jet, Star | Shell, Gulf
 | |
consumables+repairs std 160 .9 1 cci
 Bauhaus, Byggmax, Hornbach | Obi, Hornbach, Toom | B&Q, Wickes, Homebase
 | |
small_equipment+equipment std 1400 .8 1 iib
 Inet, NetOnNet | Cyberport, Notebooksbilliger | Scan, Ebuyer
 | |
"""


def _read_goods(text: str) -> list[Goods]:
    lines = text.strip().splitlines()
    goods = []
    for head, known, words in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
        roles, vat, price, spread, often, ways = head.split()
        role, _, above = roles.partition("+")
        goods.append(
            Goods(
                role=role,
                vat=vat,
                price=float(price),
                spread=float(spread),
                often=float(often),
                ways=ways,
                known=_names(known),
                words=_names(words),
                above=above,
            )
        )
    return goods


GOODS = _read_goods(_GOODS)
"""The goods that every company buys."""

AMBIGUOUS_GOODS = _read_goods(_AMBIGUOUS_GOODS)
"""Goods whose account depends on the amount."""

FOREIGN_SUPPLIERS = (
    ("cloud", ("Amazon Web Services", "DigitalOcean", "Hetzner Cloud", "Dropbox")),
    ("software", ("GitHub", "Atlassian", "Slack", "Zoom", "Figma", "JetBrains")),
    ("online_advertising", ("Google Ads", "Pinterest Ads", "TikTok Ads")),
    ("goods", ("Shenzhen Trading", "Rotterdam Import", "Milano Export", "Anatolia Supply")),
)
"""Suppliers from abroad, with the role of the account."""

OUTLAYS = (
    ("travel", "low", 35.0, _names("taxi, tåg, buss | Taxi, Bahn, ÖPNV | taxi, train, bus fare")),
    (
        "entertainment",
        "mid",
        60.0,
        _names("lunch kund, middag | Bewirtung, Geschäftsessen | client lunch, dinner"),
    ),
    ("office", "std", 25.0, _names("papper, pärmar | Druckerpapier, Ordner | paper, folders")),
    ("welfare", "mid", 20.0, _names("fika, blommor | Getränke, Kuchen | milk, cake")),
    ("post", "none", 12.0, _names("frimärken | Briefmarken | stamps")),
    ("fuel", "std", 55.0, _names("bensin, parkering | Tanken, Parken | petrol, parking")),
    ("small_equipment", "std", 80.0, _names("laddare, borr | Ladekabel, Bohrer | charger, drill bits")),
)
"""Purchases that employees pay and are paid back: role, VAT class, price, words."""


@dataclass(frozen=True, kw_only=True)
class Trade:
    """A trade: the shares of entries of each kind, the goods that it resells, and its sales."""

    words: dict[str, tuple[str, ...]]  # language: words in the company's name
    purchases: float  # share of purchases among what isn't scheduled; payments follow from them
    sales: float  # of customer invoices; receipts follow from them
    takings: float  # of cash sales; card settlements and deposits follow from them
    outlays: float  # of reimbursements to employees
    bought: tuple[Goods, ...]  # what it buys to sell, or to work with
    sold: tuple[tuple[str, str, float], ...]  # role, VAT class, share
    cash_sold: tuple[tuple[str, str, float], ...] = ()  # the same across the counter
    price: float = 800.0  # the median customer invoice, or takings of a day


def _bought(head: str, known: str, words: str) -> Goods:
    return _read_goods(f"{head}\n{known}\n{words}")[0]


TRADES = (
    Trade(
        words=_names("Café, Restaurang, Bageri | Café, Gasthaus, Bäckerei | Café, Bistro, Bakery"),
        purchases=0.44,
        sales=0.04,
        takings=0.26,
        outlays=0.03,
        bought=(
            _bought(
                "goods_food mid 260 .5 6 iiick",
                "Martin & Servera, Menigo | Metro, Chefs Culinar | Brakes, Booker",
                "Grönsaker, Fisk, Mejeri, Chark | Gemüse, Fleischerei, Molkerei, Kaffeerösterei "
                "| Greengrocers, Butchers, Dairy, Coffee Roasters",
            ),
            _bought(
                "goods std 340 .5 2 iii",
                "Systembolaget, Carlsberg | Getränke Hoffmann, Krombacher | Matthew Clark, Heineken",
                "Bryggeri, Vinimport | Brauerei, Weinhandel | Brewery, Wine Merchants",
            ),
        ),
        sold=(("sales_mid", "mid", 0.7), ("sales", "std", 0.3)),
        cash_sold=(("sales_mid", "mid", 0.75), ("sales", "std", 0.25)),
        price=900.0,
    ),
    Trade(
        words=_names("Bygg, Snickeri, Måleri | Bau, Zimmerei, Malerbetrieb | Builders, Roofing, Decorating"),
        purchases=0.50,
        sales=0.16,
        takings=0.0,
        outlays=0.08,
        bought=(
            _bought(
                "materials std 480 .9 5 iiiicb",
                "Beijer, Ahlsell, XL-Bygg | Hagebau, Raab Karcher | Travis Perkins, Jewson",
                "Trävaror, Betong, Glas, Plåt | Baustoffe, Holzhandel, Beton, Glas "
                "| Timber, Concrete, Glass, Bricks",
            ),
            _bought(
                "subcontract std 1900 .7 3 iii",
                "NCC, Skanska | Strabag | Kier",
                "Entreprenad, Gräv, Montage | Tiefbau, Montage, Gerüstbau "
                "| Contractors, Groundworks, Scaffolding",
            ),
        ),
        sold=(("sales_service", "std", 0.7), ("sales", "std", 0.3)),
        price=4200.0,
    ),
    Trade(
        words=_names("Webbutik, Handel, Design | Versand, Onlinehandel, Design | Online, Trading, Gifts"),
        purchases=0.46,
        sales=0.06,
        takings=0.22,
        outlays=0.02,
        bought=(
            _bought(
                "goods std 620 .7 5 iiib",
                "Spring Copenhagen, Sagaform | Depot Großhandel, Blomus | Joules Wholesale, Sophie Allport",
                "Grossist, Textil, Keramik | Großhandel, Textilien, Keramik | Wholesale, Textiles, Ceramics",
            ),
        ),
        sold=(("sales", "std", 0.85), ("sales_export", "none", 0.15)),
        cash_sold=(("sales", "std", 0.9), ("sales_mid", "mid", 0.1)),
        price=700.0,
    ),
    Trade(
        words=_names("Data, Konsult, System | Software, Beratung, Systeme | Consulting, Systems, Digital"),
        purchases=0.46,
        sales=0.20,
        takings=0.0,
        outlays=0.12,
        bought=(
            _bought(
                "subcontract std 3100 .5 3 iii",
                "Ework, Emagine | Hays Freelance, Gulp | Toptal, Upwork Contractor",
                "Konsult, Utveckling | Entwicklung, Freelance | Developers, Consulting",
            ),
        ),
        sold=(("sales_service", "std", 0.9), ("sales_export", "none", 0.1)),
        price=7500.0,
    ),
    Trade(
        words=_names("Salong, Frisör, Hårstudio | Friseur, Salon, Haarstudio | Hair, Salon, Barbers"),
        purchases=0.42,
        sales=0.02,
        takings=0.30,
        outlays=0.03,
        bought=(
            _bought(
                "goods std 190 .6 3 iiic",
                "Wella, L'Oréal | Wella, Goldwell | Wella, Schwarzkopf",
                "Hårprodukter, Kosmetik | Haarpflege, Kosmetik | Haircare, Beauty Supplies",
            ),
        ),
        sold=(("sales_service", "std", 1.0),),
        cash_sold=(("sales_service", "std", 0.8), ("sales", "std", 0.2)),
        price=420.0,
    ),
    Trade(
        words=_names(
            "Grossist, Import, Partihandel | Großhandel, Import, Handels | Wholesale, Imports, Supplies"
        ),
        purchases=0.40,
        sales=0.24,
        takings=0.0,
        outlays=0.03,
        bought=(
            _bought(
                "goods std 2400 .8 6 iiii",
                "Orkla, Axfood Partihandel | Transgourmet, Lekkerland | Bestway, Nisbets",
                "Fabrik, Produktion, Industri | Fabrik, Werke, Industrie | Manufacturing, Works, Industries",
            ),
            _bought(
                "goods_food mid 1900 .7 2 iii",
                "Lantmännen, Arla | Dr. Oetker, Müller Milch | Premier Foods, Arla",
                "Kvarn, Lantbruk | Mühle, Hof | Mills, Farm",
            ),
        ),
        sold=(("sales", "std", 0.65), ("sales_mid", "mid", 0.25), ("sales_export", "none", 0.1)),
        price=2600.0,
    ),
    Trade(
        words=_names("Tandvård, Läkare, Fysio | Zahnarztpraxis, Praxis, Physio | Dental, Clinic, Physio"),
        purchases=0.42,
        sales=0.14,
        takings=0.12,
        outlays=0.03,
        bought=(
            _bought(
                "materials std 310 .7 4 iiib",
                "Mediq, OneMed | Henry Schein, Pluradent | Henry Schein, Kent Express",
                "Dental, Medicinteknik, Laboratorium | Dentalbedarf, Medizintechnik, Labor "
                "| Dental Supplies, Medical, Laboratory",
            ),
        ),
        sold=(("sales_exempt", "none", 0.9), ("sales", "std", 0.1)),
        cash_sold=(("sales_exempt", "none", 0.85), ("sales", "std", 0.15)),
        price=380.0,
    ),
    Trade(
        words=_names("Åkeri, Transport, Budbil | Spedition, Transporte, Kurier | Transport, Haulage, Couriers"),
        purchases=0.52,
        sales=0.18,
        takings=0.0,
        outlays=0.05,
        bought=(
            _bought(
                "fuel std 410 .5 4 ciib",
                "Preem Diesel, St1 Truck | DKV, UTA | Allstar, Keyfuels",
                "Diesel, Drivmedel | Diesel, Mineralöle | Diesel, Fuel Oils",
            ),
            _bought(
                "subcontract std 950 .6 3 iii",
                "Schenker Åkeri | Dachser | Wincanton",
                "Lastbil, Logistik | Logistik, Transporte | Logistics, Trucking",
            ),
            _bought(
                "vehicle_repair std 700 .7 2 iii",
                "Scania, Volvo Truck Center | MAN Service, Scania | Scania, DAF",
                "Lastvagnsverkstad, Däck | Nutzfahrzeuge, Reifen | Truck Repairs, Tyres",
            ),
        ),
        sold=(("sales_service", "std", 0.85), ("sales_export", "none", 0.15)),
        price=1500.0,
    ),
)
"""The trades, in the order in which companies take them."""

# Where several wordings stand in a row, a supplier or a customer has one of them as its usual one. The ones
# after "//" hold a number or a date that is new every time; those before are the same every time.
_PHRASES = {
    "sv": """
purchase: {name} ; {name} ; Lev.fakt {name} ; Inköp {name} // {name} fakt {no} ; Faktura {no} {name} {my} ; {name} {month} {year}
bought: {name} ; {name} ; Kortköp {name} ; Inköp {name} // {name} {no} ; {name} {date} ; {name} kvitto {no}
credit: Kreditfaktura {name} // Kreditfaktura {name} {no}
payment: {name} ; {name} ; Betalning {name} ; Lev.bet. {name} // Betalning {name} fakt {no} ; Lev.bet. {no} {name}
sale: Kundfaktura {name} ; {name} ; Försäljning {name} // Kundfaktura {no} {name} ; Faktura {no} {name}
receipt: Inbetalning {name} ; {name} ; {name} ; Inbet. {name} // Inbetalning {name} faktura {no} ; BG {no} {name}
takings: Dagskassa ; Dagens försäljning // Dagskassa {date} ; Z-rapport {no}
settlement: Zettle utbetalning ; Kortinlösen Bambora // Kortinlösen {date}
deposit: Insättning dagskassa ; Kontantinsättning // Insättning {date}
outlay: Utlägg {employee} {what} ; Utlägg {what} {employee} ; {employee} {what} // {employee} {what} {date} ; Utlägg {no} {what}
saved: Överföring till sparkonto
unsaved: Överföring från sparkonto
payroll: Lön {employee} ; Löner {employee} // Lön {month} {year} {employee} ; Löner {my} {employee}
rent: Lokalhyra ; Hyra lokal // Hyra {month} {year} ; Hyra {my}
payroll_taxes: Skattekonto arb.avg ; Skatt och arbetsgivaravgifter // Skatt & avgifter {month}
vat: Momsredovisning ; Momsavräkning // Moms {my}
vat_payment: Inbetalning moms ; Skattekonto moms // Moms betalning {date}
net_pay: Löneutbetalning
bank_fees: Bankavgift ; Pris betaltjänst // Bankavgifter {month} {year}
depreciation: Avskrivning inventarier ; Avskrivningar enligt plan // Avskrivningar {month} {year}
card_bill: Företagskort faktura ; Kortfaktura // Kortfaktura {my}
loan: Amortering och ränta ; Lån // Lån {no} {my}
employee_payout: Utbetalning utlägg // Utbetalning utlägg {my}
accrual: Periodisering el ; Upplupen elkostnad // Upplupna kostnader {month}
reversal: Återföring periodisering ; Återf. upplupen el // Återföring {my}
leasing: Billeasing {what} ; Leasing bil {what} // Leasing {what} {my}
income_tax: Preliminärskatt ; F-skatt // F-skatt {month}
insurance: Företagsförsäkring årspremie // Försäkring {year}
release: Periodisering försäkring // Försäkringskostnad {my}
stock: Lagerförändring // Inventering {year}
subscription: {name} ; {name} abonnemang // {name} {my} ; {name} {no}
""",  # noqa: E501
    "de": """
purchase: {name} ; {name} ; Eingangsrechnung {name} ; RE {name} // Rechnung {no} {name} {my} ; {name} Re. {no} ; {name} {month} {year}
bought: {name} ; {name} ; Kartenzahlung {name} ; Einkauf {name} // {name} {no} ; {name} {date} ; {name} Beleg {no}
credit: Gutschrift {name} // Gutschrift {no} {name}
payment: {name} ; {name} ; Zahlung {name} ; Überweisung {name} // Zahlung {name} RE {no} ; Überw. {no} {name}
sale: Ausgangsrechnung {name} ; {name} ; Erlöse {name} // Rechnung {no} {name} ; AR {no} {name}
receipt: Zahlungseingang {name} ; {name} ; {name} ; Eingang {name} // Zahlungseingang {name} RG {no} ; ZE {no} {name}
takings: Tageseinnahmen ; Kassenbericht // Tageseinnahmen {date} ; Z-Bon {no}
settlement: SumUp Auszahlung ; EC-Abrechnung // Kartenabrechnung {date}
deposit: Bareinzahlung Bank ; Geldtransport // Einzahlung {date}
outlay: Auslagen {employee} {what} ; Erstattung {what} {employee} ; {employee} {what} // {employee} {what} {date} ; Auslage {no} {what}
saved: Umbuchung auf Tagesgeld
unsaved: Umbuchung von Tagesgeld
payroll: Lohn {employee} ; Gehalt {employee} // Gehalt {month} {year} {employee} ; Lohnabrechnung {my} {employee}
rent: Miete Geschäftsräume ; Miete // Miete {month} {year} ; Miete {my}
payroll_taxes: Lohnsteuer und SV-Beiträge ; Finanzamt LSt // LSt/SV {month}
vat: USt-Voranmeldung ; Umbuchung USt // USt-VA {my}
vat_payment: Finanzamt USt ; Zahlung Umsatzsteuer // Finanzamt USt {date}
net_pay: Lohnzahlung ; Überweisung Gehälter // Gehälter {month}
bank_fees: Kontoführung ; Bankgebühren // Entgeltabschluss {month} {year}
depreciation: AfA ; Abschreibung Betriebsausstattung // AfA {month} {year}
card_bill: Kreditkartenabrechnung ; Mastercard Abrechnung // Kreditkarte {my}
loan: Darlehensrate ; Annuität Darlehen // Darlehen {no} {my}
employee_payout: Auszahlung Auslagen // Auszahlung Auslagen {my}
accrual: Rückstellung Strom ; Abgrenzung Energie // Abgrenzung {month}
reversal: Auflösung Rückstellung Strom ; Auflösung Abgrenzung // Auflösung {my}
leasing: Leasingrate {what} ; Kfz-Leasing {what} // Leasing {what} {my}
income_tax: Körperschaftsteuer Vorauszahlung ; Finanzamt KSt // KSt-VZ {my}
insurance: Betriebshaftpflicht Jahresbeitrag // Versicherung {year}
release: Auflösung ARAP Versicherung // Versicherungsanteil {my}
stock: Bestandsveränderung // Inventur {year}
subscription: {name} ; {name} Vertrag // {name} {my} ; {name} {no}
""",  # noqa: E501
    "en": """
purchase: {name} ; {name} ; Purchase invoice {name} ; Inv {name} // {name} inv {no} ; Invoice {no} {name} {my} ; {name} {month} {year}
bought: {name} ; {name} ; Card purchase {name} ; POS {name} // {name} {no} ; {name} {date} ; {name} receipt {no}
credit: Credit note {name} // Credit note {no} {name}
payment: {name} ; {name} ; Payment {name} ; BACS {name} // Payment {name} inv {no} ; BACS {no} {name}
sale: Sales invoice {name} ; {name} ; Sale to {name} // Sales invoice {no} {name} ; Inv {no} {name}
receipt: Receipt {name} ; {name} ; {name} ; Rcpt {name} // Receipt {name} inv {no} ; FPI {no} {name}
takings: Daily takings ; Till takings // Takings {date} ; Z read {no}
settlement: SumUp payout ; Worldpay settlement // Card settlement {date}
deposit: Cash banked ; Cash deposit // Cash banked {date}
outlay: Expenses {employee} {what} ; Expense claim {what} {employee} ; {employee} {what} // {employee} {what} {date} ; Claim {no} {what}
saved: Transfer to deposit account
unsaved: Transfer from deposit account
payroll: Wages {employee} ; Payroll {employee} // Payroll {month} {year} {employee} ; Wages {my} {employee}
rent: Rent ; Premises rent // Rent {month} {year} ; Rent {my}
payroll_taxes: HMRC PAYE/NI ; PAYE and NI // PAYE {month}
vat: VAT return ; VAT control transfer // VAT return {my}
vat_payment: HMRC VAT ; VAT payment // HMRC VAT {date}
net_pay: Net wages ; BACS wages // Net wages {month}
bank_fees: Bank charges ; Account fee // Bank charges {month} {year}
depreciation: Depreciation ; Depreciation office equipment // Depreciation {month} {year}
card_bill: Credit card payment ; Amex payment // Credit card {my}
loan: Loan repayment ; Business loan // Loan {no} {my}
employee_payout: Expenses paid // Expenses paid {my}
accrual: Accrue electricity ; Electricity accrual // Accruals {month}
reversal: Reverse accrual ; Reversal electricity accrual // Reversal {my}
leasing: Vehicle lease {what} ; Van lease {what} // Lease {what} {my}
income_tax: Corporation tax ; HMRC CT // Corporation tax {my}
insurance: Business insurance annual premium // Insurance {year}
release: Insurance prepayment release // Insurance release {my}
stock: Stock adjustment // Stocktake {year}
subscription: {name} ; {name} contract // {name} {my} ; {name} {no}
""",  # noqa: E501
}


def _read_phrases() -> dict[str, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]]:
    phrases: dict[str, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {}
    for language, text in _PHRASES.items():
        phrases[language] = {}
        for row in text.strip().splitlines():
            occasion, wordings = row.split(": ", 1)
            constant, _, varying = wordings.partition("//")
            phrases[language][occasion] = (
                tuple(wording.strip() for wording in constant.split(";")),
                tuple(wording.strip() for wording in varying.split(";") if wording.strip()),
            )
    return phrases


PHRASES = _read_phrases()
"""The wordings that stay the same, and those that are new every time, by language and occasion."""
