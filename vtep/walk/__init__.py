"""`vtep walk`: follow one frame offline, through the code that forwards."""
