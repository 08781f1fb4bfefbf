"""Block-sparse and anchored attention in plain XLA, for any device."""
