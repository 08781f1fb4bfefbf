"""Coverage tracks: windows with targets, their table, and the transform of their values."""
