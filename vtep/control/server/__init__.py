"""The daemon's side: sockets, the HTTP API, metrics, the live page."""
