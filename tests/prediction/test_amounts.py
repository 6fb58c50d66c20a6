from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.confidence.calibration import Calibration, CalibrationRows
from jet.confidence.judgment import AMOUNT_FEATURES
from jet.prediction.amounts import RULES, TAX_RATES, UNKNOWN_AMOUNT, PastAmounts, minor_units, propose_amounts

# Accounts by number; a debit of account 3 is the token 6, a credit is 7.
BANK, SUPPLIER, TAX, COST, OTHER, FEE, ROUNDING, TAX_OUT, SALES, CUSTOMER = range(10)


def debit(account):
    return 2 * account


def credit(account):
    return 2 * account + 1


def evidence_of(*entries):
    """PastAmounts for each entry: lists of (lines as {token: amount, or amounts}, similarity, age)."""
    most = max((len(neighbors) for neighbors in entries), default=0) or 1
    flat = [[flatten(lines) for lines, _, _ in neighbors] for neighbors in entries]
    longest = max((len(one) for neighbors in flat for one in neighbors), default=1) or 1
    tokens = np.full((len(entries), most, longest), -1)
    amounts = np.full(tokens.shape, np.nan)
    similarity = np.full(tokens.shape[:2], -np.inf, dtype=np.float32)
    age = np.full(tokens.shape[:2], -1)
    for n, neighbors in enumerate(entries):
        for m, (_, how_similar, days) in enumerate(neighbors):
            similarity[n, m], age[n, m] = how_similar, days
            for place, (token, amount) in enumerate(flat[n][m]):
                tokens[n, m, place], amounts[n, m, place] = token, amount
    return PastAmounts(tokens, amounts, similarity, age)


def flatten(lines):
    return [
        (token, amount)
        for token, given_amounts in lines.items()
        for amount in (given_amounts if isinstance(given_amounts, list) else [given_amounts])
    ]


def propose(total, tokens, *neighbors):
    """Amounts (major units) by line, rule and features of one entry; neighbors are lines, the likest first."""
    likeness = [(lines, 1 - 0.05 * place, 10 + 30 * place) for place, lines in enumerate(neighbors)]
    total = minor_units(np.array([total]))
    proposal = propose_amounts(total, np.array([tokens]), evidence_of(likeness))
    features = dict(zip(AMOUNT_FEATURES, proposal.features[0], strict=True))
    return (proposal.amounts[0] / 100).tolist(), RULES[proposal.rule[0]], features


PURCHASE = [debit(TAX), debit(COST), credit(SUPPLIER)]


def purchase(total, rate, cost=COST):
    tax = int(Fraction(str(total)) * 100 * rate / (1 + rate) + Fraction(1, 2)) / 100
    return {debit(TAX): tax, debit(cost): round(total - tax, 2), credit(SUPPLIER): total}


# --- one line a side ------------------------------------------------------------------------------------


def test_a_line_alone_on_its_side_gets_the_total():
    amounts, rule, _ = propose(99.95, [debit(COST), credit(BANK)])
    assert amounts == [99.95, 99.95]
    assert rule == "single"


def test_an_unknown_total_gives_unknown_amounts():
    tokens = np.array([[debit(COST), credit(BANK), -1], PURCHASE])
    proposal = propose_amounts(np.array([-1, -1]), tokens, evidence_of([], [(purchase(125.0, 0), 1, 1)]))
    assert (proposal.amounts == UNKNOWN_AMOUNT).all()
    assert [RULES[rule] for rule in proposal.rule] == ["unknown", "unknown"]
    assert proposal.confidence(Calibration.unfitted(AMOUNT_FEATURES)).tolist() == [0, 0]


def test_a_set_that_lacks_a_side_gets_no_amounts():
    amounts, rule, _ = propose(10.0, [debit(COST), debit(TAX)])
    assert amounts == [-0.01, -0.01]
    assert rule == "unknown"


def test_padding_gets_no_amount():
    amounts, _, _ = propose(10.0, [*PURCHASE, -1, -1], purchase(50.0, Fraction(1, 4)))
    assert amounts == [2.0, 8.0, 10.0, -0.01, -0.01]


# --- tax ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", TAX_RATES)
def test_a_tax_rate_is_recognized_from_two_neighbors_and_applied_to_the_cent(rate):
    rate = Fraction(rate) / 100
    neighbors = [purchase(1234.56, rate), purchase(8790.11, rate)]
    wanted = purchase(4321.77, rate)
    amounts, rule, features = propose(4321.77, PURCHASE, *neighbors)
    assert amounts == list(wanted.values())
    assert rule == "formula"
    assert features["tax"] == 1


def test_the_rate_comes_from_the_neighbors_not_from_the_amount():
    quarter, seventh = (propose(107.0, PURCHASE, purchase(642.0, Fraction(r, 100)))[0] for r in (25, 7))
    assert quarter == [21.4, 85.6, 107.0]
    assert seventh == [7.0, 100.0, 107.0]


def test_the_tax_account_says_the_rate_where_the_cost_account_is_new():
    known = [purchase(total, Fraction(19, 100)) for total in (250.0, 77.77, 1190.0)]
    amounts, rule, _ = propose(238.0, [debit(TAX), debit(OTHER), credit(SUPPLIER)], *known)
    assert amounts == [38.0, 200.0, 238.0]
    assert rule == "formula"


def test_the_same_set_says_the_rate_before_the_tax_account_does():
    food = [purchase(total, Fraction(12, 100)) for total in (250.0, 77.77)]
    rest = [purchase(total, Fraction(25, 100), OTHER) for total in (100.0, 333.33)]
    amounts, _, _ = propose(112.0, PURCHASE, *food, *rest)
    assert amounts == [12.0, 100.0, 112.0]


def test_tax_on_both_sides_is_split_alike():
    def reverse_charge(net, tax):
        return {debit(TAX): tax, debit(COST): net, credit(SUPPLIER): net, credit(TAX_OUT): tax}

    tokens = list(reverse_charge(0, 0))
    neighbors = [reverse_charge(1000.0, 250.0), reverse_charge(24269.28, 6067.32)]
    amounts, rule, _ = propose(312.5, tokens, *neighbors)
    assert amounts == [62.5, 250.0, 250.0, 62.5]
    assert rule == "formula"


def test_of_two_rates_the_second_is_found_where_the_first_part_is_fixed():
    tokens = [debit(TAX), debit(COST), debit(OTHER), credit(SUPPLIER)]

    def lines(tax, cost):
        return dict(zip(tokens, (tax, cost, 35.0, tax + cost + 35.0), strict=True))

    amounts, rule, features = propose(160.0, tokens, lines(250.0, 1000.0), lines(50.0, 200.0))
    assert amounts == [25.0, 100.0, 35.0, 160.0]
    assert rule == "formula"
    assert features["fixed"] == 1


# --- rounding -------------------------------------------------------------------------------------------

SALE = [debit(CUSTOMER), credit(SALES), credit(TAX_OUT), credit(ROUNDING)]


def test_a_total_in_whole_units_leaves_the_rounding_to_its_line():
    neighbors = [
        dict(zip(SALE, lines, strict=True))
        for lines in ((86713.0, 69370.0, 17342.5, 0.5), (54844.0, 43875.0, 10968.75, 0.25))
    ]
    amounts, rule, _ = propose(78438.0, SALE, *neighbors)
    assert amounts == [78438.0, 62750.0, 15687.5, 0.5]
    assert rule == "formula"


def test_a_side_in_whole_units_leaves_the_cents_to_the_rounding_line():
    tokens = [debit(CUSTOMER), debit(ROUNDING), credit(SALES)]
    neighbors = [dict(zip(tokens, lines, strict=True)) for lines in ((534.0, 0.37, 534.37), (71.0, 0.2, 71.2))]
    assert propose(88.41, tokens, *neighbors)[0] == [88.0, 0.41, 88.41]


def test_a_tax_that_was_rounded_to_whole_units_is_rounded_again():
    neighbors = [
        dict(zip(PURCHASE, lines, strict=True)) for lines in ((17, 69, 86), (25, 98, 123), (14, 57, 71))
    ]
    assert propose(99.0, PURCHASE, *neighbors)[0] == [20.0, 79.0, 99.0]


# --- what recurs ----------------------------------------------------------------------------------------

WAGES = [debit(COST), credit(BANK), credit(TAX)]


def test_the_same_set_with_the_same_total_is_repeated():
    march, april = (
        dict(zip(WAGES, lines, strict=True))
        for lines in ((21700.0, 14350.0, 7350.0), (16380.0, 10800.0, 5580.0))
    )
    for wanted in (march, april):
        amounts, rule, features = propose(wanted[debit(COST)], WAGES, march, april)
        assert amounts == list(wanted.values())
        assert rule == "repeated"
        assert features["repeated"] == 1


def test_a_fixed_amount_stays_and_the_rest_goes_to_the_other_line():
    tokens = [debit(FEE), debit(COST), credit(BANK)]
    neighbors = [dict(zip(tokens, (25.0, x - 25.0, x), strict=True)) for x in (5000.0, 812.5, 99.0)]
    amounts, rule, features = propose(777.77, tokens, *neighbors)
    assert amounts == [25.0, 752.77, 777.77]
    assert rule == "formula"
    assert features["fixed"] == 1


def test_a_fixed_amount_beyond_the_total_is_not_followed():
    tokens = [debit(FEE), debit(COST), credit(BANK)]
    neighbors = [dict(zip(tokens, (25.0, x - 25.0, x), strict=True)) for x in (5000.0, 812.5)]
    amounts, rule, _ = propose(10.0, tokens, *neighbors)
    assert sum(amounts[:2]) == 10.0
    assert min(amounts) >= 0
    assert rule == "split"


def test_an_account_that_is_booked_twice_on_a_side_is_split_as_before():
    tokens = [debit(COST), debit(COST), credit(BANK)]
    rent = {debit(COST): [8500.0, 8500.0], credit(BANK): 17000.0}
    assert propose(16500.0, tokens, rent)[0] == [8250.0, 8250.0, 16500.0]
    thirty = [{debit(COST): [x * 3, x * 7], credit(BANK): x * 10} for x in (100.0, 12.5)]
    assert propose(1000.0, tokens, *thirty)[0] == [700.0, 300.0, 1000.0]


def test_what_nobody_knows_is_split_evenly_and_said_to_be_a_guess():
    amounts, rule, features = propose(100.0, [debit(COST), debit(OTHER), debit(FEE), credit(BANK)])
    assert amounts == [33.34, 33.33, 33.33, 100.0]
    assert rule == "split"
    assert features["split"] == 1
    assert features["evidence"] == features["same_set"] == 0


def test_lines_that_neighbors_booked_with_nothing_get_the_total_all_the_same():
    nothing = {debit(COST): 0.0, debit(OTHER): 5.0, credit(BANK): [2.0, 3.0]}
    amounts, _, _ = propose(0.08, [debit(COST), credit(BANK), credit(TAX)], nothing)
    assert amounts == [0.08, 0.04, 0.04]


def test_shares_that_no_formula_knows_are_the_neighbors_own():
    neighbors = [
        {debit(COST): 617.0, debit(OTHER): 383.0, credit(BANK): 1000.0},
        {debit(COST): 123.4, debit(OTHER): 76.6, credit(BANK): 200.0},
    ]
    amounts, rule, _ = propose(500.0, [debit(COST), debit(OTHER), credit(BANK)], *neighbors)
    assert amounts == pytest.approx([308.5, 191.5, 500.0])
    assert rule in ("split", "formula")


def test_a_neighbor_that_does_not_balance_or_lacks_an_amount_is_no_evidence():
    wrong = {debit(TAX): 20.0, debit(COST): 80.0, credit(SUPPLIER): 90.0}
    unknown = {debit(TAX): np.nan, debit(COST): 80.0, credit(SUPPLIER): 100.0}
    for neighbors in ([wrong], [unknown], [wrong, unknown]):
        assert propose(50.0, PURCHASE, *neighbors) == propose(50.0, PURCHASE)


def test_a_neighbor_that_is_not_there_is_no_evidence():
    hidden = evidence_of([(purchase(125.0, Fraction(1, 4)), -np.inf, 3)])
    proposal = propose_amounts(np.array([5000]), np.array([PURCHASE]), hidden)
    assert proposal.amounts[0].tolist() == [2500, 2500, 5000]


def test_the_likelier_neighbors_outvote_the_others():
    quarter, tenth = purchase(125.0, Fraction(1, 4)), purchase(330.0, Fraction(1, 10))
    assert propose(220.0, PURCHASE, quarter, tenth)[0] == [44.0, 176.0, 220.0]
    assert propose(220.0, PURCHASE, tenth, quarter)[0] == [20.0, 200.0, 220.0]


def test_of_equally_similar_neighbors_the_recent_one_outvotes_the_old_one():
    quarter, tenth = purchase(125.0, Fraction(1, 4)), purchase(330.0, Fraction(1, 10))
    for recent, old, expected in ((quarter, tenth, [44, 176, 220]), (tenth, quarter, [20, 200, 220])):
        neighbors = evidence_of([(recent, 0.9, 10), (old, 0.9, 900)])
        proposal = propose_amounts(minor_units(np.array([220.0])), np.array([PURCHASE]), neighbors)
        assert (proposal.amounts[0] / 100).tolist() == expected


# --- for any input --------------------------------------------------------------------------------------

few = st.integers(0, 3)


@st.composite
def books(draw):
    """Entries with sets of up to eight lines and balanced neighbors that share many of their lines."""

    def a_set():
        sides = [draw(st.lists(few, min_size=1, max_size=4)) for _ in (0, 1)]
        return sorted(debit(a) for a in sides[0]) + sorted(credit(a) for a in sides[1])

    def lines(tokens):
        total = draw(st.integers(len(tokens), 10**6))
        booked = []
        for side in (0, 1):
            of_side = [token for token in tokens if token % 2 == side]
            cuts = sorted(draw(st.integers(0, total)) for _ in of_side[1:])
            parts = np.diff([0, *cuts, total])
            booked += [(token, int(part) / 100) for token, part in zip(of_side, parts, strict=True)]
        result = {}
        for token, amount in booked:
            result.setdefault(token, []).append(amount)
        return result

    size = draw(st.integers(1, 3))
    sets = [a_set() for _ in range(size)]
    neighbors = [
        [
            (lines(draw(st.sampled_from([own, a_set()]))), draw(st.sampled_from([0.25, 0.5, 1.0])), draw(few))
            for _ in range(draw(st.integers(0, 4)))
        ]
        for own in sets
    ]
    tokens = np.full((size, 8), -1)
    for row, own in enumerate(sets):
        tokens[row, : len(own)] = own
    return np.array([draw(st.integers(0, 10**15 - 1)) for _ in sets]), tokens, neighbors


@settings(deadline=None, max_examples=40)
@given(books())
def test_debits_equal_credits_equal_the_total_and_nothing_is_negative(made):
    total, tokens, neighbors = made
    amounts = propose_amounts(total, tokens, evidence_of(*neighbors)).amounts
    assert amounts.dtype == np.int64
    assert (amounts[tokens >= 0] >= 0).all()
    assert (amounts[tokens < 0] == UNKNOWN_AMOUNT).all()
    for side in (0, 1):
        on = (tokens >= 0) & (tokens % 2 == side)
        assert np.where(on, amounts, 0).sum(axis=1).tolist() == total.tolist()


@settings(deadline=None, max_examples=40)
@given(books(), st.randoms())
def test_the_order_in_which_neighbors_come_does_not_matter(made, random):
    total, tokens, neighbors = made
    shuffled = [random.sample(one, len(one)) for one in neighbors]
    one, other = (propose_amounts(total, tokens, evidence_of(*each)) for each in (neighbors, shuffled))
    assert np.array_equal(one.amounts, other.amounts)
    assert np.array_equal(one.features, other.features)


@settings(deadline=None, max_examples=40)
@given(books())
def test_an_entry_gets_the_same_alone_as_among_others(made):
    total, tokens, neighbors = made
    together = propose_amounts(total, tokens, evidence_of(*neighbors))
    for row in range(len(total)):
        alone = propose_amounts(total[row : row + 1], tokens[row : row + 1], evidence_of(neighbors[row]))
        assert np.array_equal(alone.amounts[0], together.amounts[row])
        assert np.array_equal(alone.features[0], together.features[row])


@settings(deadline=None, max_examples=40)
@given(books())
def test_what_is_missing_at_the_end_of_the_arrays_does_not_matter(made):
    total, tokens, neighbors = made
    given_evidence = evidence_of(*neighbors)
    wider = PastAmounts(
        np.pad(given_evidence.tokens, ((0, 0), (0, 2), (0, 3)), constant_values=-1),
        np.pad(given_evidence.amounts, ((0, 0), (0, 2), (0, 3)), constant_values=np.nan),
        np.pad(given_evidence.similarity, ((0, 0), (0, 2)), constant_values=-np.inf),
        np.pad(given_evidence.age_days, ((0, 0), (0, 2)), constant_values=-1),
    )
    one, other = propose_amounts(total, tokens, given_evidence), propose_amounts(total, tokens, wider)
    assert np.array_equal(one.amounts, other.amounts)


@pytest.mark.parametrize("rate", ["25", "19", "10", "6"])
def test_amounts_a_hundred_times_as_large_are_split_a_hundred_times_as_large(rate):
    rate = Fraction(rate) / 100
    for whole in (1.0, 100.0):
        net = 340.0 * whole
        total = float(net * (1 + rate))
        neighbors = [purchase(float(n * whole * (1 + rate)), rate) for n in (100, 850)]
        assert propose(total, PURCHASE, *neighbors)[0] == pytest.approx([total - net, net, total])


def test_a_million_million_is_still_exact():
    total = 10**14 - 1
    proposal = propose_amounts(
        np.array([total]), np.array([PURCHASE]), evidence_of([(purchase(125.0, Fraction(1, 4)), 1, 1)])
    )
    assert proposal.amounts[0].tolist() == [total // 5 + 1, total - total // 5 - 1, total]


# --- units and confidence -------------------------------------------------------------------------------


def test_major_units_become_hundredths_or_unknown():
    given_amounts = np.array([0.0, 1.1, 33.92, 2.7800000000000002, np.nan, -1.0, 0.005, np.inf, 1e15])
    assert minor_units(given_amounts).tolist() == [0, 110, 3392, 278, -1, -1, -1, -1, -1]


def plausible(rows, seed=0):
    draw = np.random.default_rng(seed)
    features = draw.random((rows, len(AMOUNT_FEATURES)))
    odds = draw.normal(0, 2, rows)
    features[:, AMOUNT_FEATURES.index("support")] = 3 * odds
    return features, draw.random(rows) < 1 / (1 + np.exp(-odds))


def fitted_on(rows):
    features, right = plausible(rows)
    return Calibration.fit(
        AMOUNT_FEATURES, features, CalibrationRows.independent(["one company"] * rows, right)
    )


def test_a_confidence_is_how_often_guesses_like_it_were_right():
    fitted = fitted_on(4000)
    features, right = plausible(4000, seed=1)
    confidence = fitted(features)
    for low in np.arange(0, 1, 0.2):
        inside = (confidence >= low) & (confidence < low + 0.2)
        assert confidence[inside].mean() == pytest.approx(right[inside].mean(), abs=0.06)


def test_what_arithmetic_decides_needs_no_confidence():
    tokens = np.array([[debit(COST), credit(BANK), -1], PURCHASE])
    proposal = propose_amounts(np.array([100, 100]), tokens, evidence_of([], []))
    fitted = fitted_on(200)
    assert proposal.guessed.tolist() == [False, True]
    assert proposal.confidence(fitted).tolist() == [1.0, fitted(proposal.features[1:])[0]]
