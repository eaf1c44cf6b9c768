"""The commands that ask a running daemon; the standard library alone, but for `top`."""
