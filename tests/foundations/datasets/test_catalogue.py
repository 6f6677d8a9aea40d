"""Every name loads, every card is filled in, and a wrong name is told the right ones."""

from __future__ import annotations

import numpy as np
import pytest

from mlsys.foundations.datasets.catalogue import CATALOGUE, Generated, Real, card, describe, load


@pytest.mark.parametrize("name", [n for n, entry in CATALOGUE.items() if isinstance(entry, Real)])
def test_real_data_load_by_name_with_their_own_card(name):
    data = load(name)
    assert isinstance(data, str) or data.card is card(name)
    assert card(name).planted == ""


@pytest.mark.parametrize(
    "name", [n for n, entry in CATALOGUE.items() if isinstance(entry, Generated)]
)
def test_generated_data_need_a_generator_and_say_what_is_planted(name):
    with pytest.raises(ValueError, match="default_rng"):
        load(name)
    assert load(name, np.random.default_rng(0)) is not None
    assert card(name).planted


def test_each_card_says_where_data_come_from_and_what_one_may_do():
    for name in CATALOGUE:
        about = card(name)
        assert about.name == name
        assert about.title and about.source and about.licence and about.size


def test_the_table_has_a_line_for_each():
    lines = describe().splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(CATALOGUE)


def test_a_wrong_name_is_told_the_nearest_and_all_others():
    with pytest.raises(ValueError, match="mean 'digits'"):
        load("digts")
    with pytest.raises(ValueError) as error:
        card("zzz")
    assert all(name in str(error.value) for name in CATALOGUE)
    assert "did you mean" not in str(error.value)
