# SPDX-License-Identifier: GPL-2.0-only
# One makefile; everything it makes is under build/. V=1 shows the commands, DESTDIR and PREFIX as usual.

VERSION := 0.1.0
CC := gcc
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PREFIX ?= /usr/local
O := build
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

ARCH := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/; s/ppc64le/powerpc/; s/s390x/s390/; s/riscv64/riscv/')
CPPFLAGS += -D_GNU_SOURCE -DLASTACK_VERSION=$(VERSION) -Isrc -Iinclude -I$(O)
CFLAGS ?= -O2 -g
WARNINGS := -std=gnu17 -Wall -Wextra -Werror
SANITIZE := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
PLAIN_LIBS := -lsqlite3 -lmicrohttpd -linih -ljansson -lseccomp -lcap -lsystemd -lz -lnettle -lpthread
LDLIBS := -lbpf -lelf $(PLAIN_LIBS)

# src/kernel and src/verbs need libbpf; the rest does not, and is what the unit tests link.
PLAIN := $(wildcard src/core/*.c src/report/*.c src/store/*.c src/pipeline/*.c src/serve/*.c src/options*.c) src/kernel/snmp.c
SOURCES := $(sort $(PLAIN) $(wildcard src/kernel/*.c src/verbs/*.c)) src/main.c
PLAYERS := $(filter-out %/main.c %/demo.c,$(wildcard tests/live/*.c))
SYSTEM := $(wildcard tests/system/*.c)
UNIT := $(patsubst %.c,$(O)/%,$(wildcard tests/unit/test_*.c))
MODEL := $(filter-out tests/model/test_%,$(wildcard tests/model/*.c))
PROOFS := $(patsubst %.c,$(O)/%,$(wildcard tests/model/test_*.c))
UNIT_ASAN := $(UNIT:$(O)/%=$(O)/asan/%) $(O)/asan/tests/model/test_simulate
object = $(patsubst %.c,$(O)/$(1)%.o,$(2))

all: $(O)/lastack

# ---- the kernel side: object, then skeleton
$(O)/lastack.bpf.o: bpf/lastack.bpf.c Makefile
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -g -O2 -target bpf -D__TARGET_ARCH_$(ARCH) -Wall -Wextra -Werror -Wno-unused-parameter \
		-Ivmlinux -Iinclude -Ibpf -MMD -MP -c $< -o $@

$(O)/lastack.skel.h: $(O)/lastack.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name lastack_bpf > $@.part && mv $@.part $@

$(call object,,$(wildcard src/kernel/monitor*.c)): $(O)/lastack.skel.h

# ---- programs: plain and sanitised objects by the same rule
define compile
$(O)/$(1)%.o: %.c Makefile
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CPPFLAGS) $$(CFLAGS) $(2) $$(WARNINGS) -MMD -MP -c $$< -o $$@
endef
$(eval $(call compile,,))
$(eval $(call compile,asan/,$$(SANITIZE)))

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
$(O)/manual: $(call object,,$(filter-out src/main.c,$(SOURCES)) $(wildcard src/manual/*.c))
	$(call link,,$(LDLIBS))
$(O)/live: $(call object,,$(PLAYERS) tests/live/main.c)
	$(call link,,-ljansson -lm)
$(O)/demo: $(call object,,$(PLAYERS) tests/live/demo.c)
	$(call link,,-ljansson -lm)
$(O)/system: $(call object,,$(SYSTEM))
	$(call link,,-ljansson -lsqlite3 -lz)
$(O)/tiers: $(call object,,$(wildcard tests/kernels/*.c))
	$(call link,,-ljansson)
$(O)/bench: $(call object,,tests/bench/bench.c tests/bench/measure.c)
	$(call link,,-lbpf)
$(O)/bench_daemon: $(call object,,tests/bench/bench_daemon.c tests/bench/measure.c)
	$(call link,)
$(O)/bench_history: $(O)/tests/bench/bench_history.o $(call object,,$(PLAIN))
	$(call link,,$(PLAIN_LIBS))

# ---- the reference machine, told and drawn from its table; a test holds the committed files against it
DOCS := src/core/machine.md src/core/machine.svg
docs: all
	$(call say,DOCS,$(DOCS))
	$(Q)$(O)/lastack machine -o markdown > $(O)/machine.md
	$(Q)sed -i -e '/^<!-- lastack machine.*: begin/,/^<!-- lastack machine.*: end/{/: end/r $(O)/machine.md' -e 'd}' src/core/machine.md
	$(Q)$(O)/lastack machine -o dot | dot -Tsvg > $(O)/machine.svg && cp $(O)/machine.svg src/core/machine.svg

# ---- what people ask for
run: all
	$(O)/lastack live
demo: all $(O)/demo
	LASTACK=$(O)/lastack $(O)/demo
BENCHES := $(O)/bench $(O)/bench_daemon $(O)/bench_history
bench: all $(BENCHES)
	$(O)/bench
	$(O)/bench_daemon
	$(O)/bench_history
test-build: all $(UNIT) $(PROOFS) $(O)/live $(O)/demo $(O)/system $(BENCHES)
test: test-build
	O=$(O) tests/run.sh unit $(UNIT) $(PROOFS) -- system live
test-unit: $(UNIT)
	O=$(O) tests/run.sh unit $(UNIT)
proofs: $(PROOFS)
	O=$(O) tests/run.sh unit $(PROOFS)
test-live: all $(O)/live
	O=$(O) tests/run.sh live
test-system: all $(O)/system
	O=$(O) tests/run.sh system
test-kernels: all $(O)/tiers $(O)/system $(O)/live # boots virtual machines: minutes, so no part of test
	O=$(O) tests/kernels/matrix.sh
check-programs: all
	$(O)/lastack check --programs
asan: $(UNIT_ASAN)
	O=$(O) LASTACK_LIVES=100000 tests/run.sh unit $(UNIT_ASAN)

FORMATTED = $(shell git ls-files '*.c' '*.h')
format:
	clang-format -i $(FORMATTED)
tidy: compile_commands.json
	clang-tidy --quiet -p . $(filter-out src/kernel/monitor%,$(SOURCES))
	clang-tidy --quiet -p . --checks=-clang-analyzer-unix.Malloc $(wildcard src/kernel/monitor*.c) # in the skeleton
compile_commands.json: Makefile
	$(Q)for f in $(SOURCES); do printf '{"directory":"%s","file":"%s","command":"cc $(CPPFLAGS) $(WARNINGS) -c %s"}\n' \
		"$(CURDIR)" "$$f" "$$f"; done | sed '1s/^/[/; $$!s/$$/,/; $$s/$$/]/' > $@

install: all
	install -D -m 0755 $(O)/lastack $(DESTDIR)$(PREFIX)/bin/lastack
	install -D -m 0644 README.md $(DESTDIR)$(PREFIX)/share/doc/lastack/README.md
clean:
	rm -rf $(O) compile_commands.json

# ---- Debian packages: to build and run; for tests and measurements also what they play with
PACKAGES := gcc clang llvm libbpf-dev libelf-dev zlib1g-dev nettle-dev bpftool iproute2 nftables libcmocka-dev libjansson-dev \
	libsqlite3-dev libmicrohttpd-dev libinih-dev libseccomp-dev libcap-dev libsystemd-dev
ifneq ($(filter test% asan bench docs,$(MAKECMDGOALS)),)
PACKAGES += procps util-linux libcap2-bin kmod nginx-light redis-server redis-tools wrk curl libbpf-tools graphviz
endif
ifneq ($(filter test-kernels,$(MAKECMDGOALS)),)
PACKAGES += qemu-system-x86 busybox-static kmod xz-utils zstd
endif
test-deps: deps
deps:
	@O=$(O) tests/deps.sh $(PACKAGES)

.PHONY: all docs run demo bench test test-build test-unit proofs test-live test-system test-kernels test-deps check-programs asan format tidy install clean deps
.DELETE_ON_ERROR:
.SECONDARY:
-include $(shell find $(O) -name '*.d' 2>/dev/null)
