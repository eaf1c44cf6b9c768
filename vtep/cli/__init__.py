"""The command line: arguments become a command to run."""
