"""Tokenizers: base codes to token ids and back, each knowing which bases a token covers."""
