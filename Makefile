# Each target sets itself up on Debian or Ubuntu: it creates the virtual environment .venv with the
# Python packages, and installs missing programs by apt-get.  demo, lab, test and bench need root,
# because they create network namespaces; these disappear when the target ends.  install is
# independent of .venv; .ci/install reads PREFIX and DESTDIR from make's command line.

PYTHON_FILES = vtep bench tests docs/man
RUN = .venv/bin/python -m
LAB_TOOLS = ip=iproute2 ping=iputils-ping iperf3=iperf3 ethtool=ethtool unshare=util-linux
TUNNELS = ovs-vswitchd=openvswitch-switch quicktun=quicktun fastd=fastd openvpn=openvpn \
	tincd=tinc socat=socat
TEST_TOOLS = $(LAB_TOOLS) curl=curl tcpdump=tcpdump tshark=tshark dpkg=dpkg chromium=chromium \
	openssl=openssl man=man-db
HOSTS = 2
SUITE = bookworm

.PHONY: help install uninstall demo lab test test-install check pictures bench lock clean

help:
	@echo "make install   install vtep for all users in /usr/local (PREFIX, DESTDIR); make uninstall removes it"
	@echo "make demo    show two hosts with a VTEP each, step by step (under a minute)"
	@echo "              WEB=1: then serve the live page at http://127.0.0.1:8789"
	@echo "make lab     open a shell with two hosts for experiments (HOSTS=3: three hosts); see docs/learn"
	@echo "make test    run check and all tests, including the Docker tutorial"
	@echo "make test-install SUITE=bookworm   try docs/install.md on a fresh Debian or Ubuntu (minutes)"
	@echo "make check   check format, lint, types and file sizes"
	@echo "make pictures  redraw the pictures of the live page in docs/pictures"
	@echo "make bench   compare with the kernel's vxlan and other tunnels (70 minutes)"
	@echo "              CONTENDER=kernel,vtep ROUNDS=1 SECONDS=1: only these, and shorter"
	@echo "make lock    renew .ci/lock, the versions of all Python packages"
	@echo "make clean   remove the files that these targets created"

install:
	@.ci/install

uninstall:
	@.ci/install --remove

demo:
	@.ci/setup runtime $(LAB_TOOLS)
	@$(RUN) vtep demo $(if $(WEB),--web $(filter-out 1,$(WEB)))

lab:
	@.ci/setup runtime $(LAB_TOOLS) tcpdump=tcpdump curl=curl
	@$(RUN) vtep lab --hosts $(HOSTS)

test: check
	@.ci/setup test,lint $(TEST_TOOLS)
	$(RUN) pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder --durations=10

test-install:
	@.ci/setup runtime debootstrap=debootstrap unshare=util-linux
	tests/install/fresh_system $(SUITE)

check:
	@.ci/setup test,lint
	$(RUN) ruff format --check $(PYTHON_FILES)
	$(RUN) ruff check $(PYTHON_FILES)
	$(RUN) mypy
	@! wc -l $$(git ls-files '*.py') | awk '$$2 != "total" && $$1 > 400' | grep . \
		|| { echo "files over 400 lines: split them"; exit 1; }

pictures:
	@.ci/setup test $(LAB_TOOLS) chromium=chromium
	@$(RUN) tests.netns.pictures

bench:
	@.ci/setup bench $(LAB_TOOLS) --wanted $(TUNNELS)
	$(RUN) bench all $(if $(CONTENDER),--contender $(CONTENDER)) $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(SECONDS),--seconds $(SECONDS))

lock:
	@.ci/setup lock
	@.ci/relock

clean:
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
