"""Bytes and numbers: the headers, as the wire has them.  Standard library only; nothing of ours."""
