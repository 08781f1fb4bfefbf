"""Tokenizers: base codes to token ids and back, each knowing which bases a token covers.

`TokenizerConfig` says which one, `make` builds it. Overlapping k-mers and single nucleotides start a token at every
base; non-overlapping k-mers and BPE cut a sequence into pieces.
"""

import dataclasses
import hashlib
import pathlib
import shutil
from typing import Any, Literal

from genojax import errors
from genojax.tokenizers import base, kmer, nonoverlapping, nucleotide

KEPT = 'tokenizer.json'  # a BPE file's name in a workdir or beside converted weights


@dataclasses.dataclass(frozen=True)
class TokenizerConfig:
    """Which tokenizer. A field counts only for the kinds that its comment names.

    'kmer': overlapping k-mers with DNABERT's ids. 'nucleotide': one token a base (`k` is 1). 'nonoverlapping': k-mers
    side by side with Nucleotide Transformer's ids. 'bpe': whatever a file of the `tokenizers` library says.
    """

    kind: Literal['kmer', 'nucleotide', 'nonoverlapping', 'bpe'] = 'kmer'
    k: int = 6  # bases a token: kmer, nonoverlapping
    variant: Literal['v1', 'v2'] = (
        'v1'  # of Nucleotide Transformer, whose ids differ: nonoverlapping
    )
    file: str = ''  # a tokenizer.json: bpe
    sha256: str = (
        ''  # of that file, written down when a run begins: a file that has changed is refused
    )
    # Tokens a row has room for, special ones included: nonoverlapping, bpe. 0 is what a row of known bases needs, for
    # bpe a quarter of the bases. What does not fit is left out of the row and counted (`base.Rows`).
    tokens: int = 0

    def __post_init__(self):
        if self.kind == 'nucleotide' and self.k != 1:
            raise ValueError(f'single nucleotides have k=1, not k={self.k}')
        if self.file and self.kind != 'bpe':
            raise ValueError(f"only kind 'bpe' reads a file: {self.kind=}, {self.file=}")
        if self.tokens < 0 or (self.tokens and self.kind in ('kmer', 'nucleotide')):
            raise ValueError(
                f'{self.tokens=}: the room of a row is chosen for nonoverlapping and bpe only'
            )


def make(config: TokenizerConfig) -> base.Tokenizer:
    """The tokenizer that a config describes.

    Raises:
        UsageError: the BPE file cannot be read, or lacks what a model needs.
        DamageError: the BPE file is not the one that the config was written with.
    """
    match config.kind:
        case 'kmer':
            return kmer.KmerTokenizer(config.k)
        case 'nucleotide':
            return nucleotide.NucleotideTokenizer()
        case 'nonoverlapping':
            return nonoverlapping.NonOverlappingKmerTokenizer(
                config.k, config.variant, config.tokens
            )
        case 'bpe':
            # Only those who use it wait for the library.
            from genojax.tokenizers import bpe

            found = digest(config.file)
            if config.sha256 not in ('', found):
                raise errors.DamageError(
                    f'{config.file} is not the tokenizer of this run: its SHA-256 is {found[:16]}, '
                    f'not {config.sha256[:16]}. Fix: put the file back, or begin a new workdir'
                )
            return bpe.BpeTokenizer(config.file, config.tokens)


def digest(file: str) -> str:
    """The SHA-256 of a BPE file."""
    if not file:
        raise errors.UsageError(
            'tokenizer.file is empty: name a tokenizer.json (--config.tokenizer.file=FILE)'
        )
    try:
        return hashlib.sha256(pathlib.Path(file).read_bytes()).hexdigest()
    except OSError as error:
        raise errors.UsageError(
            f'tokenizer.file={file} cannot be read: {error.strerror}'
        ) from error


def keep(config: TokenizerConfig, directory: pathlib.Path) -> TokenizerConfig:
    """The same tokenizer by a copy of its file in `directory`, where it outlives the original; others as they are."""
    if config.kind != 'bpe':
        return config
    settled = settle(config)
    copy = pathlib.Path(directory) / KEPT
    if not copy.exists() or digest(str(copy)) != settled.sha256:
        partial = copy.with_suffix('.partial')
        shutil.copyfile(config.file, partial)
        partial.replace(copy)
    return dataclasses.replace(settled, file=str(copy))


def settle(config: TokenizerConfig) -> TokenizerConfig:
    """With the digest of its file written down."""
    if config.kind != 'bpe' or config.sha256:
        return config
    return dataclasses.replace(config, sha256=digest(config.file))


def stored(values: dict[str, Any]) -> dict[str, Any]:
    """A settled config, as a dictionary, for a file that lies beside the kept copy: `file` is the copy's name."""
    return {**values, 'file': KEPT} if values['kind'] == 'bpe' else values


def opened(values: dict[str, Any], directory: pathlib.Path) -> dict[str, Any]:
    """What `stored` wrote, with the place of the copy in `directory`."""
    if values.get('kind') != 'bpe':
        return values
    return {**values, 'file': str(pathlib.Path(directory) / values['file'])}


def meaning(config: TokenizerConfig) -> dict[str, Any]:
    """What decides the ids of a sequence: parameters trained with one meaning are worth nothing under another."""
    settled = dataclasses.asdict(settle(config))
    return {name: settled[name] for name in ('kind', 'k', 'variant', 'sha256')}
