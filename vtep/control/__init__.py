"""Look into a running daemon: its API, the sockets it is asked through, and the commands that ask.

The daemon knows nothing of this room: what it is given stands beside it (vtep.daemon.Beside).
"""
