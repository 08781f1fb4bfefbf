"""Shared parts of the encoder families: tensor layouts, and configs of other libraries."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from genojax import config as configs
from genojax import errors, json_files, tokenizers
from genojax.convert import files, rules, store, vocabulary
from genojax.convert.user_weights import names
from genojax.models import bert
from genojax.nn import self_attention
from genojax.tokenizers import bpe

BLOCK = 'params/layers/block'


@dataclasses.dataclass(frozen=True)
class EncoderLayouts:
    """Layouts of the tensors of one encoder.

    D is the width, H the number of heads, K their width and V the vocabulary, which is rounded up
    to a multiple of `vocab_multiple` here. For Haiku's sources, which are not transposed, all [out,
    in] are [in, out].
    """

    matrix: rules.LayoutTransform  # [out, in] -> [in, out]
    to_heads: rules.LayoutTransform  # [H*K, D] -> [D, H, K]
    heads: rules.LayoutTransform  # [H*K] -> [H, K]
    from_heads: rules.LayoutTransform  # [D, H*K] -> [H, K, D]
    words: rules.LayoutTransform  # [V, ...] -> [V rounded up, ...]
    decoder: rules.LayoutTransform  # [V, D] -> [D, V rounded up]


def layouts(c: bert.BertConfig, transposed: bool = True) -> EncoderLayouts:
    """The layouts of an encoder of this size.

    Args:
        c: config of the model.
        transposed: the matrices of the source are [out, in], as torch's; else [in, out], as
        Haiku's.
    """
    K = c.width // c.heads
    padding = -c.vocab % c.vocab_multiple

    def transpose(x: np.ndarray) -> np.ndarray:
        return x.T if transposed else x

    def pad(x: np.ndarray) -> np.ndarray:
        return np.pad(x, [(0, padding)] + [(0, 0)] * (x.ndim - 1))

    def pad_last(x: np.ndarray) -> np.ndarray:
        return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, padding)])

    return EncoderLayouts(
        matrix=rules.TRANSPOSE if transposed else rules.IDENTITY,
        to_heads=rules.reshape((c.width, c.heads, K), (c.width, c.width), transposed),
        heads=rules.reshape((c.heads, K), (c.width,), transposed=False),
        from_heads=rules.reshape((c.heads, K, c.width), (c.width, c.width), transposed),
        words=rules.LayoutTransform(pad, lambda x: x[: c.vocab]),
        decoder=rules.LayoutTransform(
            lambda x: pad_last(transpose(x)), lambda x: transpose(x[..., : c.vocab])
        ),
    )


def dense(
    source: str,
    target: str,
    transform: rules.LayoutTransform = rules.TRANSPOSE,
    bias: rules.LayoutTransform | None = rules.IDENTITY,
) -> list[rules.Rule]:
    """The rules of a torch linear layer; `bias=None` if it has none."""
    kernel = [rules.Rule(f'{source}.weight', f'{target}/kernel', transform)]
    return kernel + ([rules.Rule(f'{source}.bias', f'{target}/bias', bias)] if bias else [])


def norm(source: str, target: str) -> list[rules.Rule]:
    """The rules of a torch layer norm."""
    return [
        rules.Rule(f'{source}.weight', f'{target}/scale'),
        rules.Rule(f'{source}.bias', f'{target}/bias'),
    ]


# Fields of published configs that are whole numbers -> the least and the greatest that any has.
_WHOLE = {
    **dict.fromkeys(('vocab_size', 'vocab', 'hidden_size', 'embed_dim'), (0, 10**7)),
    **dict.fromkeys(('intermediate_size', 'ffn_embed_dim'), (1, 10**7)),
    **dict.fromkeys(('num_hidden_layers', 'num_layers'), (1, 1_000)),
    **dict.fromkeys(('num_attention_heads', 'attention_heads', 'block_size'), (1, 10**5)),
    **dict.fromkeys(('max_position_embeddings', 'max_positions'), (1, 10**8)),
    **dict.fromkeys(('type_vocab_size', 'num_random_blocks'), (0, 10**5)),
    'pad_token_id': (0, 10**7),
}
_NUMBERS = (
    *('hidden_dropout_prob', 'attention_probs_dropout_prob', 'layer_norm_eps'),
    *('masking_ratio', 'masking_prob'),
)
_BOOLEANS = ('emb_layer_norm_before', 'token_dropout', 'tie_word_embeddings')


class SourceConfig:
    """A config of another library, whose every mismatch is collected and reported by `build`.

    Args:
        values: fields of the file.
        defaults: the library's defaults of fields that a file may omit.
        path: of the source, for error messages.
    """

    def __init__(self, values: Mapping[str, Any], defaults: Mapping[str, Any], path: Any = None):
        self._values = {**defaults, **values}
        self._path = path
        self._absent = not values
        self._problems: list[str] = []

    def __getitem__(self, name: str) -> Any:
        """The value of a field; 0, and a problem to report, if it is missing or of another type."""
        if name not in self._values:
            self._add(f'{name} is missing')
            return 0
        value = self._values[name]
        problem = _value_problem(name, value)
        if problem:
            self._add(f'{name} is {_shown(value)}, not {problem}')
            return 0
        return value

    def _add(self, problem: str) -> None:
        if problem not in self._problems:  # a field may be read twice
            self._problems.append(problem)

    def require(self, **allowed: Any) -> None:
        """Reports fields with other values: they describe a model that is not supported here.

        Args:
            allowed: the value of a field, or a tuple of values.
        """
        for name, value in allowed.items():
            choices = value if isinstance(value, tuple) else (value,)
            if self._values.get(name) not in choices:
                expected = ' or '.join(map(repr, choices))
                self._add(f'{name} is {_shown(self._values.get(name))}, not {expected}')

    def build(self, make: Callable[[], bert.BertConfig]) -> bert.BertConfig:
        """Calls `make`, which builds a config from the fields.

        Raises:
            InputError: CV02, listing every field that is missing or has an unsupported value.
        """
        try:
            result = make()
            # Checks types too: a number written as text would fail only when the model is built.
            configs.from_dict(type(result), configs.to_dict(result))
        except (errors.UsageError, ValueError, TypeError, ArithmeticError) as error:
            # After a missing field, which reads as 0, other errors only follow from it.
            self._problems = self._problems or [str(error)]
        if not self._problems:
            return result
        problem = f'config: {"; ".join(self._problems)}'
        if self._absent:
            problem = 'there is no config.json beside the weights, so their sizes are unknown'
        raise errors.InputError('CV02', problem, path=self._path)


def _value_problem(name: str, value: Any) -> str:
    """What the value of a field should be; '' if it is that."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if name in _WHOLE:
        low, high = _WHOLE[name]
        if not (is_number and low <= value <= high and value == int(value)):
            return f'a whole number from {low} to {high:,}'
    if name in _NUMBERS and not (is_number and 0 <= value <= 1):
        return 'a number from 0 to 1'
    if name in _BOOLEANS and not isinstance(value, bool):
        return 'true or false'
    return ''


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # an integer of more than 4,300 digits
        return 'a very long number'
    return text if len(text) <= 60 else f'{text[:57]}...'


def canonical(c: bert.BertConfig) -> bert.BertConfig:
    """The config without fields that no published config has.

    These are fields of how a model is computed or trained, and of parts that it does not have.
    """
    attention = c.attention
    match attention.kind:
        case 'full':
            attention = self_attention.AttentionConfig('full')
        case 'bigbird':
            attention = self_attention.AttentionConfig(
                'bigbird',
                block=attention.block,
                window_blocks=attention.window_blocks,
                global_blocks=attention.global_blocks,
                random_blocks=attention.random_blocks,
                plan=attention.plan,
            )
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


def find_kind(
    c: Any, kinds: Sequence[str], to_source: Callable, from_source: Callable
) -> str | None:
    """The kind whose source config, written and read back, gives the same model."""
    if not isinstance(c, bert.BertConfig):
        return None
    for kind in kinds:
        try:
            original = canonical(from_source(to_source(c, kind), kind))
            if not c.has_lm_head:  # of which a config.json says nothing
                original = dataclasses.replace(original, head='none')
            if original == canonical(c):
                return kind
        except errors.InputError:
            continue
    return None


def bpe_tokenizer(
    c: bert.BertConfig, source: files.PublishedSource
) -> tuple[bert.BertConfig, tokenizers.TokenizerConfig]:
    """The tokenizer.json beside the weights, and the config with its id of [PAD].

    DNABERT-2's config.json says 0, which is [UNK] in its tokenizer; the original class takes
    padding from the attention mask that the tokenizer makes.

    Raises:
        InputError: CV06, the file is missing or its vocabulary has another size than the model's.
        DamageError: it is no tokenizer of DNA.
        UsageError: the library that reads it is not installed.
    """
    path = source.folder / tokenizers.FILE_NAME
    if not path.is_file():
        raise errors.InputError(
            'CV06',
            f'{tokenizers.FILE_NAME} is missing beside the weights',
            path=source.path,
            fix=files.FIX,
        )
    json_files.read(path, files.FIX, fields={'model': dict})
    vocabulary.ids(path)
    bpe.library_for(path)
    config = tokenizers.with_sha256(tokenizers.TokenizerConfig('bpe', file=str(path)))
    try:
        tokenizer = tokenizers.make(config)
    except errors.InputError as error:  # the user has named no tokenizer: the file is damaged
        raise errors.DamageError(f'{path}: {error.problem}. Fix: {files.FIX}') from error
    if tokenizer.vocab_size != c.vocab:
        problem = f'the tokenizer has {tokenizer.vocab_size} tokens, but the model has {c.vocab}'
        raise errors.InputError('CV06', problem, path=path)
    for other in vocabulary.paths(source.folder):
        vocabulary.check_same(path, vocabulary.ids(path), other, vocabulary.ids(other))
    return dataclasses.replace(c, pad_id=tokenizer.special.pad), config


def without_head(
    c: bert.BertConfig, tensors: Mapping[str, np.ndarray], encoder: str, head: str
) -> tuple[bert.BertConfig, tuple[str, ...], tuple[str, ...]]:
    """The config with `head='none'` if the source has no language-model head, else unchanged.

    Args:
        c: of the model with its head.
        tensors: of the source.
        encoder, head: how the names of the encoder and of the head begin.

    Returns:
        The config, names to ignore (heads of tasks), and notes about what is lost.
    """
    if any(name.startswith(head) for name in tensors):
        return c, (), ()
    ignored, notes = names.heads_note(tensors, encoder)
    return dataclasses.replace(c, head='none'), ignored, notes


def source_model(
    c: bert.BertConfig,
    order: vocabulary.WordOrder,
    variables: Mapping[str, Any],
    tokenizer: tokenizers.TokenizerConfig,
    ignored: tuple[str, ...],
    notes: tuple[str, ...],
) -> store.SourceModel:
    """The model of a source with its words in our order."""
    if order.note:
        notes = (*notes, order.note)
    return store.SourceModel(c, order.apply(variables), tokenizer, ignored, notes)


def read(
    c: bert.BertConfig,
    source: files.PublishedSource,
    table: Sequence[rules.Rule],
    tensors: Mapping[str, np.ndarray],
    *,
    ties: Sequence[rules.Tie],
    ignored: Sequence[str],
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The variables of a model from the tensors of a source, and the names of ignored tensors."""
    variables = rules.read(table, tensors, store.abstract(c), ignored, ties, path=source.path)
    return variables, tuple(name for name in tensors if rules.is_ignored(name, ignored))


def write(
    model: store.ConvertedModel,
    table: Sequence[rules.Rule],
    format: str,
    directory: pathlib.Path,
    config: tuple[str, Mapping[str, Any]],
) -> list[pathlib.Path]:
    """Writes weights under the names of a table, and the config; returns both files.

    Args:
        model: its parameters are written.
        table: of the source.
        format: safetensors, bin or npz.
        directory: where to write.
        config: file name and content.
    """
    stem = 'pytorch_model' if format == 'bin' else 'model'
    weights = directory / f'{stem}.{format}'
    variables = {'params': model.params, **model.extra}
    files.write_tensors(weights, rules.write(table, variables))
    name, values = config
    json_files.write(directory / name, values)
    return [directory / name, weights]
