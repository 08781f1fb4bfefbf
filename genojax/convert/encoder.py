"""What the encoders of all families share: how their tensors lie, and how foreign configs are read."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from genojax import config as configs
from genojax import errors, tokenizers
from genojax.convert import files, rules, store
from genojax.models import bert
from genojax.nn import self_attention

BLOCK = 'params/layers/block'


@dataclasses.dataclass(frozen=True)
class Ways:
    """Layouts of one encoder's tensors: D width, H heads of width K, V words, rounded up to `vocab_multiple` here."""

    matrix: rules.Way  # [out, in] -> [in, out]
    to_heads: rules.Way  # [H*K, D] -> [D, H, K]
    heads: rules.Way  # [H*K] -> [H, K]
    from_heads: rules.Way  # [D, H*K] -> [H, K, D]
    words: rules.Way  # [V, ...] -> [V rounded up, ...]
    decoder: rules.Way  # [V, D] -> [D, V rounded up]


def ways(c: bert.BertConfig, transposed: bool = True) -> Ways:
    """Args: transposed: the source's matrices are [out, in], as torch's are; else [in, out], as Haiku's."""
    K = c.width // c.heads
    more = -c.vocab % c.vocab_multiple

    def turned(x: np.ndarray) -> np.ndarray:
        return x.T if transposed else x

    def pad(x: np.ndarray) -> np.ndarray:
        return np.pad(x, [(0, more)] + [(0, 0)] * (x.ndim - 1))

    def pad_last(x: np.ndarray) -> np.ndarray:
        return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, more)])

    return Ways(
        rules.TRANSPOSED if transposed else rules.SAME,
        rules.reshaped((c.width, c.heads, K), (c.width, c.width), transposed),
        rules.reshaped((c.heads, K), (c.width,), False),
        rules.reshaped((c.heads, K, c.width), (c.width, c.width), transposed),
        rules.Way(pad, lambda x: x[: c.vocab]),
        rules.Way(lambda x: pad_last(turned(x)), lambda x: turned(x[..., : c.vocab])),
    )


def dense(
    source: str, target: str, way: rules.Way = rules.TRANSPOSED, bias: rules.Way | None = rules.SAME
) -> list[rules.Rule]:
    """A torch linear map; `bias=None` where it has none."""
    found = [rules.Rule(f'{source}.weight', f'{target}/kernel', way)]
    return found + ([rules.Rule(f'{source}.bias', f'{target}/bias', bias)] if bias else [])


def norm(source: str, target: str) -> list[rules.Rule]:
    """A torch layer norm."""
    return [
        rules.Rule(f'{source}.weight', f'{target}/scale'),
        rules.Rule(f'{source}.bias', f'{target}/bias'),
    ]


class Foreign:
    """A config of another library, read strictly: what is absent has that library's default, told here.

    Args:
        values: the file's.
        defaults: of the fields that the library may leave out.
        path: of the source, for messages.
    """

    def __init__(self, values: Mapping[str, Any], defaults: Mapping[str, Any], path: Any = None):
        self._values = {**defaults, **values}
        self._path = path
        self._absent = not values
        self._wrong: list[str] = []

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            self._wrong.append(f'{name} is missing')
        return self._values.get(name, 0)

    def demand(self, **wanted: Any) -> None:
        """Fields whose other values would be another model than there is here."""
        for name, value in wanted.items():
            allowed = value if isinstance(value, tuple) else (value,)
            if self._values.get(name) not in allowed:
                told = ' or '.join(map(repr, allowed))
                self._wrong.append(f'{name} is {self._values.get(name)!r}, not {told}')

    def build(self, make: Callable[[], bert.BertConfig]) -> bert.BertConfig:
        """What `make` makes of the fields.

        Raises:
            InputError: CV02, everything that is missing or has another value than it may have.
        """
        try:
            made = make()
            # A number written as text would be found by nobody until the model is opened.
            configs.from_dict(type(made), configs.to_dict(made))
        except errors.UsageError as error:
            self._wrong = self._wrong or [str(error)]
        except (ValueError, TypeError, ArithmeticError) as error:
            # Of a missing field it is enough to say that it is missing.
            self._wrong = self._wrong or [str(error)]
        if self._wrong:
            if self._absent:
                raise errors.InputError(
                    'CV02',
                    'there is no config.json beside the weights, and the sizes are told nowhere else',
                    path=self._path,
                )
            raise errors.InputError('CV02', f'config: {"; ".join(self._wrong)}', path=self._path)
        return made


def plain(c: bert.BertConfig) -> bert.BertConfig:
    """The config without what changes only how it is computed, or counts for no part that it has."""
    names = {'full': (), 'bigbird': ('block', 'near', 'ends', 'random', 'plan')}
    attention = c.attention
    if attention.kind in names:
        kept = {name: getattr(attention, name) for name in names[attention.kind]}
        attention = self_attention.AttentionConfig(kind=attention.kind, **kept)
    return dataclasses.replace(
        c,
        dtype='float32',
        unroll=1,
        remat='none',
        vocab_multiple=1,
        attention=attention,
        dropout=0.0,
        attention_dropout=0.0,
    )


def which(c: Any, kinds: Sequence[str], to_source: Callable, from_source: Callable) -> str | None:
    """The kind whose config says the same as ours when it is written and read back."""
    if not isinstance(c, bert.BertConfig):
        return None
    for kind in kinds:
        try:
            if plain(from_source(to_source(c, kind), kind)) == plain(c):
                return kind
        except errors.InputError:
            continue
    return None


def bpe_beside(
    c: bert.BertConfig, source: files.Source
) -> tuple[bert.BertConfig, tokenizers.TokenizerConfig]:
    """The tokenizer.json that lies beside the weights, and the config with its [PAD].

    DNABERT-2's config.json says 0, which is its tokenizer's [UNK]: the original learns of padding from the tokenizer.

    Raises:
        InputError: CV06, there is none, or it has other ids than the model.
    """
    path = source.folder / tokenizers.FILE_NAME
    if not path.is_file():
        raise errors.InputError(
            'CV06',
            f'{tokenizers.FILE_NAME} is missing beside the weights',
            path=source.path,
            fix='copy it from where the weights are published',
        )
    told = tokenizers.with_sha256(tokenizers.TokenizerConfig('bpe', file=str(path)))
    made = tokenizers.make(told)
    if made.vocab_size != c.vocab:
        raise errors.InputError(
            'CV06', f'{made.vocab_size} words, but the model has {c.vocab}', path=path
        )
    return dataclasses.replace(c, pad_id=made.special.pad), told


def read(
    c: bert.BertConfig,
    source: files.Source,
    table: Sequence[rules.Rule],
    tensors: Mapping[str, np.ndarray],
    ties: Sequence[rules.Tie],
    ignored: Sequence[str],
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The variables that the tensors hold, and the names that were ignored."""
    found = rules.read(table, tensors, store.abstract(c), ignored, ties, source.path)
    return found, tuple(name for name in tensors if rules.is_ignored(name, ignored))


def write(
    loaded: store.Loaded,
    table: Sequence[rules.Rule],
    format: str,
    directory: pathlib.Path,
    names: tuple[str, Mapping[str, Any]],
) -> list[pathlib.Path]:
    """Weights under the table's names, and the config.

    Args:
        format: safetensors, bin or npz.
        names: the config's file name and what it holds.
    """
    stem = 'pytorch_model' if format == 'bin' else 'model'
    weights = directory / f'{stem}.{format}'
    variables = {'params': loaded.params, **loaded.extra}
    files.write_tensors(weights, rules.write(table, variables))
    config = directory / names[0]
    files.write_json(config, names[1])
    return [config, weights]
