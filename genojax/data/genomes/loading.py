"""Ingested genomes, opened for reading."""

import functools
import os
import pathlib

from genojax.data.genomes import assemblies
from genojax.data.store import manifest, shard_cache, shard_files


def check_shards(folder: pathlib.Path) -> None:
    """Compares every file of a directory of shards with its manifest.

    Raises:
        errors.DamageError: AR01 to AR03, naming the shard and, where possible, the record.
    """
    value, _ = manifest.load(folder)
    manifest.genes(folder, value)
    shard_files.check_files(folder, value)


def open_shards(directory: str | os.PathLike, verify: bool = True) -> assemblies.Corpus:
    """The genomes of a directory of shards, mapped into memory.

    The shards are unpacked once into a cache beside them, two bytes per base. The cache belongs to
    one manifest and is rebuilt for another.

    Args:
        verify: compare every shard and the cache with their hashes, about one second for 1.5 GB;
            otherwise the shards are read only if the cache has to be built.

    Raises:
        errors.DamageError: AR01 to AR03, naming the shard and, where possible, the record.
    """
    folder = pathlib.Path(directory)
    value, fingerprint = manifest.load(folder)
    genes = manifest.genes(folder, value)
    if verify:
        shard_files.check_files(folder, value)
    read = functools.partial(shard_files.read_species, folder)
    bases, bits = shard_cache.ShardCache(folder, value, fingerprint, read).arrays(verify)
    genomes, offset = [], 0
    for species in value['species']:
        contigs = manifest.contigs_of(species)
        end = offset + sum(contig.length for contig in contigs)
        genomes.append(
            assemblies.Genome(
                species['name'],
                contigs,
                bases[offset:end],
                bits[offset:end],
                genes[species['name']],
            )
        )
        offset = end
    return assemblies.Corpus(genomes, fingerprint)
