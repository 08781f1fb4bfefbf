"""Peak rates of chips, and what a program asks of them in FLOPs."""
