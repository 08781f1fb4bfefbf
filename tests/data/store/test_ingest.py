"""Shards: the same bytes however they were made, what went in comes out, and no damage passes."""

import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from genojax import errors
from genojax.data.formats import annotation, fasta, sequence_record
from genojax.data.genomes import loading
from genojax.data.store import ingest, manifest, regions, shard_files, species_builder

HEADER = 'species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked\tsplit\n'
ROOT = pathlib.Path(__file__).parents[3]


def _make(folder: pathlib.Path, seed=0) -> pathlib.Path:
    """Three species in two files: longer than a chunk, of odd length, circular, soft-masked, annotated."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    lengths = {'a1': 150_001, 'a2': 65_536, 'b1': 7, 'b2': 70_000}
    made = [
        sequence_record.Record(
            name,
            '',
            rng.choice(5, n, p=[0.3, 0.2, 0.2, 0.29, 0.01]).astype(np.uint8),
            rng.random(n) < 0.4,
        )
        for name, n in lengths.items()
    ]
    fasta.write(folder / 'ab.fa.gz', made)
    fasta.write(
        folder / 'c.fa',
        [
            sequence_record.Record(
                'c', '', rng.integers(0, 4, 3_001, dtype=np.uint8), np.zeros(3_001, bool)
            )
        ],
    )
    rows = ['a1\ts\tgene\t1001\t9000\t.\t-\t.\tID=g1;Name=abc']
    rows += [f'a1\ts\texon\t{a}\t{a + 99}\t.\t-\t.\tParent=g1' for a in range(1001, 9000, 500)]
    rows += ['b2\ts\tCDS\t69901\t70100\t.\t+\t0\tID=x;gene=abc']
    (folder / 'ab.gff3').write_text('\n'.join(rows) + '\n')
    table = [
        'a\tab.fa.gz\ta1,a2\tab.gff3\tno\tyes\ttrain',
        'b\tab.fa.gz\tb2\tab.gff3\tyes\tno\t',
        'c\tc.fa\t*\t\tno\tno\theld_out',
        'a\tab.fa.gz\tb1\t\tno\tno\t',
    ]
    (folder / 'genomes.tsv').write_text(HEADER + '\n'.join(table) + '\n')
    return folder


@pytest.fixture(scope='module')
def genomes(tmp_path_factory):
    return _make(tmp_path_factory.mktemp('in') / 'genomes')


@pytest.fixture(scope='module')
def shards(genomes, tmp_path_factory):
    out = tmp_path_factory.mktemp('out') / 'shards'
    assert ingest.ingest(genomes, out).status == 'written'
    return out


def _hashes(folder: pathlib.Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob('*'))
        if path.is_file() and 'cache' not in path.parts and path.name != '.lock'
    }


def _copy(shards, folder) -> pathlib.Path:
    import shutil

    shutil.copytree(shards, folder, ignore=shutil.ignore_patterns('cache'))
    return folder


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


def test_odd_lengths_pack_and_unpack():
    rng = np.random.default_rng(0)
    for length in (1, 2, 3, 1000, 1001):
        bases = rng.integers(0, 13, length, dtype=np.uint8)
        packed = species_builder.pack(bases)
        assert len(packed) == (length + 1) // 2
        np.testing.assert_array_equal(species_builder.unpack(packed, length), bases)


def test_the_manifest_says_what_the_shards_are(genomes, shards):
    value, fingerprint = manifest.load(shards)
    assert value['species'][0]['contigs'][0]['counts'].keys() == set('ACGTN')
    for source in value['sources']:
        data = (genomes / source['file']).read_bytes()
        assert source['sha256'] == hashlib.sha256(data).hexdigest()
    for species in value['species']:
        for entry in species['shards']:
            assert entry['sha256'] == manifest.sha256_of(shards / entry['file'])
        bases = sum(contig['length'] for contig in species['contigs'])
        assert bases == sum(sum(contig['counts'].values()) for contig in species['contigs'])
    assert loading.open_shards(shards).fingerprint == fingerprint
    assert str(genomes) not in (shards / manifest.NAME).read_text()


def test_no_tensorflow(shards):
    code = 'import sys; from genojax.data.genomes import loading; loading.open_shards(sys.argv[1]); assert not {"tensorflow", "jax", "torch"} & set(sys.modules)'
    subprocess.run([sys.executable, '-c', code, str(shards)], check=True, cwd=ROOT)


def test_two_workers_write_the_same_bytes(genomes, shards, tmp_path):
    ingest.ingest(genomes, tmp_path / 'x', workers=2)
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
    assert total >= 9  # plan, two spools, three species, genes, the shards, the manifest
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
    genomes, out = _make(tmp_path / 'in'), tmp_path / 'out'
    first = ingest.ingest(genomes, out)
    before = _hashes(out)
    again = ingest.ingest(genomes, out)
    assert (again.status, again.fingerprint) == ('up to date', first.fingerprint)
    assert loading.open_shards(out).species == ('a', 'b', 'c')
    _make(tmp_path / 'other', seed=1).joinpath('c.fa').replace(genomes / 'c.fa')
    with pytest.raises(errors.UsageError, match='sources'):
        ingest.ingest(genomes, out)
    assert _hashes(out) == before
    with pytest.raises(errors.UsageError, match='promoter_span'):
        ingest.ingest(_make(tmp_path / 'same'), out, promoter_span=(100, 0))
    replaced = ingest.ingest(genomes, out, replace=True)
    assert replaced.fingerprint != first.fingerprint
    corpus = loading.open_shards(out)  # the cache of the old shards is not used
    (record,) = fasta.read(genomes / 'c.fa')
    np.testing.assert_array_equal(corpus['c'].codes(0), record.codes)


@pytest.mark.parametrize('workers', [1, 2])
def test_a_bad_file_ends_it_with_the_same_line_for_any_number_of_workers(tmp_path, workers):
    genomes = _make(tmp_path / 'in')
    (genomes / 'ab.gff3').write_text(
        'a1\ts\texon\t1\t200000\t.\t+\t.\tID=a\nb2\ts\texon\t1\t2\t.\t+\t.\tID=b\n'
    )
    with pytest.raises(
        errors.InputError, match=r'GX-BD03: .*ab.gff3:1: exon 1-200000 passes'
    ) as caught:
        ingest.ingest(genomes, tmp_path / 'out', workers=workers)
    assert caught.value.exit_code == 3
    with pytest.raises(errors.DamageError, match='GX-AR03'):
        loading.open_shards(tmp_path / 'out')
    (genomes / 'c.fa').write_text('>c\nAC GT\n')
    with pytest.raises(errors.InputError, match=r"GX-FA07: .*c.fa:2: record 'c', base 3"):
        ingest.ingest(genomes, tmp_path / 'out', workers=workers)


def test_two_writers_in_one_folder_are_refused(genomes, tmp_path):
    with manifest.locked(tmp_path), pytest.raises(errors.UsageError, match='another process'):
        ingest.ingest(genomes, tmp_path)


def test_no_flipped_bit_passes(shards, tmp_path):
    damaged = _copy(shards, tmp_path / 'x')
    rng = np.random.default_rng(0)
    for path in sorted(p for p in damaged.rglob('*') if p.is_file() and p.name != '.lock'):
        good = path.read_bytes()
        for where in rng.integers(8 * len(good), size=10).tolist():
            data = bytearray(good)
            data[where // 8] ^= 1 << where % 8
            path.write_bytes(data)
            with pytest.raises(errors.DamageError, match='GX-AR0[13]: .*Fix: ') as caught:
                loading.open_shards(damaged)
            named = path if path.name != manifest.HASH else damaged / manifest.NAME
            assert str(named) in str(caught.value)
        path.write_bytes(good)
    loading.open_shards(damaged)


def test_a_damaged_record_is_named(shards, tmp_path):
    damaged = _copy(shards, tmp_path / 'x')
    shard = next((damaged / 'genojax_shards' / 'a').rglob('*array_record*'))
    data = bytearray(shard.read_bytes())
    # ArrayRecord pads its last block, so the records lie in the first two thirds.
    for where, record in ((20_000, 'record 0 of a (a1 from base 1)'), (60_000, 'record 1 of a (a1 from base 65,537)'),
                          (100_000, 'record 3 of a (a2 from base 1)')):  # fmt: skip
        data[where] ^= 1
        shard.write_bytes(data)
        with pytest.raises(errors.DamageError) as caught:
            loading.open_shards(damaged)
        assert f'{shard}: {record}' in str(caught.value)
        data[where] ^= 1


def test_a_missing_or_cut_file_is_named(shards, tmp_path):
    damaged = _copy(shards, tmp_path / 'x')
    shard = next(damaged.rglob('*array_record*'))
    data = shard.read_bytes()
    shard.write_bytes(data[:-100])
    with pytest.raises(errors.DamageError, match='GX-AR01') as caught:
        loading.open_shards(damaged)
    assert shard.name in str(caught.value)
    shard.unlink()
    with pytest.raises(errors.DamageError, match='GX-AR02'):
        loading.open_shards(damaged)
    shard.write_bytes(data)
    (damaged / manifest.GENES).unlink()
    with pytest.raises(errors.DamageError, match='GX-AR02'):
        loading.open_shards(damaged)
    (damaged / manifest.HASH).unlink()
    with pytest.raises(errors.DamageError, match='GX-AR03: .* no manifest.sha256'):
        loading.open_shards(damaged)
    manifest.finish(damaged, {'format': 'other', 'version': 1})
    with pytest.raises(errors.DamageError, match="GX-AR03: .*'other' version 1"):
        loading.open_shards(damaged)


def test_shards_swapped_between_species_are_seen_without_hashes(shards, tmp_path):
    damaged = _copy(shards, tmp_path / 'x')
    value = json.loads((damaged / manifest.NAME).read_text())
    a, c = (value['species'][n]['shards'][0]['file'] for n in (0, 2))
    (damaged / c).write_bytes((damaged / a).read_bytes())
    with pytest.raises(errors.DamageError, match=r'record 0 of c is .*in place of'):
        loading.open_shards(damaged, verify=False)


def test_a_cache_of_other_shards_or_other_content_is_made_anew(shards, tmp_path):
    folder = _copy(shards, tmp_path / 'x')
    expected = loading.open_shards(folder)['a'].codes(0)
    note = folder / 'cache' / 'cache.json'
    made = note.stat().st_mtime_ns
    loading.open_shards(folder)
    assert note.stat().st_mtime_ns == made  # used again
    for damage in ('content', 'size', 'fingerprint', 'note'):
        bases = folder / 'cache' / 'bases.u8'
        data = bases.read_bytes()
        if damage == 'content':
            bases.write_bytes(b'\x03' + data[1:] if data[0] != 3 else b'\x02' + data[1:])
        elif damage == 'size':
            bases.write_bytes(data[:-1])
        elif damage == 'fingerprint':
            note.write_text(note.read_text().replace('"fingerprint": "', '"fingerprint": "0'))
            bases.write_bytes(bytes(len(data)))
        else:
            note.write_text('{')
            bases.write_bytes(bytes(len(data)))
        np.testing.assert_array_equal(loading.open_shards(folder)['a'].codes(0), expected)


@pytest.mark.real
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
