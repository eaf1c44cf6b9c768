"""Commands that query a running daemon; standard library only, except top."""
