"""Handlers of the control API: state, metrics, events, captures, frames, walks, the page."""
