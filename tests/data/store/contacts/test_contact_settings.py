"""Sizes of windows with contacts."""

import pytest

from genojax import errors
from genojax.data.store.contacts import contact_settings


def test_bins_lie_between_the_flanks():
    settings = contact_settings.ContactSettings(window=600, crop=100, bin=50)
    assert (settings.bins, settings.reach) == (8, 12)


@pytest.mark.parametrize('diagonals', [0, 8, 9])
def test_some_pair_of_bins_must_be_known(diagonals):
    with pytest.raises(errors.UsageError, match='--diagonals'):
        contact_settings.ContactSettings(window=600, crop=100, bin=50, diagonals=diagonals)
