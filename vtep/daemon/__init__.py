"""The running process: resolve and open devices, forward on the event loop, housekeeping."""
