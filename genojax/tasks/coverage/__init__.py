"""Coverage tracks (CAGE, DNase, RNA, ...) from sequence."""
