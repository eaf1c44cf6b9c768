"""One and many: a super-frame becomes datagrams.  Imports wire only."""
