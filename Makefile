# SPDX-License-Identifier: GPL-2.0-only
# One makefile; everything it makes is under build/. V=1 shows the commands, DESTDIR and PREFIX as usual.

VERSION := 0.1.0
CC := gcc
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PREFIX ?= /usr/local
UNITS ?= $(PREFIX)/lib/systemd/system
O := build
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

ARCH := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/; s/ppc64le/powerpc/; s/s390x/s390/; s/riscv64/riscv/')
CPPFLAGS += -D_GNU_SOURCE -DLASTACK_VERSION=$(VERSION) -Isrc -Iinclude -I$(O)
CFLAGS ?= -O2 -g
WARNINGS := -std=gnu17 -Wall -Wextra -Werror
SANITIZE := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
PLAIN_LIBS := -lsqlite3 -lmicrohttpd -linih -ljansson -lseccomp -lcap -lsystemd -lz -lnettle -ldw -lelf -lpthread
LDLIBS := -lbpf $(PLAIN_LIBS)

# src/kernel and src/verbs need libbpf; the rest does not, and is what the unit tests link.
PLAIN := $(wildcard src/core/*.c src/report/*.c src/store/*.c src/pipeline/*.c src/serve/*.c src/symbols/*.c src/options*.c) \
	src/kernel/snmp.c src/kernel/pair_skips.c
SOURCES := $(sort $(PLAIN) $(wildcard src/kernel/*.c src/verbs/*.c)) src/main.c
PLAYERS := $(filter-out %/main.c %/demo.c,$(wildcard tests/live/*.c))
SYSTEM := $(wildcard tests/system/*.c)
UNIT := $(patsubst %.c,$(O)/%,$(wildcard tests/unit/test_*.c))
MODEL := $(filter-out tests/model/test_%,$(wildcard tests/model/*.c))
PROOFS := $(patsubst %.c,$(O)/%,$(wildcard tests/model/test_*.c))
# None where clang has no runtime for fuzzers: their tests are skipped then.
FUZZ := $(if $(wildcard $(shell $(CLANG) -print-resource-dir 2>/dev/null)/lib/*/libclang_rt.fuzzer*.a),\
	$(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c)))
CORE := $(wildcard src/core/*.c)
COVERAGE := $(patsubst %.c,$(O)/coverage/%,$(shell grep -lE 'core/|core_fixture|diagnosis_fixture|verdict_|sample_event|pipeline/|replay' tests/unit/test_*.c) tests/model/test_simulate.c)
# Of the daemon's threads: the store's writer, questions to the history, servers beside them.
THREADED := store_writer control control_clients control_diagnose http http_hostile hook_command history \
	history_query report_files
UNIT_TSAN := $(THREADED:%=$(O)/tsan/tests/unit/test_%)
UNIT_ASAN := $(UNIT:$(O)/%=$(O)/asan/%) $(O)/asan/tests/model/test_simulate
object = $(patsubst %.c,$(O)/$(1)%.o,$(2))

all: $(O)/lastack

# ---- the kernel side: objects, then their skeletons
$(O)/%.bpf.o: bpf/%.bpf.c Makefile
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -g -O2 -target bpf -D__TARGET_ARCH_$(ARCH) -Wall -Wextra -Werror -Wno-unused-parameter \
		-Ivmlinux -Iinclude -Ibpf -MMD -MP -c $< -o $@

$(O)/%.skel.h: $(O)/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@.part && mv $@.part $@

$(call object,,$(wildcard src/kernel/monitor*.c) src/kernel/types.c): $(O)/lastack.skel.h
$(call object,,src/kernel/prober.c): $(O)/probe.skel.h

# ---- programs: plain and sanitised objects by the same rule
define compile
$(O)/$(1)%.o: %.c Makefile
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$(or $(3),$$(CC)) $$(CPPFLAGS) $$(CFLAGS) $(2) $$(WARNINGS) -MMD -MP -c $$< -o $$@
endef
$(eval $(call compile,,))
$(eval $(call compile,asan/,$$(SANITIZE)))
$(eval $(call compile,tsan/,-O1 -fsanitize=thread))
$(eval $(call compile,fuzz/,$$(SANITIZE) -fsanitize=fuzzer-no-link -Itests/unit,$$(CLANG)))
$(eval $(call compile,coverage/,-O0 --coverage,gcc))

# link(flags, libraries)
define link
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(1) -o $@ $^ $(2)
endef

$(O)/lastack: $(call object,,$(SOURCES))
	$(call link,,$(LDLIBS))
$(O)/tests/unit/%: $(O)/tests/unit/%.o $(call object,,$(PLAIN))
	$(call link,,-lcmocka $(PLAIN_LIBS) -lm)
$(O)/tests/model/%: $(O)/tests/model/%.o $(call object,,$(MODEL) $(PLAIN))
	$(call link,,-lcmocka $(PLAIN_LIBS))
$(O)/asan/tests/unit/%: $(O)/asan/tests/unit/%.o $(call object,asan/,$(PLAIN))
	$(call link,$(SANITIZE),-lcmocka $(PLAIN_LIBS) -lm)
$(O)/asan/tests/model/%: $(O)/asan/tests/model/%.o $(call object,asan/,$(MODEL) $(PLAIN))
	$(call link,$(SANITIZE),-lcmocka $(PLAIN_LIBS))
$(O)/tsan/tests/unit/%: $(O)/tsan/tests/unit/%.o $(call object,tsan/,$(PLAIN))
	$(call link,-fsanitize=thread,-lcmocka $(PLAIN_LIBS) -lm)
# Of these programs only the core is measured; the rest is as always. By gcc, whose counters add up over programs.
$(O)/coverage/tests/unit/%: $(O)/tests/unit/%.o $(call object,coverage/,$(CORE)) $(call object,,$(filter-out $(CORE),$(PLAIN)))
	@mkdir -p $(@D)
	$(call link,--coverage,-lcmocka $(PLAIN_LIBS) -lm)
$(O)/coverage/tests/model/%: $(O)/tests/model/%.o $(call object,,$(MODEL) $(filter-out $(CORE),$(PLAIN))) $(call object,coverage/,$(CORE))
	@mkdir -p $(@D)
	$(call link,--coverage,-lcmocka $(PLAIN_LIBS))
$(O)/fuzz/fuzz_%: $(O)/fuzz/tests/fuzz/fuzz_%.o $(call object,fuzz/,$(PLAIN))
	$(call say,LINK,$@)
	$(Q)$(CLANG) $(CFLAGS) $(SANITIZE) -fsanitize=fuzzer -o $@ $^ -lcmocka $(PLAIN_LIBS) -lm
$(O)/manual: $(call object,,$(filter-out src/main.c,$(SOURCES)) $(wildcard src/manual/*.c))
	$(call link,,$(LDLIBS))
$(O)/live: $(call object,,$(PLAYERS) tests/live/main.c)
	$(call link,,-ljansson -lm -lnftables)
$(O)/demo: $(call object,,$(PLAYERS) tests/live/demo.c)
	$(call link,,-ljansson -lm -lnftables)
$(O)/system: $(call object,,$(SYSTEM))
	$(call link,,-ljansson -lsqlite3 -lz)
# Loaded before a library: by the sweeps over allocations, where the clock is stepped, and by the daemon under valgrind.
$(O)/%.so: tests/faults/%.c
	$(call say,LINK,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) -fPIC -shared -o $@ $<
$(O)/system: | $(O)/failing_alloc.so $(O)/stepping_clock.so
$(O)/tests/system/diagnose_stacks.o $(O)/tests/unit/test_finding_names.o: CFLAGS += -fno-omit-frame-pointer
$(O)/tiers: $(call object,,$(wildcard tests/kernels/*.c))
	$(call link,,-ljansson)
$(O)/process_one: $(call object,,tests/process_one.c)
	$(call link,,-lbpf)
$(O)/bench: $(call object,,tests/bench/bench.c tests/bench/measure.c)
	$(call link,,-lbpf)
$(O)/bench_daemon: $(call object,,tests/bench/bench_daemon.c tests/bench/measure.c)
	$(call link,)
$(O)/bench_stacks: $(call object,,tests/bench/bench_stacks.c tests/bench/measure.c)
	$(call link,)
$(O)/bench_history: $(O)/tests/bench/bench_history.o $(call object,,$(PLAIN))
	$(call link,,$(PLAIN_LIBS))

# Their allocations go by the test.
$(foreach kind,/ /asan/ /coverage/,$(addprefix $(O)$(kind)tests/unit/test_,core_memory json_memory)): LDFLAGS += \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc

# ---- what is written from tables: the reference machine told and drawn, the default configuration; tests hold the
# committed files against them
DOCS := src/core/machine.md src/core/machine.svg packaging/lastack.conf
docs: all $(O)/manual
	$(call say,DOCS,$(DOCS))
	$(Q)$(O)/lastack machine -o markdown > $(O)/machine.md
	$(Q)sed -i -e '/^<!-- lastack machine.*: begin/,/^<!-- lastack machine.*: end/{/: end/r $(O)/machine.md' -e 'd}' src/core/machine.md
	$(Q)$(O)/lastack machine -o dot | dot -Tsvg > $(O)/machine.svg && cp $(O)/machine.svg src/core/machine.svg
	$(Q)$(O)/manual settings > $(O)/lastack.conf && cp $(O)/lastack.conf packaging/lastack.conf

PAGES := $(patsubst packaging/%.scd.in,$(O)/man/%,$(wildcard packaging/*.scd.in))
manual: $(PAGES) $(O)/lastack.bash
$(O)/man/%: packaging/%.scd.in $(O)/manual
	$(call say,MAN,$@)
	@mkdir -p $(@D)
	$(Q)$(O)/manual page $< > $@.scd && scdoc < $@.scd > $@
$(O)/lastack.bash: $(O)/manual
	$(call say,BASH,$@)
	$(Q)$< completion > $@

# ---- what people ask for
run: all
	$(O)/lastack live
demo: all $(O)/demo
	LASTACK=$(O)/lastack $(O)/demo
BENCHES := $(O)/bench $(O)/bench_daemon $(O)/bench_stacks $(O)/bench_history
bench: all $(BENCHES)
	$(O)/bench
	$(O)/bench_daemon
	$(O)/bench_stacks
	$(O)/bench_history
test-build: all $(UNIT) $(PROOFS) $(FUZZ) $(O)/live $(O)/demo $(O)/system $(O)/process_one $(BENCHES)
test: test-build manual
	O=$(O) tests/run.sh unit $(UNIT) $(PROOFS) -- fuzz packaging system live
test-unit: $(UNIT)
	O=$(O) tests/run.sh unit $(UNIT)
proofs: $(PROOFS)
	O=$(O) tests/run.sh unit $(PROOFS)
test-packaging: all manual
	O=$(O) tests/run.sh packaging
test-live: all $(O)/live $(O)/process_one
	O=$(O) tests/run.sh live
test-system: all $(O)/system $(O)/process_one
	O=$(O) tests/run.sh system
test-kernels: all $(O)/tiers $(O)/system $(O)/live # boots virtual machines: minutes, so no part of test
	O=$(O) tests/kernels/matrix.sh $(SUITES)
docs-kernels: # the tables of the last test-kernels
	cp $(O)/kernels/matrix.md tests/kernels/matrix.md
test-systemd: deb # likewise, one of them, with the service in it
	O=$(O) tests/kernels/systemd.sh $(SUITE)
check-programs: all
	$(O)/lastack check --programs
asan: $(UNIT_ASAN)
	O=$(O) LASTACK_LIVES=100000 tests/run.sh unit $(UNIT_ASAN)
tsan: $(UNIT_TSAN) # without randomised addresses: gcc's runtime knows fewer bits of them than newer kernels use
	O=$(O) setarch -R tests/run.sh unit $(UNIT_TSAN)
memcheck: all $(UNIT) $(O)/no_filter.so # minutes; with live as root; MEMCHECK_SHORT=1 for some of it
	O=$(O) tests/memcheck.sh $(UNIT)
fuzz: $(FUZZ) # FUZZ_SECONDS=60 for each
	O=$(O) tests/fuzz/run.sh long
fuzz-short: $(FUZZ)
	O=$(O) tests/fuzz/run.sh short
coverage: $(COVERAGE)
	O=$(O) tests/coverage.sh $(COVERAGE)

SKELETON_USERS := $(wildcard src/kernel/monitor*.c) src/kernel/prober.c src/kernel/types.c
FORMATTED = $(shell git ls-files '*.c' '*.h')
format:
	clang-format -i $(FORMATTED)
CPPCHECK := cppcheck -q --error-exitcode=1 --std=c11 --library=posix --library=.cppcheck.cfg \
	--enable=warning,performance,portability --suppressions-list=.cppcheck-suppressions --suppress=missingIncludeSystem
cppcheck:
	$(CPPCHECK) $(filter-out -I$(O),$(CPPFLAGS)) -D__$(shell uname -m)__ src # a skeleton is not ours, and takes minutes
analyze: all # looked through, not held to: CONTRIBUTING.md says what it is wrong about
	@for f in $(SOURCES); do gcc $(CPPFLAGS) $(WARNINGS) -Wno-error -O2 -fanalyzer -c $$f -o /dev/null; done
tidy: compile_commands.json cppcheck
	echo $(filter-out $(SKELETON_USERS),$(SOURCES)) | xargs -P "$$(nproc)" -n 8 clang-tidy --quiet -p .
	clang-tidy --quiet -p . --checks=-clang-analyzer-unix.Malloc $(SKELETON_USERS) # in the skeletons
compile_commands.json: Makefile
	$(Q)for f in $(SOURCES); do printf '{"directory":"%s","file":"%s","command":"cc $(CPPFLAGS) $(WARNINGS) -c %s"}\n' \
		"$(CURDIR)" "$$f" "$$f"; done | sed '1s/^/[/; $$!s/$$/,/; $$s/$$/]/' > $@

# The configuration belongs to whoever has changed it: it is neither replaced nor removed then.
TO = $(DESTDIR)$(PREFIX)
CONFIG = $(DESTDIR)/etc/lastack/lastack.conf
page_to = $(TO)/share/man/man$(subst .,,$(suffix $(1)))/$(notdir $(1))
install: all manual
	install -D -m 0755 $(O)/lastack $(TO)/bin/lastack
	install -D -m 0644 -t $(TO)/share/doc/lastack README.md src/core/machine.md src/core/machine.svg
	install -D -m 0644 -t $(TO)/share/doc/lastack/examples packaging/lastack-namespaces.conf
	install -D -m 0644 -t $(TO)/share/lastack packaging/lastack.rules.yml
	install -D -m 0644 $(O)/lastack.bash $(TO)/share/bash-completion/completions/lastack
	install -D -m 0644 packaging/lastack.sysusers $(TO)/lib/sysusers.d/lastack.conf
	install -D -m 0644 packaging/lastack.service $(DESTDIR)$(UNITS)/lastack.service
	sed -i 's|/usr/bin/lastack |$(PREFIX)/bin/lastack |' $(DESTDIR)$(UNITS)/lastack.service
	$(foreach page,$(PAGES),install -D -m 0644 $(page) $(call page_to,$(page)) &&) true
	[ -e $(CONFIG) ] || install -D -m 0644 packaging/lastack.conf $(CONFIG)
	$(if $(DESTDIR),,@echo "as a service: systemd-sysusers && systemctl daemon-reload && systemctl enable --now lastack")
uninstall:
	rm -f $(TO)/bin/lastack $(TO)/share/bash-completion/completions/lastack $(TO)/lib/sysusers.d/lastack.conf
	rm -f $(DESTDIR)$(UNITS)/lastack.service $(foreach page,$(PAGES),$(call page_to,$(page)))
	rm -rf $(TO)/share/doc/lastack $(TO)/share/lastack
	! cmp -s packaging/lastack.conf $(CONFIG) || rm -f $(CONFIG)
	[ ! -e $(CONFIG) ] && rm -rf $(dir $(CONFIG)) || echo "left: $(CONFIG) was changed"

# A Debian package of this tree, made in a copy of it.
DEB = $(O)/deb/lastack-$(VERSION)
deb:
	rm -rf $(O)/deb && mkdir -p $(DEB)
	tar -c --exclude=./.git --exclude=./build --exclude=./$(O) . | tar -x -C $(DEB)
	cp -r packaging/debian $(DEB)/debian
	cd $(DEB) && env -u MAKEFLAGS -u MFLAGS DEB_BUILD_OPTIONS="nocheck noautodbgsym $(DEB_BUILD_OPTIONS)" dpkg-buildpackage -b -us -uc
	@ls $(O)/deb/*.deb
version:
	@echo $(VERSION)
clean:
	rm -rf $(O) compile_commands.json

# ---- Debian packages: to build and run; for tests and measurements also what they play with
PACKAGES := gcc clang llvm libbpf-dev libelf-dev libdw-dev zlib1g-dev nettle-dev bpftool iproute2 nftables libnftables-dev libcmocka-dev libjansson-dev \
	libsqlite3-dev libmicrohttpd-dev libinih-dev libseccomp-dev libcap-dev libsystemd-dev
ifneq ($(filter test% asan bench docs,$(MAKECMDGOALS)),)
PACKAGES += procps util-linux libcap2-bin kmod nginx-light redis-server redis-tools wrk curl libbpf-tools graphviz prometheus
endif
ifneq ($(filter test% memcheck,$(MAKECMDGOALS)),)
PACKAGES += strace valgrind
endif
ifneq ($(filter test% fuzz%,$(MAKECMDGOALS)),)
PACKAGES += libclang-rt-$(or $(shell apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-//p'),14)-dev
endif
ifneq ($(filter test% install deb,$(MAKECMDGOALS)),)
PACKAGES += scdoc
endif
ifneq ($(filter test% deb,$(MAKECMDGOALS)),)
PACKAGES += debhelper dpkg-dev fakeroot lintian man-db systemd
endif
ifneq ($(filter tidy cppcheck format,$(MAKECMDGOALS)),)
PACKAGES += cppcheck clang-tidy clang-format
endif
ifneq ($(filter test-kernels% test-systemd,$(MAKECMDGOALS)),)
PACKAGES += qemu-system-x86 busybox-static kmod xz-utils zstd lz4
endif
test-deps test-kernels-deps: deps
deps:
	@O=$(O) tests/deps.sh $(PACKAGES)

.PHONY: all docs manual run demo bench test test-build test-unit proofs test-packaging test-live test-system test-kernels \
	docs-kernels test-systemd test-deps test-kernels-deps check-programs asan tsan memcheck fuzz fuzz-short coverage format tidy cppcheck analyze install uninstall deb version clean deps
.DELETE_ON_ERROR:
.SECONDARY:
-include $(shell find $(O) -path '$(O)/deb' -prune -o -name '*.d' -type f -print 2>/dev/null)
