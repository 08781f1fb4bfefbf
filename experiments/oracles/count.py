"""Counts the parameters of the original classes, which our configs must have exactly.

    python experiments/oracles/count.py

Nothing is allocated. Needs torch and transformers (`make .venv-bench/.installed` installs both). A
published model without a file of its sizes is built from the sizes in `configs/`. Heads that no
language model needs are not counted: BigBird's pooler and next-sentence head, ESM's contact head.
"""

import transformers
from torch import device, nn

NT_V1 = {
    'nt_v1_500m': {'hidden_size': 1280, 'num_hidden_layers': 24, 'intermediate_size': 5120},
    'nt_v1_2500m': {'hidden_size': 2560, 'num_hidden_layers': 32, 'intermediate_size': 10240},
}
DNABERT = {f'dnabert_k{k}': 4**k + 5 for k in (3, 4, 5, 6)}
IGNORED = ('bert.pooler.', 'cls.seq_relationship.', 'esm.contact_head.')


def dnabert(vocab: int) -> nn.Module:
    return transformers.BertForMaskedLM(transformers.BertConfig(vocab_size=vocab))


def nucleotide_transformer(**sizes) -> nn.Module:
    """NT v1, with an untied decoder; transformers would tie it by default."""
    config = transformers.EsmConfig(
        vocab_size=4105, num_attention_heads=20, max_position_embeddings=1002, pad_token_id=1,
        mask_token_id=2, token_dropout=True, emb_layer_norm_before=False, tie_word_embeddings=False,
        **sizes,
    )  # fmt: skip
    return transformers.EsmForMaskedLM(config)


def gena_bigbird() -> nn.Module:
    config = transformers.BigBirdConfig(
        vocab_size=32_000, hidden_size=768, num_hidden_layers=12, num_attention_heads=12,
        intermediate_size=3072, max_position_embeddings=4096, pad_token_id=3, hidden_act='gelu_new',
        attention_type='block_sparse', block_size=64, num_random_blocks=3,
    )  # fmt: skip
    return transformers.BigBirdForPreTraining(config)


def count(module: nn.Module) -> int:
    """The number of parameters; tied ones count once."""
    named = module.named_parameters()
    return sum(x.numel() for name, x in named if not name.startswith(IGNORED))


def main() -> None:
    with device('meta'):
        for name, vocab in DNABERT.items():
            print(f'{name} {count(dnabert(vocab)):,}')
        for name, sizes in NT_V1.items():
            print(f'{name} {count(nucleotide_transformer(**sizes)):,}')
        print(f'gena_bigbird {count(gena_bigbird()):,}')


if __name__ == '__main__':
    main()
