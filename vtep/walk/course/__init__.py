"""Exercises of the course and the checks of their answers."""
