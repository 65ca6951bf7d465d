# How the libraries are compiled and linked, for every machine: the Makefile includes this.
#
#   ARCH     amd64, arm64 or riscv64; by default that of the compiler
#   LIBC     glibc or musl; by default that of the compiler
#   SANITIZE address or thread: into build/asan or build/tsan
#   GLIBC    the newest glibc that the library may need, such as 2.28, if that is to be an older one than that of the machine that builds
#   POSIX    1: uses only what POSIX has, and nothing that only Linux has
#   CC       the C compiler, which also links: for another machine TRIPLET-gcc, for musl the sysroot's musl-gcc
#   CFLAGS, CPPFLAGS, LDFLAGS  for the C sources and the linker
#   SYSROOT  a folder with the machine's libjansson, in include and lib. If it is empty, PKG_CONFIG finds libjansson. By default
#            scripts/sysroot makes one for another machine than this one.

ifeq ($(origin CC),default)
CC := cc
endif
MACHINES := amd64=x86_64 arm64=aarch64 riscv64=riscv64
OWN_MACHINE := $(shell $(CC) -dumpmachine)
OWN_ARCH := $(patsubst %=$(firstword $(subst -, ,$(OWN_MACHINE))),%,$(filter %=$(firstword $(subst -, ,$(OWN_MACHINE))),$(MACHINES)))
OWN_LIBC := $(if $(findstring musl,$(OWN_MACHINE)),musl,glibc)
ARCH  ?= $(OWN_ARCH)
LIBC  ?= $(OWN_LIBC)
POSIX ?=
MACHINE := $(patsubst $(ARCH)=%,%,$(filter $(ARCH)=%,$(MACHINES)))
ifeq ($(MACHINE),)
$(error ARCH is '$(ARCH)': the library is for amd64, arm64 and riscv64 (docs/platforms.md))
endif
ifeq ($(filter $(LIBC),glibc musl),)
$(error LIBC is '$(LIBC)': the library is for glibc and musl (docs/platforms.md))
endif

# What is built for the machine itself is in build. Each other target has a folder in it.
IS_OWN := $(filter $(OWN_ARCH)-$(OWN_LIBC),$(ARCH)-$(LIBC))
TARGET := $(if $(IS_OWN),,$(ARCH)-$(LIBC))$(if $(POSIX),$(if $(IS_OWN),,-)posix)
OUT    := $(BUILD)$(if $(TARGET),/$(TARGET))
LIB         = $(OUT)/lib/liblily_session.so
STATIC_LIB  = $(OUT)/lib/liblily_session.a

# A sanitizer is in every line of the library, also in its copy of the standard library. The program brings the sanitizer's runtime, which
# has to be that of Swift's clang. The fuzzer's counters are in it, too: other programs ignore them, so that one build is enough.
ifdef SANITIZE
OUT := $(BUILD)/$(if $(filter address,$(SANITIZE)),asan,tsan)
LIB := $(OUT)/liblily_session.so
CC  := $(SWIFT_CLANG)
EXTRA_SWIFTFLAGS := -sanitize=$(SANITIZE)
EXTRA_CFLAGS     := -fsanitize=$(SANITIZE) -U_FORTIFY_SOURCE
ifeq ($(SANITIZE),address)
EXTRA_SWIFTFLAGS += -sanitize-coverage=edge,trace-cmp,inline-8bit-counters,pc-table
EXTRA_CFLAGS     += -fsanitize-coverage=edge,trace-cmp,inline-8bit-counters,pc-table
endif
endif

OBJECTS := $(OUT)/objects

# The same objects are linked, with libraries that have only what that glibc had. What a release has for users is linked so with this one: older
# ones have no statx.
OLDEST_GLIBC := 2.28
GLIBC ?=
ifneq ($(GLIBC),)
OUT       := $(OUT)/glibc-$(GLIBC)
OLD_GLIBC := .sysroots/$(ARCH)-glibc-$(GLIBC)
OLD_GLIBC_LIBS := -nodefaultlibs -L$(OLD_GLIBC) -l:libc.so.6 -l:libld.so.2 -l:libpthread.so.0 -l:libc_nonshared.a -lgcc
$(LIB): $(OLD_GLIBC)/libc.so.6
$(OLD_GLIBC)/libc.so.6:
	scripts/old-glibc $(@D) $(MACHINE) $(GLIBC)
endif

ifneq ($(IS_OWN),)
SYSROOT ?=
else
TRIPLET := $(MACHINE)-linux-gnu
ifeq ($(origin SYSROOT),undefined)
SYSROOT := .sysroots/$(ARCH)-$(LIBC)
NEEDS_SYSROOT := $(SYSROOT)/lib/libjansson.so
endif
CC      := $(if $(filter musl,$(LIBC)),$(SYSROOT)/bin/musl-gcc,$(TRIPLET)-gcc)
STRIP   := $(TRIPLET)-strip
OBJCOPY := $(TRIPLET)-objcopy
NM      := $(TRIPLET)-nm
endif
OBJCOPY ?= objcopy
NM      ?= nm
PKG_CONFIG ?= pkg-config
JANSSON_CFLAGS ?= $(if $(SYSROOT),-isystem $(SYSROOT)/include,$(shell $(PKG_CONFIG) --cflags jansson))
JANSSON_LIBS   ?= $(if $(SYSROOT),-L$(SYSROOT)/lib -ljansson,$(shell $(PKG_CONFIG) --libs jansson))

# Swift has a standard library for Linux only for the machine of its toolchain, and one without any system for all. Embedded Swift needs
# nothing of the system from either. What Swift imports of C is that of the target's Linux in any case.
SWIFT_EMBEDDED := $(abspath $(SWIFT_BIN)/../lib/swift/embedded)
SWIFT_TRIPLE   := $(notdir $(firstword $(wildcard $(SWIFT_EMBEDDED)/$(MACHINE)-unknown-linux-gnu $(SWIFT_EMBEDDED)/$(MACHINE)-none-none-e*)))
CLANG_TRIPLE   := $(MACHINE)-unknown-linux-$(if $(filter musl,$(LIBC)),musl,gnu)
# For another target the C compiler knows where the headers are. Its own, such as stddef.h, are not for another compiler.
ifeq ($(IS_OWN),)
C_HEADERS_FLAGS = -nostdlibinc $(patsubst %,-isystem %,$(shell $(CC) -xc -E -v /dev/null 2>&1 | sed -n '/^\#include </,/^End/s/^ //p' | \
  xargs -r realpath | grep -v '/lib/gcc\|/lib/clang/'))
endif

# These flags let the processor check jumps and returns. On x86-64 each function that is called through a pointer, Swift's and C's, begins
# with a landing pad, and nothing in the library changes return addresses. The linker notes the landing pads (IBT) only if the start files of
# the C library have them, too. On arm64 only return addresses are signed, because Swift 6.3 compiles functions of its runtime in without
# landing pads. On riscv64 there is nothing of the kind yet.
CONTROL_FLOW_amd64   := -fcf-protection=full
CONTROL_FLOW_arm64   := -mbranch-protection=pac-ret
CONTROL_FLOW_riscv64 :=
CONTROL_FLOW := $(CONTROL_FLOW_$(ARCH))

# What is not in POSIX is not even declared then.
POSIX_FLAGS := $(if $(POSIX),-DPLATFORM_POSIX -D_XOPEN_SOURCE=700)

# The C sources, as a distribution compiles them: what it asks for comes last. Its flags for plug-ins and for optimisation at the link are
# for its compiler alone, and do not fit Swift's objects.
KEPT_FLAGS = $(filter-out -flto% -fplugin%,$(CPPFLAGS) $(CFLAGS))
C_FLAGS = -std=$(if $(POSIX),c11,gnu11) -fPIC -fvisibility=hidden -ffunction-sections -fstack-protector-strong -gdwarf-4 -D_FORTIFY_SOURCE=2 \
  $(CONTROL_FLOW) '-ffile-prefix-map=$(CURDIR)=$(SOURCES_SEEN_AS)' $(POSIX_FLAGS) $(KEPT_FLAGS) $(EXTRA_CFLAGS)

# The libraries are Embedded Swift. They are compiled for size, which makes them an eighth smaller. The functions of an update's path are compiled for
# speed, which they say by @_optimize(speed), and the small ones that it runs for each field are inlined, so that this costs an update next to
# nothing. The compiler writes what both modules use twice; with a section for each function, the linker can drop what nothing calls. The tests
# of full Swift check exclusivity at run time. Here that check would end the host, and cost a tenth of an update. Distributions' tools read
# DWARF 4. The flags from -file-prefix-map on make builds the same in every directory.
SWIFTFLAGS = -target $(SWIFT_TRIPLE) -clang-target $(CLANG_TRIPLE) -swift-version 6 -package-name lily_session -wmo -parse-as-library \
  -enable-experimental-feature Embedded -enable-upcoming-feature ExistentialAny -g -dwarf-version=4 -Osize \
  -Xfrontend -function-sections -enforce-exclusivity=unchecked -file-prefix-map '$(CURDIR)=$(SOURCES_SEEN_AS)' -file-compilation-dir '$(SOURCES_SEEN_AS)' \
  -Xfrontend -no-clang-module-breadcrumbs -Xfrontend -disable-incremental-llvm-codegen -module-cache-path $(OBJECTS)/modules -I include \
  $(addprefix -Xcc ,--target=$(CLANG_TRIPLE) -fPIC -fno-asynchronous-unwind-tables -gdwarf-4 -fstack-protector-strong -fvisibility=hidden $(CONTROL_FLOW) \
    '-ffile-prefix-map=$(CURDIR)=$(SOURCES_SEEN_AS)' $(C_HEADERS_FLAGS) $(JANSSON_CFLAGS) $(POSIX_FLAGS)) \
  $(EXTRA_SWIFTFLAGS)
LIBRARY_SWIFTFLAGS = $(SWIFTFLAGS) -I $(OBJECTS) -I Sources/CPlatform/include -I Sources/CJansson

# lld separates code from read-only data, and keeps one copy of equal functions (--icf). Distributions want the library bound when it is loaded
# and read-only after that. The version script hides the Swift runtime in it, which would otherwise replace the runtime of a Swift host.
COMMA := ,
LINK_FLAGS = -shared -fuse-ld=lld -B$(SWIFT_BIN) $(addprefix -Wl$(COMMA),--gc-sections --as-needed --icf=all -z$(COMMA)now -z$(COMMA)relro \
  -z$(COMMA)noexecstack $(if $(SANITIZE),,-z$(COMMA)defs) $(if $(filter amd64,$(ARCH)),-z$(COMMA)shstk) --build-id) $(filter-out -flto%,$(LDFLAGS)) $(EXTRA_LDFLAGS)

C_OBJECTS := $(patsubst Sources/CPlatform/%.c,$(OBJECTS)/%.o,$(wildcard Sources/CPlatform/*.c))
ALL_OBJECTS := $(OBJECTS)/LilySession.o $(OBJECTS)/LilySessionC.o $(C_OBJECTS)
CORE_SOURCES := $(sort $(shell find Sources/LilySession -name '*.swift'))
C_HEADERS := $(wildcard Sources/CPlatform/include/*) $(wildcard Sources/CJansson/*) include/lily_session.h

$(C_OBJECTS): $(OBJECTS)/%.o: Sources/CPlatform/%.c $(C_HEADERS) Makefile scripts/library.mk $(NEEDS_SYSROOT)
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) -ISources/CPlatform/include -c -o $@ $<

# The other module may contain functions of this one again, and the linker then keeps one of each. Swift 6.2 must be told that this is allowed. Later
# versions expect it in any case.
MERGEABLE = $(if $(findstring version 6.2,$(shell $(SWIFTC) -version 2>/dev/null)),-Xfrontend -mergeable-symbols)
$(OBJECTS)/LilySession.o: $(CORE_SOURCES) $(C_HEADERS) Makefile scripts/library.mk $(NEEDS_SYSROOT)
	@mkdir -p $(@D)
	$(SWIFTC) $(LIBRARY_SWIFTFLAGS) $(MERGEABLE) -module-name LilySession -emit-module -emit-module-path $(OBJECTS)/LilySession.swiftmodule -c -o $@ $(CORE_SOURCES)

# $(call compared,flags): compares each exported function of a module with its declaration in the header. The compiler does that if the function
# says that it is an @implementation. Swift 6.2 does not have that for functions of C, so the sources do not say it, and copies of them do, which
# are empty for Swift 6.2.
define compared
	@rm -rf $(@:.o=.compared) && mkdir -p $(@:.o=.compared)
	@for source in $(filter %.swift,$^); do \
	  { printf '#if compiler(>=6.3)\n#sourceLocation(file: "%s", line: 1)\n' "$$source"; sed 's/@_cdecl(/@implementation &/' "$$source"; echo '#endif'; } \
	    > "$(@:.o=.compared)/$${source##*/}" || exit 1; \
	done
	$(SWIFTC) $(1) -typecheck $(@:.o=.compared)/*.swift
endef

$(OBJECTS)/LilySessionC.o: $(sort $(wildcard Sources/LilySessionC/*.swift)) $(OBJECTS)/LilySession.o
	$(call compared,$(LIBRARY_SWIFTFLAGS) -module-name LilySessionC)
	$(SWIFTC) $(LIBRARY_SWIFTFLAGS) -module-name LilySessionC -c -o $@ $(sort $(wildcard Sources/LilySessionC/*.swift))

# $(call linked,version script,SONAME,objects and libraries): links a shared library, and makes its links. A program that runs with the old library
# keeps it.
define linked
	@mkdir -p $(@D)
	$(CC) $(LINK_FLAGS) -Wl,-soname=$(2) -Wl,--version-script=$(1) -o $@.$(VERSION).new $(3) $(OLD_GLIBC_LIBS)
	mv $@.$(VERSION).new $@.$(VERSION)
	ln -sf $(@F).$(VERSION) $(@D)/$(2)
	ln -sf $(2) $@
endef

$(LIB): $(ALL_OBJECTS) Sources/LilySessionC/exports.map
	$(call linked,Sources/LilySessionC/exports.map,$(SONAME),$(ALL_OBJECTS) $(SWIFT_UNICODE) $(JANSSON_LIBS))

# What the two modules use of the Swift runtime's tables of Unicode, if anything.
SWIFT_UNICODE := $(SWIFT_EMBEDDED)/$(SWIFT_TRIPLE)/libswiftUnicodeDataTables.a

# $(call archived,objects): packs objects, linked into one, as a static library. Only what the shared library exports is visible in it, and only what
# that needs is in it.
define archived
	$(SWIFT_BIN)ld.lld -r --gc-sections $$($(NM) -D --defined-only $(LIB) | sed -n 's/.* \(lily_session_[a-z0-9_]*\).*/--undefined=\1/p') \
	  -o $(OBJECTS)/$(@F:.a=.o) $(1)
	$(OBJCOPY) --wildcard --keep-global-symbol='lily_session_*' $(OBJECTS)/$(@F:.a=.o)
	rm -f $@
	ar rcsD $@ $(OBJECTS)/$(@F:.a=.o)
	rm $(OBJECTS)/$(@F:.a=.o)
endef

# The static library has the same objects. A program links libjansson, too.
$(STATIC_LIB): $(LIB)
	$(call archived,$(ALL_OBJECTS) $(SWIFT_UNICODE))

# The same with libjansson inside, hidden, for programs that are to need nothing but libc. libjansson is built from Debian's sources, because the static
# library of a distribution need not be code that may be anywhere in memory.
BUNDLED_LIB     := $(OUT)/lib/liblily_session_bundled.a
JANSSON_SOURCES := .sysroots/sources/jansson
JANSSON_ARCHIVE := $(OBJECTS)/jansson/lib/libjansson.a

$(JANSSON_SOURCES)/LICENSE:
	scripts/sysroot --fetch

$(JANSSON_ARCHIVE): $(JANSSON_SOURCES)/LICENSE $(NEEDS_SYSROOT)
	cmake -S $(JANSSON_SOURCES) -B $(OBJECTS)/jansson -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_C_COMPILER='$(if $(findstring /,$(CC)),$(abspath $(CC)),$(CC))' \
	  -DCMAKE_C_FLAGS='-ffunction-sections -fstack-protector-strong $(CONTROL_FLOW) -ffile-prefix-map=$(CURDIR)=.' -DCMAKE_BUILD_TYPE=Release \
	  -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DJANSSON_BUILD_SHARED_LIBS=OFF -DJANSSON_BUILD_DOCS=OFF -DJANSSON_WITHOUT_TESTS=ON -DJANSSON_EXAMPLES=OFF -Wno-dev
	cmake --build $(OBJECTS)/jansson

$(BUNDLED_LIB): $(LIB) $(JANSSON_ARCHIVE)
	$(call archived,$(ALL_OBJECTS) $(SWIFT_UNICODE) $(JANSSON_ARCHIVE))

# The library for Redis is one of its own, because it needs hiredis and OpenSSL, which the other one does not. It knows that one by its headers
# alone.
REDIS_LIB    := $(dir $(LIB))liblily_session_redis.so
REDIS_SONAME := liblily_session_redis.so.0
REDIS_LIBS   ?= $(if $(SYSROOT),-L$(SYSROOT)/lib) -lhiredis -lssl -lcrypto
REDIS_C_OBJECTS := $(patsubst Sources/CRedis/%.c,$(OBJECTS)/%.o,$(sort $(wildcard Sources/CRedis/*.c)))
REDIS_OBJECTS := $(REDIS_C_OBJECTS) $(OBJECTS)/LilySessionRedis.o
REDIS_HEADERS := $(wildcard Sources/CRedis/include/*) $(wildcard include/*)

$(REDIS_C_OBJECTS): $(OBJECTS)/%.o: Sources/CRedis/%.c $(REDIS_HEADERS) Makefile scripts/library.mk $(NEEDS_SYSROOT)
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) $(if $(SYSROOT),-isystem $(SYSROOT)/include) -ISources/CRedis/include -c -o $@ $<

$(OBJECTS)/LilySessionRedis.o: $(wildcard Sources/LilySessionRedis/*.swift) $(REDIS_HEADERS) Makefile scripts/library.mk $(NEEDS_SYSROOT)
	@mkdir -p $(@D)
	$(call compared,$(SWIFTFLAGS) -I Sources/CRedis/include -module-name LilySessionRedis)
	$(SWIFTC) $(SWIFTFLAGS) -I Sources/CRedis/include -module-name LilySessionRedis -c -o $@ $(sort $(wildcard Sources/LilySessionRedis/*.swift))

$(REDIS_LIB): $(REDIS_OBJECTS) $(LIB) Sources/LilySessionRedis/exports.map
	$(call linked,Sources/LilySessionRedis/exports.map,$(REDIS_SONAME),$(REDIS_OBJECTS) $(SWIFT_UNICODE) -L$(@D) -llily_session $(REDIS_LIBS))

ifneq ($(NEEDS_SYSROOT),)
$(NEEDS_SYSROOT):
	scripts/sysroot $(SYSROOT) $(TRIPLET) $(LIBC)
endif

# Prints a variable, for scripts: `make -s ARCH=arm64 print-CC`.
print-%:
	@echo '$($*)'
