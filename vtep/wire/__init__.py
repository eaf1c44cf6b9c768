"""Headers as bytes and as numbers: pure functions that import the standard library and numpy."""
