"""Benchmarks: in alternation with the kernel's vxlan on one rig, medians and ratios."""
