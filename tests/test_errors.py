"""Errors: the parts of a message, exit codes, and explanations of every code."""

import re

import pytest

from genojax import errors


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({}, 'GX-FA07: bad byte.'),
        ({'path': 'a.fa'}, 'GX-FA07: a.fa: bad byte.'),
        ({'path': 'a.fa', 'line': 3}, 'GX-FA07: a.fa:3: bad byte.'),
        (
            {'path': 'a.fa', 'line': 3, 'record': 'chr1', 'position': 21, 'fix': 'remove it'},
            "GX-FA07: a.fa:3: record 'chr1', base 21: bad byte. Fix: remove it",
        ),
        ({'record': 'chr1'}, "GX-FA07: record 'chr1': bad byte."),
    ],
)
def test_a_message_says_where_what_and_the_fix(arguments, message):
    error = errors.InputError('FA07', 'bad byte', **arguments)
    assert str(error) == message
    assert error.code == 'FA07' and error.path == arguments.get('path')


def test_a_message_is_one_line():
    assert (
        str(errors.InputError('FA07', 'bad\n  byte', fix='a\nb')) == 'GX-FA07: bad byte. Fix: a b'
    )


def test_a_code_needs_an_explanation():
    with pytest.raises(KeyError, match='XX99'):
        errors.InputError('XX99', 'bad byte')


def test_exit_codes_differ():
    kinds = (errors.UsageError, errors.InputError, errors.DamageError, errors.Preempted)
    assert [kind.exit_code for kind in kinds] == [2, 3, 4, 75]
    assert all(issubclass(kind, errors.GenojaxError) for kind in kinds)


def test_the_letters_of_every_code_stand_for_something():
    assert {code[:2] for code in errors.EXPLANATIONS} == set(errors.FAMILIES)


@pytest.mark.parametrize('code', errors.EXPLANATIONS)
def test_an_explanation_is_whole_sentences(code):
    text = errors.EXPLANATIONS[code]
    assert re.fullmatch('[A-Z]{2}[0-9]{2}', code)
    assert text[0].isupper() and text.endswith('.') and '  ' not in text
