# Each target sets itself up: the virtual environment in .venv, the Python packages in it, and by
# apt-get what else is missing on a Debian or Ubuntu machine.  demo, lab, test and bench need root:
# they make network namespaces, of their own and gone when they end.

PYTHON_FILES = vtep bench tests
RUN = .venv/bin/python -m
LAB_TOOLS = ip=iproute2 ping=iputils-ping iperf3=iperf3 ethtool=ethtool unshare=util-linux
TUNNELS = ovs-vswitchd=openvswitch-switch quicktun=quicktun fastd=fastd openvpn=openvpn \
	tincd=tinc socat=socat
TEST_TOOLS = $(LAB_TOOLS) curl=curl tcpdump=tcpdump tshark=tshark dpkg=dpkg chromium=chromium
HOSTS = 2

.PHONY: help demo lab test check pictures bench clean

help:
	@echo "make demo    two hosts, two VTEPs, and what happens between them (under a minute)"
	@echo "              WEB=1: and then stay, with the live page on http://127.0.0.1:8789"
	@echo "make lab     a shell among two hosts to try things on (HOSTS=3: three); docs/learn uses it"
	@echo "make test    everything: check, then all tests, Docker's tutorial included"
	@echo "make check   format, lint, types, file sizes"
	@echo "make pictures  the pictures of the live page in docs/pictures, drawn anew"
	@echo "make bench   against the kernel's vxlan and other tunnels (25 minutes)"
	@echo "make clean   remove what these targets made"

demo:
	@.ci/setup demo $(LAB_TOOLS)
	@$(RUN) vtep.lab demo $(if $(WEB),--web $(filter-out 1,$(WEB)))

lab:
	@.ci/setup demo $(LAB_TOOLS) tcpdump=tcpdump
	@$(RUN) vtep.lab shell --hosts $(HOSTS)

test: check
	@.ci/setup test,lint $(TEST_TOOLS)
	$(RUN) pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder --durations=10

check:
	@.ci/setup test,lint
	$(RUN) ruff format --check $(PYTHON_FILES)
	$(RUN) ruff check $(PYTHON_FILES)
	$(RUN) mypy
	@! wc -l $$(git ls-files '*.py') | awk '$$2 != "total" && $$1 > 400' | grep . \
		|| { echo "these files are over 400 lines: split them"; exit 1; }

pictures:
	@.ci/setup test $(LAB_TOOLS) chromium=chromium
	@$(RUN) tests.netns.pictures

bench:
	@.ci/setup bench $(LAB_TOOLS) --wanted $(TUNNELS)
	$(RUN) bench all

clean:
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
