"""Training: a run and its workdir, the step, the loop around it, and the log."""
