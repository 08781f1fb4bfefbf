import html.parser
import json
import re
import shutil
import subprocess
import sys

import made_up_run as made_up
import pytest

from genojax import errors, report
from genojax.cli import report as command
from genojax.report import page

EVIL = '<script>alert(1)</script>'


class _Reader(html.parser.HTMLParser):
    """Tags, attributes and text as a browser would see them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.words, self.open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.links += [value for key, value in attributes if key in ('src', 'href')]
        if tag not in ('img', 'meta', 'br', 'hr'):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if 'style' not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return ' '.join(self.words)


def _render(run):
    """The page with coarse pictures, which are drawn three times faster."""
    return report.render(run, dpi=40)


def _change(run, name, change):
    content = json.loads((run / name).read_text())
    change(content)
    (run / name).write_text(json.dumps(content))


def test_a_full_run_makes_one_page_with_nothing_missing(full_run):
    path = report.write(full_run)
    assert path == full_run / 'report.html'
    assert path.stat().st_size < 3_000_000
    seen = _Reader(path.read_text())
    assert not seen.open
    assert 'class="missing"' not in path.read_text()
    assert sum(tag == 'img' for tag, _ in seen.tags) == 8
    assert all(at['alt'] for tag, at in seen.tags if tag == 'img')
    content = json.loads((full_run / 'promoters.json').read_text())
    for model in content['models'].values():
        value, low, high = (f'{part:.3f}' for part in model['auroc'])
        assert f'{value} ({low} {page.DASH} {high})' in seen.text
    for fact in (
        'genojax demo --workdir=runs/demo --seed=0',
        'a3f9c1d27b',
        'SQ.',
        'not annotated',
        '118.2',
    ):
        assert fact in seen.text
    assert list(full_run.glob('.report*')) == []


def test_the_page_needs_no_network_and_allows_no_script(full_run):
    seen = _Reader(_render(full_run))
    tags = {tag for tag, _ in seen.tags}
    assert tags.isdisjoint({'script', 'link', 'iframe', 'object', 'form', 'base'})
    assert all(link.startswith(('data:image/png;base64,', '#')) for link in seen.links)
    assert not any(key.startswith('on') or key == 'style' for _, at in seen.tags for key in at)
    (policy,) = (at['content'] for tag, at in seen.tags if 'http-equiv' in at)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert 'unsafe' not in policy and 'http' not in policy


def test_markup_in_names_is_text(tmp_path):
    """Every string of every file is an attack; none may become a tag, and mathtext must not be read."""
    run = made_up.fill(
        tmp_path / EVIL.replace('/', '_'), species=(EVIL, '"onload="x', '$x^{$', '_hidden')
    )

    def poison(value):
        if isinstance(value, dict):
            return {
                key if key in _KEYS else f'{EVIL}{key}': poison(part) for key, part in value.items()
            }
        if isinstance(value, list):
            return [poison(part) for part in value]
        return EVIL + value if isinstance(value, str) else value

    for name in ('splits.json', 'shards/manifest.json', 'run.json', 'promoters.json', 'check.json'):
        (run / name).write_text(json.dumps(poison(json.loads((run / name).read_text()))))
    text = _render(run)
    seen = _Reader(text)
    assert '<script' not in text.lower()
    assert EVIL in seen.text
    assert not any(key.startswith('on') for _, at in seen.tags for key in at)
    assert 'class="missing"' not in text


_KEYS = {
    'species',
    'contigs',
    'name',
    'length',
    'gc',
    'n',
    'soft_masked_fraction',
    'regions',
    'models',
    'auroc',
    'auprc',
    'roc',
}
_KEYS |= {
    'fpr',
    'tpr',
    'ceiling',
    'differences',
    'audit',
    'fine_tuned',
    'command',
    'versions',
    'seconds',
    'title',
}
_KEYS |= {'source', 'settings', 'cv_auroc', 'n_train', 'n_test', 'from_scratch'}


def _files(run):
    return sorted(str(p.relative_to(run)) for p in run.rglob('*') if p.is_file())


def test_each_missing_file_is_named_with_the_command_that_makes_it(full_run, tmp_path):
    names = _files(full_run)
    assert len(names) == 11
    for name in names:
        run = tmp_path / 'less'
        shutil.copytree(full_run, run)
        (run / name).unlink()
        gaps = re.findall(r'<div class="missing">(.*?)</div>', _render(run))
        assert any(
            f'<code>{name}</code> is not in this run. <code>genojax ' in gap for gap in gaps
        ), name
        shutil.rmtree(run)


def test_an_empty_run_still_makes_a_page(tmp_path):
    text = report.write(tmp_path).read_text()
    for name in made_up.NAMES:
        assert f'<code>{name}</code> is not in this run' in text
    assert '<img' not in text


DAMAGED = (
    'check.json',
    'promoters.json',
    'held_out.json',
    'mixture.json',
    'run.json',
    'pretrain/config.json',
)


@pytest.mark.parametrize(
    'content', ['', '[]', '{}', 'null', '{"species": 3', '{"unknown": {"x": [1]}}', '\x00']
)
def test_damaged_files_are_said_and_the_other_sections_stand(full_run, content):
    for name in DAMAGED:
        (full_run / name).write_text(content)
    text = _render(full_run)
    assert text.count('class="missing"') >= len(DAMAGED)
    assert text.count('<img') == 3  # the curves of three trainings


def test_one_damaged_file_takes_down_one_section(full_run):
    for name in DAMAGED:
        whole = (full_run / name).read_text()
        (full_run / name).write_text('{"unknown": 1}')
        text = _render(full_run)
        assert 'class="missing"' in text, name
        assert text.count('<img') >= 6, name
        (full_run / name).write_text(whole)


def test_a_killed_and_resumed_log_is_drawn_and_noted(full_run):
    path = full_run / 'pretrain' / 'metrics.jsonl'
    lines = path.read_text().splitlines()
    path.write_text('\n'.join([*lines, lines[-2], '{"kind": "train", "st']))
    text = _render(full_run)
    assert 'The last line of pretrain/metrics.jsonl is incomplete' in text
    assert 'holds 1 steps twice' in text
    path.write_text('\n'.join([lines[0], 'not json', *lines[1:]]))
    assert 'has no row on line 2' in _render(full_run)


def test_the_same_files_give_the_same_bytes(full_run):
    assert _render(full_run) == _render(full_run)


def test_a_lost_comparison_is_not_called_won(full_run):
    assert 'class="bad"' not in _render(full_run)

    def lose(content):
        content['models']['kmer_svm']['auroc'] = [0.99, 0.98, 0.995]
        content['differences']['kmer_svm'] = [-0.05, -0.06, -0.04]

    _change(full_run, 'promoters.json', lose)
    seen = _Reader(_render(full_run))
    assert any(at.get('class') == 'bad' for tag, at in seen.tags if tag == 'li')
    assert 'is not above k-mer SVM 0.990' in seen.text

    def undecided(content):
        content['models']['kmer_svm']['auroc'] = [0.90, 0.88, 0.92]
        content['differences']['kmer_svm'] = [0.001, -0.01, 0.02]

    _change(full_run, 'promoters.json', undecided)
    assert 'includes zero: not settled by this test set' in _Reader(_render(full_run)).text


def test_held_out_is_won_only_when_the_whole_interval_is_below_order_0(full_run):
    def close(content):
        content['all']['model'] = [1.970, 1.960, 1.980]

    _change(full_run, 'held_out.json', close)
    assert 'the interval is not below the order-0 entropy' in _Reader(_render(full_run)).text


def test_real_data_has_no_ceiling_and_says_so(tmp_path):
    run = made_up.fill(tmp_path / 'run', ceiling=False)
    seen = _Reader(_render(run))
    assert 'no ceiling is known' in seen.text and 'no known ceiling' in seen.text
    assert 'way from chance' not in seen.text


def test_hundreds_of_species_stay_within_three_megabytes(tmp_path):
    species = tuple(f'species_{at}' for at in range(300))
    run = made_up.fill(tmp_path / 'run', species=species)
    path = report.write(run)
    assert path.stat().st_size <= 3_000_000
    assert 'the first 24 of 300' in path.read_text()
    assert 'species_299' in path.read_text()


def test_a_training_workdir_alone_gives_its_curves(full_run, tmp_path):
    workdir = tmp_path / 'workdir'
    shutil.copytree(full_run / 'pretrain', workdir)
    seen = _Reader(_render(workdir))
    alts = [at['alt'] for tag, at in seen.tags if tag == 'img']
    assert 'Training loss by species and region' in alts
    assert sum(tag == 'img' for tag, _ in seen.tags) == 3


def test_the_command_writes_and_refuses(full_run, tmp_path, capsys):
    assert command.run([str(full_run)]) == 0
    assert 'report.html' in capsys.readouterr().out
    with pytest.raises(errors.UsageError, match='is not a directory'):
        command.run(['--workdir', str(tmp_path / 'nowhere')])
    with pytest.raises(SystemExit) as stop:
        command.run([])
    assert stop.value.code == 2


def test_the_report_needs_no_jax(full_run):
    """It is made again on laptops, and importing jax costs a second."""
    code = f'import sys; from genojax import report; report.write({str(full_run)!r}); assert "jax" not in sys.modules'
    subprocess.run([sys.executable, '-c', code], check=True)


def test_numbers_that_are_not_numbers_are_shown_as_such():
    assert page.number(float('nan')) == 'nan'
    assert page.number(None) == 'not recorded'
    assert page.number(1234567) == '1,234,567'
    assert page.interval([0.5, 0.25, 0.75]) == f'0.500 (0.250 {page.DASH} 0.750)'
    assert page.interval(0.5) == '0.500 (no interval)'
    assert page.percent('not annotated') == 'not annotated'


def test_region_shares_are_of_the_contigs_that_are_annotated(full_run):
    """The same figure as `genojax check`: 40,000 bases of CDS are 43.2 % of what is annotated, not 13 % of the genome."""
    assert '43.2 %' in _Reader(_render(full_run)).text


def test_long_lists_are_counted():
    assert 'and 976 more' in page.record(list(range(1000)))
    assert page.record([]) == 'none' and page.record({}) == 'none'
