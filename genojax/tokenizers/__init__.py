"""Tokenizers: base codes to token ids and back, with the bases that each token covers.

`TokenizerConfig` describes a tokenizer, `make` builds it. Overlapping k-mers and single nucleotides
start a token at every base; non-overlapping k-mers and BPE divide a sequence into pieces.
Tokenizers of other packages have configs of their own, which derive from `TokenizerConfigBase`.
"""

import dataclasses
import hashlib
import pathlib
import shutil
from typing import Any, Literal

from genojax import errors
from genojax.tokenizers import base, files, kmer, nonoverlapping, nucleotide

TokenizerConfigBase = base.TokenizerConfigBase
FILE_NAME = 'tokenizer.json'  # name of a BPE file in a workdir or beside converted weights


@TokenizerConfigBase.register
@dataclasses.dataclass(frozen=True)
class TokenizerConfig(TokenizerConfigBase):
    """The kind of a tokenizer and its parameters. A field counts for the kinds in its comment only.

    'kmer': overlapping k-mers with DNABERT's ids. 'nucleotide': one token per base (`k` is 1).
    'nonoverlapping': consecutive k-mers with Nucleotide Transformer's ids. 'bpe': a file of the
    `tokenizers` library.
    """

    kind: Literal['kmer', 'nucleotide', 'nonoverlapping', 'bpe'] = 'kmer'
    k: int = 6  # bases per token: kmer, nonoverlapping
    # Version of Nucleotide Transformer, which determines the ids: nonoverlapping.
    variant: Literal['v1', 'v2'] = 'v1'
    file: str = ''  # path of a tokenizer.json: bpe
    # SHA-256 of that file, recorded when a run starts; a file with another one is refused.
    sha256: str = ''
    # Tokens per row, special ones included: nonoverlapping, bpe. 0: what a row of known bases
    # needs, for bpe a quarter of the bases. Bases beyond them are dropped and counted
    # (`base.TokenRows`).
    tokens: int = 0

    def __post_init__(self):
        if self.kind == 'nucleotide' and self.k != 1:
            raise ValueError(
                f"kind 'nucleotide' needs k=1, not k={self.k}. Fix: --config.tokenizer.k=1"
            )
        if self.file and self.kind != 'bpe':
            raise ValueError(f"only kind 'bpe' reads a file: {self.kind=}, {self.file=}")
        if self.tokens < 0 or (self.tokens and self.kind in ('kmer', 'nucleotide')):
            raise ValueError(
                f"{self.tokens=}: a number of tokens per row needs kind 'nonoverlapping' or 'bpe'"
            )

    def build(self) -> base.Tokenizer:
        """The tokenizer.

        Raises:
            InputError: the BPE file cannot be read, or is no tokenizer of DNA.
            UsageError: no BPE file is named, or the extra that reads it is not installed.
            DamageError: the BPE file is not the one that the config was recorded with.
        """
        match self.kind:
            case 'kmer':
                return kmer.KmerTokenizer(self.k)
            case 'nucleotide':
                return nucleotide.NucleotideTokenizer()
            case 'nonoverlapping':
                return nonoverlapping.NonOverlappingKmerTokenizer(self.k, self.variant, self.tokens)
            case 'bpe':
                # Imported here because the library takes long to load.
                from genojax.tokenizers import bpe

                digest = file_sha256(self.file)
                if self.sha256 not in ('', digest):
                    raise errors.DamageError(
                        f'{self.file} is not the tokenizer of this run: its SHA-256 is '
                        f'{digest[:16]}, not {self.sha256[:16]}. Fix: restore the file, or start a '
                        'new workdir'
                    )
                return bpe.BpeTokenizer(self.file, self.tokens)

    def identity(self) -> dict[str, Any]:
        recorded = dataclasses.asdict(with_sha256(self))
        return {name: recorded[name] for name in ('kind', 'k', 'variant', 'sha256')}


def make(config: TokenizerConfigBase) -> base.Tokenizer:
    """The tokenizer of a config; errors as `TokenizerConfig.build`."""
    return config.build()


def file_sha256(file: str) -> str:
    """The SHA-256 of a BPE file.

    Raises:
        UsageError: the path is empty.
        InputError: there is no such file, it is no regular file, or cannot be read.
    """
    if not file:
        raise errors.UsageError(
            'tokenizer.file is empty. Fix: name a tokenizer.json (--config.tokenizer.file=FILE)'
        )
    return hashlib.sha256(files.read(file)).hexdigest()


def with_sha256(config: TokenizerConfigBase) -> TokenizerConfigBase:
    """The config with the digest of its file filled in; configs without a file are unchanged."""
    if config.kind != 'bpe' or config.sha256:
        return config
    return dataclasses.replace(config, sha256=file_sha256(config.file))


def copy_file(config: TokenizerConfigBase, directory: pathlib.Path) -> TokenizerConfigBase:
    """Copies the file of a config into `directory`; returns the config that reads the copy.

    A run or a converted model owns its copy, so the original may be changed or deleted. Configs
    without a file are returned unchanged.
    """
    if config.kind != 'bpe':
        return config
    recorded = with_sha256(config)
    copy = pathlib.Path(directory) / FILE_NAME
    if not copy.exists() or file_sha256(str(copy)) != recorded.sha256:
        partial = copy.with_suffix('.partial')
        shutil.copyfile(config.file, partial)
        partial.replace(copy)
    return dataclasses.replace(recorded, file=str(copy))


def with_relative_file(values: dict[str, Any]) -> dict[str, Any]:
    """A config as a dictionary to store beside its copied file: `file` is the name of the copy."""
    return {**values, 'file': FILE_NAME} if values['kind'] == 'bpe' else values


def with_absolute_file(values: dict[str, Any], directory: pathlib.Path) -> dict[str, Any]:
    """Undoes `with_relative_file` for a dictionary that was read from `directory`."""
    if values.get('kind') != 'bpe':
        return values
    return {**values, 'file': str(pathlib.Path(directory) / values.get('file', ''))}


def identity(config: TokenizerConfigBase) -> dict[str, Any]:
    """The values that determine the ids of a sequence.

    Parameters trained with one identity cannot be used with another, even if their shapes agree.
    """
    return config.identity()
