# SPDX-License-Identifier: GPL-2.0-only
# One makefile, everything it makes is under build/. V=1 shows the commands; DESTDIR and PREFIX as usual.

CC ?= gcc
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PREFIX ?= /usr/local
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

ARCH := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/; s/ppc64le/powerpc/; s/s390x/s390/; s/riscv64/riscv/')
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
CPPFLAGS += -D_GNU_SOURCE -DLASTACK_VERSION='"$(VERSION)"' -Isrc -Iinclude -Ibuild
CFLAGS ?= -O2 -g
WARNINGS := -std=gnu17 -Wall -Wextra -Werror
LDLIBS := -lbpf -lelf -lz -lnettle

# src/kernel and src/verbs (but for replay's part) need libbpf; the rest does not, and is what tests link.
PLAIN := $(wildcard src/core/*.c src/report/*.c src/store/*.c src/pipeline/*.c src/options*.c)
SOURCES := $(PLAIN) $(wildcard src/kernel/*.c src/verbs/*.c) src/main.c
LIVE := $(filter-out tests/live/demo.c tests/live/main.c,$(wildcard tests/live/*.c))
UNIT := $(patsubst %.c,build/%,$(wildcard tests/unit/test_*.c))
object = $(patsubst %.c,build/$(1)%.o,$(2))

all: build/lastack

build/lastack: $(call object,,$(SOURCES))
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# ---- the kernel side: object, then skeleton
build/lastack.bpf.o: bpf/lastack.bpf.c Makefile
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -g -O2 -target bpf -D__TARGET_ARCH_$(ARCH) -Wall -Wextra -Werror -Wno-unused-parameter \
		-Ivmlinux -Iinclude -Ibpf -MMD -MP -c $< -o $@

build/lastack.skel.h: build/lastack.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name lastack_bpf > $@.part && mv $@.part $@

$(call object,,$(wildcard src/kernel/monitor*.c)): build/lastack.skel.h

# ---- the same rule for plain, sanitised and fuzzed objects
define compile
build/$(1)%.o: %.c Makefile
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CPPFLAGS) $$(CFLAGS) $(2) $$(WARNINGS) -MMD -MP -c $$< -o $$@
endef
$(eval $(call compile,,))
$(eval $(call compile,asan/,-O1 -g -fno-omit-frame-pointer -fsanitize=address$(comma)undefined -fno-sanitize-recover=all))
comma := ,

# ---- tests
build/tests/unit/%: build/tests/unit/%.o $(call object,,$(PLAIN))
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -o $@ $^ -lcmocka -ljansson -lz -lnettle

build/asan/tests/unit/%: build/asan/tests/unit/%.o $(call object,asan/,$(PLAIN))
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -fsanitize=address,undefined -o $@ $^ -lcmocka -ljansson -lz -lnettle

build/tests/live/live: $(call object,,$(LIVE) tests/live/main.c)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -o $@ $^ -ljansson -lm

build/demo: $(call object,,$(LIVE) tests/live/demo.c)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -o $@ $^ -ljansson -lm

clean:
	$(Q)rm -rf build

.PHONY: all clean
.DELETE_ON_ERROR:
.SECONDARY:
-include $(shell find build -name '*.d' 2>/dev/null)
