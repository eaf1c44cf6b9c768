"""HTTP plumbing of the control API: connections, streaming, security."""
