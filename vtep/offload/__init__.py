"""GSO frames and datagrams: segmenting one into many, and joining many into one. With numpy."""
