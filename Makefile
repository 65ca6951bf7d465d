# Start here: `make demo` and `make test` set everything up themselves, and `make help` lists all targets.
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
TOOL  := $(BUILD)/bin/lily-session

# The toolchain is the one of the swiftc on PATH: on Debian another program has the name swift. Swift's clang shares its sanitizer runtimes with
# swiftc.
SWIFT_BIN   := $(dir $(shell readlink -f "$$(command -v swiftc)"))
SWIFTC      := $(SWIFT_BIN)swiftc
SWIFT_CLANG := $(SWIFT_BIN)clang

# The folder of the sources in debug information. This one makes builds the same in every directory. RPM wants the real one, which it replaces.
SOURCES_SEEN_AS ?= .

# The flags of every build. lld separates code from read-only data, and keeps one copy of equal functions (--icf). Distributions want the
# library bound when it is loaded and read-only after that, and their tools read DWARF 4. The last two lines make builds the same in every
# directory.
SWIFT_FLAGS := --disable-local-rpath -Xswiftc -use-ld=lld -Xcc -gdwarf-4 -Xswiftc -dwarf-version=4 -Xcc -fstack-protector-strong \
  -Xlinker -z -Xlinker now -Xlinker -z -Xlinker relro -Xlinker -z -Xlinker noexecstack -Xlinker --as-needed -Xlinker --icf=all \
  -Xswiftc -file-prefix-map -Xswiftc '$(CURDIR)=$(SOURCES_SEEN_AS)' -Xcc '-ffile-prefix-map=$(CURDIR)=$(SOURCES_SEEN_AS)' -Xswiftc -file-compilation-dir -Xswiftc '$(SOURCES_SEEN_AS)' \
  -Xswiftc -Xfrontend -Xswiftc -no-clang-module-breadcrumbs -Xswiftc -Xfrontend -Xswiftc -disable-incremental-llvm-codegen

.DEFAULT_GOAL := all
include scripts/library.mk

SOURCES := Package.swift Makefile scripts/library.mk include/lily_session.h $(shell find Sources -type f)

.PHONY: all
all: $(LIB) $(STATIC_LIB)

.PHONY: help
help:
	@echo 'make               builds the shared and the static library into $(BUILD)/lib'
	@echo 'make ARCH=…        builds for amd64, arm64 or riscv64, also with LIBC=musl; scripts/bootstrap cross installs what that takes'
	@echo 'make tool          builds the command lily-session into $(BUILD)/bin'
	@echo 'make demo          runs a shop whose session survives kill -9'
	@echo 'make test          runs the tests, which takes about eight minutes on two processors'
	@echo 'make check         runs every test for longer, for hours, and prints a table of what was tried'
	@echo 'scripts/test SUITE…  runs some of the tests'
	@echo 'make coverage      says which part of the sources the Swift and the C tests run, in about ten minutes'
	@echo 'make bench         runs every benchmark, in six to ten minutes, and writes docs/performance.md'
	@echo 'make docs          makes the documentation as a site, in $(BUILD)/docs'
	@echo 'make install       installs the library. DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) LIBDIR=$(LIBDIR) INCLUDEDIR=$(INCLUDEDIR) DATADIR=$(DATADIR)'
	@echo 'make uninstall     removes what the targets that install have put into the same folders'
	@echo 'make redis         builds the library for Redis and Valkey, which needs hiredis and OpenSSL; make install-redis installs it'
	@echo 'make install-tool  installs the command. DESTDIR=$(DESTDIR) BINDIR=$(BINDIR) DATADIR=$(DATADIR)'
	@echo 'make test-browser  tests what the command exchanges with a browser, with Chromium'
	@echo 'make dist          packs the source as a tarball into $(BUILD)/dist'
	@echo 'make deb           builds the Debian packages into $(BUILD)/deb, also with ARCH=…'
	@echo 'make rpm           builds the RPM packages into $(BUILD)/rpm'
	@echo 'make wheel         builds the Python wheel, with the library inside, and the sdist into $(BUILD)/wheels, also with ARCH=…, LIBC=… and FREE_THREADED=1'
	@echo 'make release       builds everything that is published, with its sums and the signature of KEY=FILE, into $(BUILD)/release; PARTS, TARGETS'
	@echo 'make clean         deletes everything that was built'

.PHONY: bootstrap
bootstrap:
	@scripts/bootstrap

# The suites c-asan, fuzz and cpp ask for the library with AddressSanitizer, and the suites threads and redis for those with ThreadSanitizer.
ifndef SANITIZE
$(BUILD)/asan/%.so: $(SOURCES)
	$(MAKE) --no-print-directory SANITIZE=address $@
$(BUILD)/tsan/%.so: $(SOURCES)
	$(MAKE) --no-print-directory SANITIZE=thread $@
endif

# ---- the library for Redis

.PHONY: redis
redis: bootstrap
	@scripts/bootstrap redis
	@$(MAKE) --no-print-directory $(REDIS_LIB)

# This is not a part of `install`, because only who asks for this library needs what it needs.
.PHONY: install-redis
install-redis: places $(REDIS_LIB)
	install -d '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(LIBDIR)/cmake/lily_session_redis' '$(DESTDIR)$(INCLUDEDIR)' '$(DESTDIR)$(DATADIR)/man/man3'
	install -m 755 $(REDIS_LIB).$(VERSION) '$(DESTDIR)$(LIBDIR)'
	$(STRIP) --strip-unneeded '$(DESTDIR)$(LIBDIR)/liblily_session_redis.so.$(VERSION)'
	ln -sf liblily_session_redis.so.$(VERSION) '$(DESTDIR)$(LIBDIR)/$(REDIS_SONAME)'
	ln -sf $(REDIS_SONAME) '$(DESTDIR)$(LIBDIR)/liblily_session_redis.so'
	install -m 644 include/lily_session_redis.h include/lily_session_redis.hpp '$(DESTDIR)$(INCLUDEDIR)'
	scripts/manual-pages include/lily_session_redis.h '$(DESTDIR)$(DATADIR)/man/man3'
	install -m 644 docs/man/lily_session_redis.3 '$(DESTDIR)$(DATADIR)/man/man3'
	$(call filled,packaging/lily_session_redis.pc.in,pkgconfig/lily_session_redis.pc)
	$(call filled,packaging/cmake/lily_session_redis-config.cmake.in,cmake/lily_session_redis/lily_session_redis-config.cmake)
	$(call filled,packaging/cmake/lily_session-config-version.cmake.in,cmake/lily_session_redis/lily_session_redis-config-version.cmake)

# The folders are written into files that other programs read, so their names must mean the same there. And nothing is to be written outside
# DESTDIR. What is refused has not been given to a shell yet.
.PHONY: places
places: export DESTDIR := $(DESTDIR)
places: export PREFIX := $(PREFIX)
places: export LIBDIR := $(LIBDIR)
places: export INCLUDEDIR := $(INCLUDEDIR)
places: export BINDIR := $(BINDIR)
places: export DATADIR := $(DATADIR)
places:
	@scripts/check-places

.PHONY: install
install: places $(LIB) $(STATIC_LIB)
	install -d '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(LIBDIR)/cmake/lily_session' '$(DESTDIR)$(INCLUDEDIR)' \
	  '$(DESTDIR)$(DATADIR)/man/man3' '$(DESTDIR)$(DATADIR)/man/man5'
	install -m 755 $(LIB).$(VERSION) '$(DESTDIR)$(LIBDIR)'
	$(STRIP) --strip-unneeded '$(DESTDIR)$(LIBDIR)/liblily_session.so.$(VERSION)'
	ln -sf liblily_session.so.$(VERSION) '$(DESTDIR)$(LIBDIR)/$(SONAME)'
	ln -sf $(SONAME) '$(DESTDIR)$(LIBDIR)/liblily_session.so'
	install -m 644 $(STATIC_LIB) '$(DESTDIR)$(LIBDIR)'
	$(STRIP) --strip-debug '$(DESTDIR)$(LIBDIR)/liblily_session.a'
	install -m 644 include/lily_session.h include/lily_session.hpp include/lily_session_nlohmann.hpp '$(DESTDIR)$(INCLUDEDIR)'
	scripts/manual-pages include/lily_session.h '$(DESTDIR)$(DATADIR)/man/man3'
	install -m 644 docs/man/lily_session.3 '$(DESTDIR)$(DATADIR)/man/man3'
	install -m 644 docs/man/lily-session.jsonl.5 '$(DESTDIR)$(DATADIR)/man/man5'
	$(call filled,packaging/lily_session.pc.in,pkgconfig/lily_session.pc)
	$(call filled,packaging/cmake/lily_session-config.cmake.in,cmake/lily_session/lily_session-config.cmake)
	$(call filled,packaging/cmake/lily_session-config-version.cmake.in,cmake/lily_session/lily_session-config-version.cmake)

# Removes what `install`, `install-redis` and `install-tool` have put into the same folders, and the folders that are the library's own. Other
# folders stay, because others may use them.
.PHONY: uninstall
uninstall: places
	rm -f '$(DESTDIR)$(LIBDIR)'/liblily_session.so '$(DESTDIR)$(LIBDIR)'/liblily_session.so.[0-9]* '$(DESTDIR)$(LIBDIR)'/liblily_session.a '$(DESTDIR)$(LIBDIR)'/liblily_session_bundled.a \
	  '$(DESTDIR)$(LIBDIR)'/liblily_session_redis.so '$(DESTDIR)$(LIBDIR)'/liblily_session_redis.so.[0-9]* \
	  '$(DESTDIR)$(LIBDIR)'/pkgconfig/lily_session.pc '$(DESTDIR)$(LIBDIR)'/pkgconfig/lily_session_bundled.pc '$(DESTDIR)$(LIBDIR)'/pkgconfig/lily_session_redis.pc \
	  '$(DESTDIR)$(INCLUDEDIR)'/lily_session.h '$(DESTDIR)$(INCLUDEDIR)'/lily_session.hpp '$(DESTDIR)$(INCLUDEDIR)'/lily_session_nlohmann.hpp \
	  '$(DESTDIR)$(INCLUDEDIR)'/lily_session_redis.h '$(DESTDIR)$(INCLUDEDIR)'/lily_session_redis.hpp \
	  '$(DESTDIR)$(DATADIR)'/man/man3/lily_session.3 '$(DESTDIR)$(DATADIR)'/man/man3/lily_session_*.3 '$(DESTDIR)$(DATADIR)'/man/man5/lily-session.jsonl.5 \
	  '$(DESTDIR)$(BINDIR)'/lily-session '$(DESTDIR)$(DATADIR)'/man/man1/lily-session.1 \
	  '$(DESTDIR)$(DATADIR)'/bash-completion/completions/lily-session '$(DESTDIR)$(DATADIR)'/zsh/site-functions/_lily-session \
	  '$(DESTDIR)$(DATADIR)'/fish/vendor_completions.d/lily-session.fish
	rm -rf '$(DESTDIR)$(LIBDIR)/cmake/lily_session' '$(DESTDIR)$(LIBDIR)/cmake/lily_session_redis'

# What a release has beside that: the static library with libjansson inside.
.PHONY: install-bundled
install-bundled: install $(BUNDLED_LIB)
	install -m 644 $(BUNDLED_LIB) '$(DESTDIR)$(LIBDIR)'
	$(STRIP) --strip-debug '$(DESTDIR)$(LIBDIR)/liblily_session_bundled.a'
	$(call filled,packaging/lily_session_bundled.pc.in,pkgconfig/lily_session_bundled.pc)

# $(call filled,template,place in LIBDIR): fills in a template and installs it.
define filled
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@VERSION@|$(VERSION)|' \
	  -e 's|@SONAME@|$(SONAME)|' -e 's|@REDIS_SONAME@|$(REDIS_SONAME)|' -e "s|@INCLUDEDIR_FROM_LIBDIR@|$$(realpath -m --relative-to='$(LIBDIR)' '$(INCLUDEDIR)')|" \
	  $(1) > '$(DESTDIR)$(LIBDIR)/$(2)'
endef

# ---- the command

# The command is full Swift, built from the library's sources. It contains the Swift runtime, about 15 MB, most of which is the part of
# Foundation that the argument parser uses.
# If hiredis and OpenSSL are installed, it can use stores in Redis and Valkey. `make tool LILY_SESSION_WITH_REDIS=` builds it without that.
LILY_SESSION_WITH_REDIS ?= $(shell pkg-config --exists hiredis openssl && echo 1)
TOOL_BUILD := LILY_SESSION_WITH_REDIS=$(LILY_SESSION_WITH_REDIS) $(SWIFT_BIN)swift build -c release --package-path tools/lily-session --product lily-session --static-swift-stdlib $(SWIFT_FLAGS)
TOOL_SOURCES := $(SOURCES) $(shell find tools/lily-session/Sources tools/lily-session/Package.swift -type f)
TOOL_SCRATCH := .build-tool

# The tests set this in the environment, because the command is then built in a third of the time.
ifdef LILY_SESSION_UNOPTIMISED
TOOL := $(BUILD)/unoptimised/lily-session
TOOL_SCRATCH := .build-tool-unoptimised
TOOL_BUILD += --disable-index-store -Xswiftc -Onone -Xswiftc -gnone -Xswiftc -no-emit-module-separately-wmo
endif

$(TOOL): $(TOOL_SOURCES)
	$(TOOL_BUILD) --scratch-path $(TOOL_SCRATCH)
	mkdir -p $(@D)
	cp $(TOOL_SCRATCH)/release/lily-session $@.new
	$(STRIP) $@.new
	for shell in bash zsh fish; do $@.new --generate-completion-script $$shell > $(@D)/completion.$$shell || exit 1; done
	mv $@.new $@

.PHONY: tool
tool: bootstrap $(TOOL)

# This is not a part of `install`, because a package of the library alone does not have the command.
.PHONY: install-tool
install-tool: places $(TOOL)
	install -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(DATADIR)/man/man1' '$(DESTDIR)$(DATADIR)/bash-completion/completions' \
	  '$(DESTDIR)$(DATADIR)/zsh/site-functions' '$(DESTDIR)$(DATADIR)/fish/vendor_completions.d'
	install -m 755 $(TOOL) '$(DESTDIR)$(BINDIR)'
	install -m 644 tools/lily-session/lily-session.1 '$(DESTDIR)$(DATADIR)/man/man1'
	install -m 644 $(dir $(TOOL))completion.bash '$(DESTDIR)$(DATADIR)/bash-completion/completions/lily-session'
	install -m 644 $(dir $(TOOL))completion.zsh '$(DESTDIR)$(DATADIR)/zsh/site-functions/_lily-session'
	install -m 644 $(dir $(TOOL))completion.fish '$(DESTDIR)$(DATADIR)/fish/vendor_completions.d/lily-session.fish'

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
	$(if $(IS_OWN),,DEB_BUILD_OPTIONS=nocheck DEB_BUILD_PROFILES='cross nocheck') packaging/build-deb $(if $(IS_OWN),,-b -a$(ARCH))

.PHONY: rpm
rpm:
	@scripts/bootstrap rpm
	packaging/build-rpm

.PHONY: wheel
wheel:
	@scripts/bootstrap wheel
	packaging/build-wheel $(if $(IS_OWN),,$(ARCH) $(LIBC)) $(if $(FREE_THREADED),free-threaded)

# What is published: PARTS of it for TARGETS, signed with minisign's secret KEY.
PARTS   ?= source tarballs debs rpms wheels crates docs
TARGETS ?= amd64-glibc arm64-glibc riscv64-glibc amd64-musl arm64-musl
KEY     ?=
.PHONY: release
release: bootstrap
	@scripts/bootstrap release
	@$(if $(filter-out $(OWN_ARCH)-$(OWN_LIBC),$(TARGETS)),scripts/bootstrap cross)
	@PARTS='$(PARTS)' TARGETS='$(TARGETS)' KEY='$(KEY)' packaging/build-release

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

.PHONY: coverage
coverage: bootstrap
	@scripts/bootstrap test
	@scripts/coverage

.PHONY: bench
bench:
	@scripts/bootstrap bench
	@$(MAKE) --no-print-directory $(LIB) $(REDIS_LIB)
	@$(MAKE) --no-print-directory -C bench
	@bench/run

.PHONY: clean
clean:
	rm -rf bindings/python/build bindings/python/src/*.egg-info
	rm -rf $(BUILD) .sysroots .build-coverage .build-full .build-tool .build-tool-unoptimised
