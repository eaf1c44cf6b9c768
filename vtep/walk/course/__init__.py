"""Exercises of the course, and the check of their answers."""
