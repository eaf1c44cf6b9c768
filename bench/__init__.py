"""Benchmarks: in alternation with the kernel's vxlan on one rig, medians, spread and ratios.

cli.py         what to measure, in words
plan.py        what is measured by default, as a list of tests
rounds.py      the tests, round by round, contender by contender
rig.py         two hosts of the lab, joined by one contender
contenders/    what joins them: the kernel, ours, and what Debian ships
measures/      one test's figures: tcp, udp, rtt; processor time and memory
figures.py     medians, spreads, ratios
results.py     figures and machine as JSON, and back
table.py       the figures on the terminal
plots/         the figures as PNG
scaling/       in process: cost of a frame against the size of the tables; memory
profiling/     where the running daemons spend their time
"""
