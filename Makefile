# The front door: `make demo` and `make test` do all the set-up by themselves; `make help` lists the rest.
VERSION := 0.1.0
SONAME  := liblily_session.so.0

PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR     ?= $(PREFIX)/bin
DATADIR    ?= $(PREFIX)/share
DESTDIR    ?=
CC         ?= cc
STRIP      ?= strip
CFLAGS     ?= -O2 -g

BUILD := build
LIB   := $(BUILD)/lib/liblily_session.so
STATIC_LIB := $(BUILD)/lib/liblily_session.a
TOOL  := $(BUILD)/bin/lily-session

# Swift's clang shares its sanitizer runtimes with swiftc.
SWIFT_BIN   := $(dir $(shell readlink -f "$$(command -v swift)"))
SWIFT_CLANG := $(SWIFT_BIN)clang

# Of every build. lld keeps text and read-only data apart, and functions that are the same only once (--icf). What is loaded is bound at once and then read-only, as distributions want
# it; DWARF 4 is what their tools read. The last two lines are for builds that are the same in every directory.
SWIFT_FLAGS := --disable-local-rpath -Xswiftc -use-ld=lld -Xcc -gdwarf-4 -Xswiftc -dwarf-version=4 -Xcc -fstack-protector-strong \
  -Xlinker -z -Xlinker now -Xlinker -z -Xlinker relro -Xlinker -z -Xlinker noexecstack -Xlinker --as-needed -Xlinker --icf=all \
  -Xswiftc -file-prefix-map -Xswiftc '$(CURDIR)=.' -Xcc '-ffile-prefix-map=$(CURDIR)=.' -Xswiftc -file-compilation-dir -Xswiftc . \
  -Xswiftc -Xfrontend -Xswiftc -no-clang-module-breadcrumbs -Xswiftc -Xfrontend -Xswiftc -disable-incremental-llvm-codegen

# What the processor may check of jumps and returns. On x86-64 the compiler has each function that is called through a pointer begin with
# a landing pad, Swift's and C's, and nothing in the library plays with return addresses. Whether the linker notes the landing pads (IBT) is
# the C library's start files' doing: it does so where they have them, too. On arm64 the functions of the Swift runtime that 6.3 compiles in
# get no landing pads, so there are signed return addresses alone.
CONTROL_FLOW_x86_64  := -Xcc -fcf-protection=full -Xlinker -z -Xlinker shstk
CONTROL_FLOW_aarch64 := -Xcc -mbranch-protection=pac-ret

# The library is Embedded Swift. The version script hides the copy of the Swift runtime inside, which would otherwise take the
# place of a Swift host's own. The compiler writes what both modules use twice; a section for each function lets the linker drop
# what nothing calls. Exclusivity is checked at run time in the tests of full Swift; here the check would end the host, and cost a
# tenth of an update.
SWIFT_BUILD := swift build -c release --traits Embedded --product lily_session $(SWIFT_FLAGS) \
  -Xswiftc -Xfrontend -Xswiftc -function-sections -Xswiftc -enforce-exclusivity=unchecked -Xcc -fvisibility=hidden \
  $(CONTROL_FLOW_$(shell uname -m)) -Xlinker -soname=$(SONAME) -Xlinker '--version-script=$(CURDIR)/Sources/LilySessionC/exports.map'

COMMA := ,

SOURCES := Package.swift Makefile include/lily_session.h $(shell find Sources -type f)

.PHONY: all
all: $(LIB) $(STATIC_LIB)

.PHONY: help
help:
	@echo 'make            build the shared and the static library into $(BUILD)/lib'
	@echo 'make tool       build the command lily-session into $(BUILD)/bin'
	@echo 'make demo       a shop whose session survives kill -9'
	@echo 'make test       every test (about ten minutes)'
	@echo 'make check      every test at length, with a table of what was tried (about an hour)'
	@echo 'make bench      every benchmark, into docs/performance.md (three to five minutes)'
	@echo 'make docs       the documentation as a site, into $(BUILD)/docs'
	@echo 'scripts/test SUITE…  some of the tests'
	@echo 'make install    DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) LIBDIR=$(LIBDIR) INCLUDEDIR=$(INCLUDEDIR) DATADIR=$(DATADIR)'
	@echo 'make install-tool  likewise, with BINDIR=$(BINDIR)'
	@echo 'make test-browser  what the command exchanges with a browser, with one'
	@echo 'make dist       the source as a tarball, into $(BUILD)/dist'
	@echo 'make deb        the Debian packages, into $(BUILD)/deb'
	@echo 'make rpm        the RPM packages, into $(BUILD)/rpm'
	@echo 'make wheel      the Python package, a wheel with the library inside and an sdist, into $(BUILD)/wheels'
	@echo 'make clean'

.PHONY: bootstrap
bootstrap:
	@scripts/bootstrap

# $(call library,scratch path,folder,extra flags): builds, and lays the file out with its links as installed.
define library
	$(SWIFT_BUILD) --scratch-path $(1) $(3)
	mkdir -p $(2)
	cp "$$($(SWIFT_BUILD) --scratch-path $(1) $(3) --show-bin-path)/liblily_session.so" $(2)/liblily_session.so.$(VERSION).new
	mv $(2)/liblily_session.so.$(VERSION).new $(2)/liblily_session.so.$(VERSION)
	ln -sf liblily_session.so.$(VERSION) $(2)/$(SONAME)
	ln -sf $(SONAME) $(2)/liblily_session.so
	touch $(2)/liblily_session.so.$(VERSION)
endef

$(LIB): $(SOURCES)
	$(call library,.build-embedded,$(BUILD)/lib,-Xlinker -z -Xlinker defs)

# Of the same objects, as one, in which only what the header declares is visible. A program links libjansson too.
$(STATIC_LIB): $(LIB)
	$(SWIFT_BIN)ld.lld -r -o $(BUILD)/lib/lily_session.o \
	  $(foreach module,CPlatform LilySession LilySessionC,.build-embedded/release/$(module).build/*.o) \
	  -L$$(dirname $(SWIFT_BIN))/lib/swift/embedded/$$(uname -m)-unknown-linux-gnu -lswiftUnicodeDataTables
	objcopy --wildcard --keep-global-symbol='lily_session_*' $(BUILD)/lib/lily_session.o
	rm -f $@
	ar rcsD $@ $(BUILD)/lib/lily_session.o
	rm $(BUILD)/lib/lily_session.o

# The same with AddressSanitizer in every line, the standard library's included, and with the counters that the fuzzer looks at: other
# programs have no use for them, and one build serves all. The sanitizer's runtime comes with the program.
$(BUILD)/asan/liblily_session.so: $(SOURCES)
	$(call library,.build-asan,$(BUILD)/asan,--sanitize address -Xswiftc -sanitize-coverage=edge$(COMMA)trace-cmp$(COMMA)inline-8bit-counters$(COMMA)pc-table)

.PHONY: install
install: $(LIB) $(STATIC_LIB)
	install -d '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(LIBDIR)/cmake/lily_session' '$(DESTDIR)$(INCLUDEDIR)' \
	  '$(DESTDIR)$(DATADIR)/man/man3' '$(DESTDIR)$(DATADIR)/man/man5'
	install -m 755 $(BUILD)/lib/liblily_session.so.$(VERSION) '$(DESTDIR)$(LIBDIR)'
	$(STRIP) --strip-unneeded '$(DESTDIR)$(LIBDIR)/liblily_session.so.$(VERSION)'
	ln -sf liblily_session.so.$(VERSION) '$(DESTDIR)$(LIBDIR)/$(SONAME)'
	ln -sf $(SONAME) '$(DESTDIR)$(LIBDIR)/liblily_session.so'
	install -m 644 $(STATIC_LIB) '$(DESTDIR)$(LIBDIR)'
	$(STRIP) --strip-debug '$(DESTDIR)$(LIBDIR)/liblily_session.a'
	install -m 644 include/lily_session.h include/lily_session.hpp '$(DESTDIR)$(INCLUDEDIR)'
	install -m 644 docs/man/lily_session.3 '$(DESTDIR)$(DATADIR)/man/man3'
	install -m 644 docs/man/lily-session.jsonl.5 '$(DESTDIR)$(DATADIR)/man/man5'
	$(call filled,packaging/lily_session.pc.in,pkgconfig/lily_session.pc)
	$(call filled,packaging/cmake/lily_session-config.cmake.in,cmake/lily_session/lily_session-config.cmake)
	$(call filled,packaging/cmake/lily_session-config-version.cmake.in,cmake/lily_session/lily_session-config-version.cmake)

# $(call filled,template,place in LIBDIR)
define filled
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@VERSION@|$(VERSION)|' \
	  -e 's|@SONAME@|$(SONAME)|' -e "s|@INCLUDEDIR_FROM_LIBDIR@|$$(realpath -m --relative-to='$(LIBDIR)' '$(INCLUDEDIR)')|" \
	  $(1) > '$(DESTDIR)$(LIBDIR)/$(2)'
endef

# ---- the command

# The command is full Swift, built from the library's sources, and has the Swift runtime in itself: some 15 MB, most of it what the
# argument parser uses of Foundation.
TOOL_BUILD := swift build -c release --package-path tools/lily-session --scratch-path .build-tool --static-swift-stdlib $(SWIFT_FLAGS)

$(TOOL): $(SOURCES) $(shell find tools/lily-session/Sources tools/lily-session/Package.swift -type f)
	$(TOOL_BUILD)
	mkdir -p $(BUILD)/bin
	cp .build-tool/release/lily-session $(TOOL).new
	$(STRIP) $(TOOL).new
	for shell in bash zsh fish; do $(TOOL).new --generate-completion-script $$shell > $(BUILD)/bin/completion.$$shell || exit 1; done
	mv $(TOOL).new $(TOOL)

.PHONY: tool
tool: bootstrap $(TOOL)

# Not a part of `install`: who packages the library alone does not want it.
.PHONY: install-tool
install-tool: $(TOOL)
	install -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(DATADIR)/man/man1' '$(DESTDIR)$(DATADIR)/bash-completion/completions' \
	  '$(DESTDIR)$(DATADIR)/zsh/site-functions' '$(DESTDIR)$(DATADIR)/fish/vendor_completions.d'
	install -m 755 $(TOOL) '$(DESTDIR)$(BINDIR)'
	install -m 644 tools/lily-session/lily-session.1 '$(DESTDIR)$(DATADIR)/man/man1'
	install -m 644 $(BUILD)/bin/completion.bash '$(DESTDIR)$(DATADIR)/bash-completion/completions/lily-session'
	install -m 644 $(BUILD)/bin/completion.zsh '$(DESTDIR)$(DATADIR)/zsh/site-functions/_lily-session'
	install -m 644 $(BUILD)/bin/completion.fish '$(DESTDIR)$(DATADIR)/fish/vendor_completions.d/lily-session.fish'

.PHONY: test-browser
test-browser: $(LIB) $(TOOL)
	@scripts/bootstrap test
	@Tests/tool/browser/run

# ---- packages

.PHONY: dist
dist:
	packaging/dist

.PHONY: deb
deb:
	@scripts/bootstrap deb
	packaging/build-deb

.PHONY: rpm
rpm:
	@scripts/bootstrap rpm
	packaging/build-rpm

.PHONY: wheel
wheel:
	@scripts/bootstrap wheel
	packaging/build-wheel

.PHONY: docs
docs:
	@scripts/bootstrap docs
	@docs/build

.PHONY: demo
demo: bootstrap
	@mkdir -p $(BUILD)
	@$(MAKE) --no-print-directory $(LIB) >$(BUILD)/demo.log 2>&1 || { cat $(BUILD)/demo.log; exit 1; }
	@$(MAKE) --no-print-directory $(TOOL) >$(BUILD)/demo-tool.log 2>&1 || echo 'The command lily-session could not be built, so the demo ends without it: see $(BUILD)/demo-tool.log'
	@examples/demo

.PHONY: test
test: bootstrap
	@scripts/test

.PHONY: check
check: bootstrap
	@scripts/test --long

.PHONY: bench
bench:
	@scripts/bootstrap bench
	@$(MAKE) --no-print-directory $(LIB)
	@$(MAKE) --no-print-directory -C bench
	@bench/run

.PHONY: clean
clean:
	rm -rf bindings/python/build bindings/python/src/*.egg-info
	rm -rf $(BUILD) .build-embedded .build-asan .build-full .build-tool
