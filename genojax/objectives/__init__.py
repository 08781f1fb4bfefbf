"""What a model is trained for: each objective owns its loss, its task head and its metrics."""
