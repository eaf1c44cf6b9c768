"""Outcomes of forwarded frames: one traced frame at a time, as sentences, summaries and pcapng."""
