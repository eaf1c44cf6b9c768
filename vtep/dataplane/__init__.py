"""Tables and decisions of a VTEP: pure functions of frames and time, without I/O or a clock."""
