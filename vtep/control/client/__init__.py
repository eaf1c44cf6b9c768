"""The client of the control API: find a daemon and query it. Standard library only."""
