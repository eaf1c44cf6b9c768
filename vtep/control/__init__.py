"""Look into a running daemon.

`server` answers, over a Unix socket or TCP; `watch` is what it tells of frames and tables while
they pass; `commands` ask.  The daemon knows nothing of this room: what it is given stands beside
it (vtep.daemon.Beside).
"""
