from dataclasses import asdict
from datetime import date

import pytest

from analysis.prices import DEFAULT_REGION, PRICES, PRICES_AS_OF, prices_for


@pytest.mark.parametrize("prices", PRICES, ids=lambda prices: prices.region)
def test_a_region_gets_its_own_prices(prices):
    assert prices_for(prices.region) is prices


def test_an_unknown_region_gets_the_default_prices_and_their_name():
    assert prices_for("mars-north-1").region == DEFAULT_REGION


@pytest.mark.parametrize("prices", PRICES, ids=lambda prices: prices.region)
def test_every_price_is_positive(prices):
    numbers = [price for price in asdict(prices).values() if isinstance(price, float)]

    assert len(numbers) == 8
    assert all(price > 0 for price in numbers)


@pytest.mark.parametrize("prices", PRICES, ids=lambda prices: prices.region)
def test_emr_serverless_costs_fargate_and_thirty_percent(prices):
    """AWS keeps to this in every region, so a typing error on either side shows."""
    assert prices.spark_vcpu_hour == pytest.approx(1.3 * prices.fargate_vcpu_hour, rel=1e-6)
    assert prices.spark_gb_hour == pytest.approx(1.3 * prices.fargate_gb_hour, rel=1e-6)


def test_the_prices_have_a_date():
    assert date.fromisoformat(PRICES_AS_OF).isoformat() == PRICES_AS_OF
