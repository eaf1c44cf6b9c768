"""In process, without root: cost of a frame against the size of the tables, and memory."""
