"""bgzip blocks are what gzip and our own reader read."""

import gzip

from genojax.data.formats import input_file
from genojax.data.formats.variant_files import bgzip


def test_bgzip_blocks_are_read_by_gzip_and_by_our_reader(tmp_path):
    data = bytes(range(256)) * 1000
    packed = bgzip.blocks(data) + input_file.BGZIP_END
    assert packed == bgzip.blocks(data) + input_file.BGZIP_END
    assert gzip.decompress(packed) == data
    (tmp_path / 'a.gz').write_bytes(packed)
    file = input_file.InputFile(tmp_path / 'a.gz')
    assert b''.join(file.blocks()) == data and file.compression == 'bgzip'
