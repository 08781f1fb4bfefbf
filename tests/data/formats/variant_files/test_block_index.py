"""A bgzip file that lost a block is refused where a tabix index beside it lists the block."""

import struct

import pytest

from genojax import errors
from genojax.data.formats import input_file
from genojax.data.formats.variant_files import bgzip, block_index

ROWS = [f'c\t{place}\t.\tA\tC\t.\t.\t.\n'.encode() * 20 * place**2 for place in range(1, 7)]
BLOCKS = [bgzip.blocks(rows) for rows in ROWS]
STARTS = [sum(map(len, BLOCKS[:i])) for i in range(len(BLOCKS) + 1)]
COUNTS = (7 << 50, 9 << 50)  # of the bin that holds no offsets


def index(kind: str, end: int) -> bytes:
    """An index as htslib writes it: one bin per block, one with counts, and `end` as the last."""
    chunks = [(a << 16, b << 16) for a, b in zip(STARTS[:-1], [*STARTS[1:-1], end], strict=True)]
    is_csi = kind == 'csi'
    data = struct.pack('<4s3i', b'CSI\1', 14, 5, 0) if is_csi else b'TBI\1'
    data += struct.pack('<i', 2)
    if not is_csi:
        data += struct.pack('<7i', 2, 1, 2, 0, 35, 0, 4) + b'c\0d\0'
    data += struct.pack('<i', len(chunks) + 1)
    for number, chunk in enumerate(chunks):
        data += struct.pack('<I', number) + (struct.pack('<Q', chunk[0]) if is_csi else b'')
        data += struct.pack('<i2Q', 1, *chunk)
    data += struct.pack('<I', 37450) + (struct.pack('<Q', 0) if is_csi else b'')
    data += struct.pack('<i4Q', 2, 0, end << 16, *COUNTS)
    if not is_csi:
        data += struct.pack('<i2Q', 2, 0, STARTS[2] << 16 | 77)
    data += struct.pack('<i', 0) + (b'' if is_csi else struct.pack('<i', 0))  # contig d
    return bgzip.blocks(data) + input_file.BGZIP_END


def read(path) -> bytes:
    return b''.join(input_file.InputFile(path).blocks())


@pytest.mark.parametrize('kind', ['tbi', 'csi'])
@pytest.mark.parametrize('end', [STARTS[-1], STARTS[-1] + len(input_file.BGZIP_END)])
def test_every_lost_block_is_noticed(tmp_path, kind, end):
    path = tmp_path / 'a.vcf.gz'
    (tmp_path / f'a.vcf.gz.{kind}').write_bytes(index(kind, end))
    assert set(block_index.listed(path)) == {*STARTS[:-1], end}
    path.write_bytes(b''.join(BLOCKS) + input_file.BGZIP_END)
    assert read(path) == b''.join(ROWS)
    for lost in range(len(BLOCKS)):
        rest = BLOCKS[:lost] + BLOCKS[lost + 1 :]
        path.write_bytes(b''.join(rest) + input_file.BGZIP_END)
        with pytest.raises(errors.InputError, match=f'GX-FA17: .*{kind} lists a block') as caught:
            read(path)
        assert 'a block is missing, or the index is of another file' in str(caught.value)


@pytest.mark.parametrize('kind', ['tbi', 'csi', 'gzi'])
def test_an_index_that_is_not_readable_is_not_compared(tmp_path, kind):
    path = tmp_path / 'a.vcf.gz'
    path.write_bytes(b''.join(BLOCKS) + input_file.BGZIP_END)
    whole = index('csi' if kind == 'csi' else 'tbi', STARTS[-1])
    inside = block_index._decompress(whole)
    damaged = [b'', b'x', whole[:40], bgzip.blocks(inside[:60]), bgzip.blocks(b'TBI\1')]
    damaged += [bgzip.blocks(inside[:36] + b'\xff' * 40), bgzip.blocks(inside[:8] + b'\xff' * 400)]
    for data in damaged:
        (tmp_path / f'a.vcf.gz.{kind}').write_bytes(data)
        assert read(path) == b''.join(ROWS)


def test_the_index_of_bgzip_says_uncompressed_offsets_too(tmp_path):
    path = tmp_path / 'a.gz'
    pairs = [(STARTS[i], sum(map(len, ROWS[:i]))) for i in range(1, len(ROWS))]
    numbers = [number for pair in pairs for number in pair]
    (tmp_path / 'a.gz.gzi').write_bytes(struct.pack(f'<{len(numbers) + 1}Q', len(pairs), *numbers))
    assert block_index.listed(path) == {a: ('a.gz.gzi', b) for a, b in pairs}
    path.write_bytes(b''.join(BLOCKS[1:]) + input_file.BGZIP_END)
    with pytest.raises(errors.InputError, match='GX-FA17: .*a.gz.gzi lists a block'):
        read(path)
