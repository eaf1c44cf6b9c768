"""What is told of frames and tables while it happens: events, captures, a sample."""
