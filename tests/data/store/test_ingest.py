"""Shards: the same bytes however they were made, what went in comes out, and no damage passes."""

import hashlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from genojax import errors
from genojax.data.formats import annotation, fasta
from genojax.data.genomes import loading
from genojax.data.store import ingest, manifest, regions, shard_files
from tests.data import genome_files

ROOT = pathlib.Path(__file__).parents[3]


def _hashes(folder: pathlib.Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob('*'))
        if path.is_file() and 'cache' not in path.parts and path.name != '.lock'
    }


def test_what_went_in_comes_out(genomes, shards):
    corpus = loading.open_shards(shards)
    assert corpus.species == ('a', 'b', 'c')
    assert [c.name for c in corpus['a'].contigs] == ['a1', 'a2', 'b1']
    assert [c.split for c in corpus['a'].contigs] == ['train', 'train', '']
    assert corpus['b'].contigs[0].circular and corpus['c'].contigs[0].split == 'test'
    annotated = annotation.read(genomes / 'ab.gff3')
    records = {r.name: r for name in ('ab.fa.gz', 'c.fa') for r in fasta.read(genomes / name)}
    for species in corpus:
        for number, contig in enumerate(species.contigs):
            record = records[contig.name]
            masked = contig.softmasked
            assert contig.digest == record.stats.digest and contig.length == len(record.codes)
            np.testing.assert_array_equal(species.codes(number), record.codes)
            np.testing.assert_array_equal(species.soft(number), record.soft_masked & masked)
            features = annotated.on(contig.name) if contig.name != 'b1' else []
            bits = regions.region_bits(
                features, contig.name, contig.length, circular=contig.circular,
                soft_mask=record.soft_masked if masked else None,
            )  # fmt: skip
            np.testing.assert_array_equal(species.regions(number), bits)
    assert corpus['a'].genes == [('abc', 0, 1000, 9000)]
    assert corpus['b'].genes == [('abc', 0, 69_900, 70_100)]  # over the origin
    codes, bits, _ = corpus['b'].read([0], [69_990], 20)
    np.testing.assert_array_equal(codes[0], np.roll(records['b2'].codes, 10)[:20])
    assert (bits == 3).all()


@pytest.mark.parametrize('workers', [2, pytest.param(8, marks=pytest.mark.slow)])
def test_more_workers_write_the_same_bytes(genomes, shards, tmp_path, workers):
    ingest.ingest(genomes, tmp_path / 'x', workers=workers)
    assert _hashes(tmp_path / 'x') == _hashes(shards)


def test_parts_and_their_number_do_not_change_what_is_read(genomes, shards, tmp_path, monkeypatch):
    monkeypatch.setattr(shard_files, 'PART', 1)
    ingest.ingest(genomes, tmp_path / 'x')
    value, _ = manifest.load(tmp_path / 'x')
    assert len(value['species'][0]['shards']) == 5
    many, one = loading.open_shards(tmp_path / 'x'), loading.open_shards(shards)
    for species in one:
        for number in range(len(species.contigs)):
            np.testing.assert_array_equal(many[species.name].codes(number), species.codes(number))


KILLED = """
import os, signal, sys
from genojax.data.store import ingest
calls = 0
replace = os.replace
def deadly(*a, **k):
    global calls
    calls += 1
    if calls == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(*a, **k)
os.replace = deadly
ingest.ingest(sys.argv[1], sys.argv[2])
print(calls)
"""


def test_a_kill_at_any_rename_leaves_nothing_wrong(genomes, shards, tmp_path):
    def run(out, call):
        command = [sys.executable, '-c', KILLED, str(genomes), str(out), str(call)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    whole = run(tmp_path / 'whole', 0)
    total = int(whole.stdout)
    assert total >= 9  # plan, two FASTA caches, three species, genes, the shards, the manifest
    for call in (1, 3, 5, total - 2, total - 1, total):
        out = tmp_path / f'killed{call}'
        assert run(out, call).returncode == -signal.SIGKILL
        with pytest.raises(errors.DamageError, match='GX-AR03'):
            loading.open_shards(out)
        assert ingest.ingest(genomes, out).status == 'written'
        assert _hashes(out) == _hashes(shards)


def test_a_kill_of_a_run_with_workers_takes_them_along(genomes, shards, tmp_path):
    out = tmp_path / 'x'
    code = 'import sys; from genojax.data.store import ingest; ingest.ingest(sys.argv[1], sys.argv[2], workers=2)'
    child = subprocess.Popen([sys.executable, '-c', code, str(genomes), str(out)], cwd=ROOT)
    while child.poll() is None and not list(out.glob('.building/genojax_shards/*')):
        time.sleep(0.002)
    workers = _children(child.pid)
    child.kill()
    child.wait()
    deadline = time.monotonic() + 10
    while any(_runs(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert workers and not any(_runs(pid) for pid in workers)
    assert ingest.ingest(genomes, out, workers=2).status in ('written', 'up to date')
    assert _hashes(out) == _hashes(shards)


def _children(pid: int) -> list[int]:
    return [int(p) for p in pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]


def _runs(pid: int) -> bool:
    try:
        return pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False


def test_the_same_genomes_are_up_to_date_and_others_are_refused(tmp_path):
    genomes, out = genome_files.write_genomes(tmp_path / 'in'), tmp_path / 'out'
    first = ingest.ingest(genomes, out)
    before = _hashes(out)
    again = ingest.ingest(genomes, out)
    assert (again.status, again.fingerprint) == ('up to date', first.fingerprint)
    assert loading.open_shards(out).species == ('a', 'b', 'c')
    genome_files.write_genomes(tmp_path / 'other', seed=1).joinpath('c.fa').replace(
        genomes / 'c.fa'
    )
    with pytest.raises(errors.UsageError, match='sources'):
        ingest.ingest(genomes, out)
    assert _hashes(out) == before
    with pytest.raises(errors.UsageError, match='promoter_span'):
        ingest.ingest(genome_files.write_genomes(tmp_path / 'same'), out, promoter_span=(100, 0))
    replaced = ingest.ingest(genomes, out, replace=True)
    assert replaced.fingerprint != first.fingerprint
    corpus = loading.open_shards(out)  # the cache of the old shards is not used
    (record,) = fasta.read(genomes / 'c.fa')
    np.testing.assert_array_equal(corpus['c'].codes(0), record.codes)


@pytest.mark.parametrize('workers', [1, 2])
def test_a_bad_file_ends_it_with_the_same_line_for_any_number_of_workers(tmp_path, workers):
    genomes = genome_files.write_genomes(tmp_path / 'in')
    (genomes / 'ab.gff3').write_text(
        'a1\ts\texon\t1\t200000\t.\t+\t.\tID=a\nb2\ts\texon\t1\t2\t.\t+\t.\tID=b\n'
    )
    with pytest.raises(
        errors.InputError, match=r'GX-BD03: .*ab.gff3:1: exon 1-200000 passes'
    ) as caught:
        ingest.ingest(genomes, tmp_path / 'out', workers=workers)
    assert caught.value.exit_code == 3
    with pytest.raises(errors.InputError, match='GX-AR04'):
        loading.open_shards(tmp_path / 'out')
    (genomes / 'c.fa').write_text('>c\nAC GT\n')
    with pytest.raises(errors.InputError, match=r"GX-FA07: .*c.fa:2: record 'c', base 3"):
        ingest.ingest(genomes, tmp_path / 'out', workers=workers)


def test_two_writers_in_one_folder_are_refused(genomes, tmp_path):
    words = rf'is in use: process {os.getpid()} on \S+ since \S+ is writing it. Fix: .*--out='
    with manifest.locked(tmp_path), pytest.raises(errors.UsageError, match=words):
        ingest.ingest(genomes, tmp_path)


@pytest.mark.real
def test_genomes_and_shards_have_folders_of_their_own(tmp_path):
    genomes = genome_files.write_genomes(tmp_path / 'genomes')
    before = sorted(path.name for path in genomes.iterdir())
    for replace in (False, True):
        with pytest.raises(errors.UsageError, match='holds genomes.*Fix: --out='):
            ingest.ingest(genomes, genomes, replace=replace)
    with pytest.raises(errors.InputError, match=f'genojax ingest {genomes} --out='):
        manifest.load(genomes)
    assert sorted(path.name for path in genomes.iterdir()) == before


def test_the_real_set(real_data, tmp_path):
    source = real_data / 'embed_default'
    started = time.monotonic()
    done = ingest.ingest(source, tmp_path / 'x')
    corpus = loading.open_shards(tmp_path / 'x')
    assert time.monotonic() - started < 30
    assert sum(member.total for member in corpus) == 3_410_642
    assert len(corpus.species) == 17 and len(corpus['human'].contigs) == 2
    names = [
        {gene.name for gene in corpus[s].genes if gene.contig == 0} for s in ('human', 'mouse')
    ]
    assert len(names[0] & names[1]) == 12  # the mitochondrial genes go by the same names
    assert all(
        contig['soft_masked'] is None for s in done.manifest['species'] for contig in s['contigs']
    )
    worm = corpus['worm']
    for record in fasta.read(source / 'celegans_1pct.fa.gz'):
        if record.name in [c.name for c in worm.contigs]:
            number = [contig.name for contig in worm.contigs].index(record.name)
            np.testing.assert_array_equal(worm.codes(number), record.codes)
            assert worm.contigs[number].digest == record.stats.digest
    assert os.path.getsize(tmp_path / 'x' / 'cache' / 'bases.u8') == 3_410_642
