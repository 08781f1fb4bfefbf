"""Sizes of windows that do not fit each other are refused."""

import pytest

from genojax import errors
from genojax.data.store.signals import track_settings


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'window': 1000}, 'is not whole bins of 128'),
        ({'crop': 100}, 'is not whole bins'),
        ({'crop': 8_192}, 'is not whole bins'),
        ({'min_known': 0.0}, '--min-known=0.0'),
        ({'test_share': 1.0}, '--test-share=1.0'),
        ({'block': 0}, 'at least 1'),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, words):
    with pytest.raises(errors.UsageError, match=words):
        track_settings.TrackSettings(**changes)


@pytest.mark.parametrize(('window', 'crop'), [(1000, 100), (131_000, 32_768), (16_384, 8_192)])
def test_the_fix_gives_sizes_that_fit(window, crop):
    with pytest.raises(errors.UsageError) as caught:
        track_settings.TrackSettings(window=window, crop=crop)
    words = str(caught.value).partition('Fix: ')[2].split()
    sizes = {word[2:].partition('=')[0]: int(word.partition('=')[2]) for word in words}
    assert track_settings.TrackSettings(**sizes).centre > 0


def test_masks_are_of_one_species():
    """Contigs of two species may have the same names."""
    settings = track_settings.TrackSettings(blacklist=('human=h.bed', 'mouse=m.bed', 'human=i.bed'))
    species = ('human', 'mouse')
    assert settings.mask_files('blacklist', 'human', species) == ['h.bed', 'i.bed']
    assert settings.mask_files('blacklist', 'mouse', species) == ['m.bed']
    assert settings.mask_files('unmappable', 'mouse', species) == []
    plain = track_settings.TrackSettings(unmappable=('a=b.bed',))
    assert plain.mask_files('unmappable', 'yeti', ('yeti',)) == ['a=b.bed']
    with pytest.raises(errors.UsageError, match='Fix: --unmappable=human=a=b.bed'):
        plain.mask_files('unmappable', 'mouse', species)
