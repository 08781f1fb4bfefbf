"""The table of published weights: files of repositories of the Hugging Face hub.

Nothing of these is part of genojax; the licence is that of their authors. The hub states the
SHA-256 of each large file in its answer, with which the file is compared.
"""

from genojax.download import source_files

_HUB = 'https://huggingface.co'
# safetensors where a repository has them: they need no torch, and hold nothing but tensors.
_TENSORS = ('model.safetensors', 'pytorch_model.bin')


def _weights(
    name: str, kind: str, title: str, repository: str, license: str, *files: str
) -> source_files.WeightsSource:
    """A repository whose card, config and weights are fetched, and `files`."""
    base = f'{_HUB}/{repository}/resolve/main'
    listed = [('config.json',), *((file,) for file in files), _TENSORS, ('README.md',)]
    return source_files.WeightsSource(
        name=name,
        kind=kind,
        title=title,
        repository=repository,
        license=license,
        files=tuple(
            source_files.RemoteFile(
                tuple(f'{base}/{choice}' for choice in choices), optional='README.md' in choices
            )
            for choices in listed
        ),
    )


_ALL = (
    *(
        _weights(
            f'dnabert_k{k}',
            'dnabert',
            f'DNABERT, {k}-mers',
            f'zhihan1996/DNA_bert_{k}',
            'Apache-2.0',
            'vocab.txt',
        )
        for k in (3, 4, 5, 6)
    ),
    _weights(
        'dnabert2',
        'dnabert2',
        'DNABERT-2, 117 M',
        'zhihan1996/DNABERT-2-117M',
        'Apache-2.0',
        'tokenizer.json',
    ),
    *(
        _weights(
            f'nt_v2_{size}m',
            'nt_v2',
            f'Nucleotide Transformer v2, {size} M',
            f'InstaDeepAI/nucleotide-transformer-v2-{size}m-multi-species',
            'CC-BY-NC-SA-4.0',
            'vocab.txt',
        )
        for size in (50, 100, 250, 500)
    ),
    _weights(
        'gena_bigbird',
        'gena_bigbird',
        'GENA-LM BigBird (t2t)',
        'AIRI-Institute/gena-lm-bigbird-base-t2t',
        'MIT',
        'tokenizer.json',
    ),
    _weights(
        'enformer',
        'enformer',
        'Enformer, in the layout of enformer-pytorch',
        'EleutherAI/enformer-official-rough',
        'Apache-2.0 (code); predictions of the published weights CC-BY 4.0',
    ),
)
# Name -> source.
WEIGHTS = {source.name: source for source in _ALL}
