"""Benchmarks: vtep in alternation with the kernel's vxlan and other tunnels, on the same rig.

cli.py         the commands
options.py     their options, and the cases the options select
plan.py        the default list of tests
rounds.py      the loop over rounds, tests and contenders
rig.py         two hosts of the lab, connected by one contender
contenders/    the tunnels: the kernel's, vtep, and those of Debian
measures/      the figures of one test: tcp, udp, ndr, rtt, rr, many, page; CPU time and memory
connections.py the traffic of "many"
transactions.py the traffic of "rr"
figures.py     medians, spreads, ratios
machine.py     description of the machine and versions
conditions.py  sysctls, offloads, and the time stolen from the machine
results.py     figures and machine as JSON
table.py       the figures on the terminal
compare/       two results compared
meaning.py     which direction is better, and the loss that belongs to a rate
help_text.py   descriptions and examples for --help
plots/         the figures as PNG
scaling/       in process: cost of a frame against the size of the tables; memory
profiling/     CPU time of the running daemons by function
"""
