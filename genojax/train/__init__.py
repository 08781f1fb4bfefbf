"""Training: the step, the loop around it, and the feeds and logs that it uses."""
