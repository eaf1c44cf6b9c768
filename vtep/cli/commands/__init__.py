"""Commands for a running daemon; standard library only, except top."""
