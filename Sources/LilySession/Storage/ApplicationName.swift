/// The name of an application's folder at the default place: 1 to 64 of A-Z a-z 0-9 . _ -, the first not a dot.
enum ApplicationName {
  /// Returns the name that the host gives, else one made from the executable's.
  static func choose(_ given: UnsafePointer<CChar>?) throws(Failure) -> [UInt8] {
    if let given {
      let name = [UInt8](cString: given)
      guard isName(name) else {
        throw Failure(.invalidArgument, "an application's name must be 1 to 64 of A-Z a-z 0-9 . _ -, and not begin with a dot")
      }
      return name
    }
    guard let executable = Syscalls.executablePath() else {
      throw Failure(.invalidArgument, "the executable's name is unknown; set `application` in the options")
    }
    guard let name = usable(fileName(executable)) else {
      throw Failure(.invalidArgument, "the executable's name has no usable character; set `application` in the options").at(executable)
    }
    guard !isInterpreter(name) else {
      throw Failure(.invalidArgument, "the executable is an interpreter; set `application` in the options").at(executable)
    }
    return name
  }

  private static func fileName(_ path: [UInt8]) -> [UInt8] {
    let name = path[((path.lastIndex(of: UInt8(ascii: "/")) ?? -1) &+ 1)...]
    let deleted = bytes(" (deleted)") // what the kernel adds after an upgrade replaced the running program
    let isDeleted = name.count > deleted.count && name.suffix(deleted.count).elementsEqual(deleted)
    return [UInt8](isDeleted ? name.dropLast(deleted.count) : name)
  }

  private static func isName(_ name: [UInt8]) -> Bool {
    (1...64).contains(name.count) && name.first != UInt8(ascii: ".") && name.allSatisfy(isPlain)
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
      return true
    default: return false
    }
  }

  /// Returns the name without leading dots, with `-` for each character that a name cannot have, cut to 64 bytes. Returns nil if all of it
  /// would be `-`, because programs whose names are in another script would then share a file.
  private static func usable(_ name: [UInt8]) -> [UInt8]? {
    if isName(name) { return name }
    let hyphen = UInt8(ascii: "-")
    let characters = name.filter { $0 & 0xC0 != 0x80 } // the first byte of each
    let made = characters.map { isPlain($0) ? $0 : hyphen }.drop { $0 == UInt8(ascii: ".") }.prefix(64)
    return made.contains { $0 != hyphen } ? [UInt8](made) : nil
  }

  // MARK: interpreters

  /// Returns true for an interpreter, an emulator or a loader. These run programs of many authors, which would all share one file.
  private static func isInterpreter(_ name: [UInt8]) -> Bool {
    if isLoader(name[...]) { return true }
    let emulator = bytes("qemu-")
    if name.starts(with: emulator), isOne(of: machines, name.dropFirst(emulator.count)) { return true }
    return isOne(of: interpreters, name[...])
  }

  /// Returns true for ld-linux-x86-64.so.2, ld-musl-x86_64.so.1, ld64.so.1, ld-2.31.so: a program may be started through them.
  private static func isLoader(_ name: ArraySlice<UInt8>) -> Bool {
    if name.starts(with: bytes("ld-linux")) || name.starts(with: bytes("ld-musl")) { return true }
    let parts = name.split(separator: UInt8(ascii: "."))
    return name.starts(with: bytes("ld")) && parts.dropFirst().contains { $0.elementsEqual(bytes("so")) }
  }

  /// Returns true for one of the words, or one with a version after it.
  private static func isOne(of list: StaticString, _ name: ArraySlice<UInt8>) -> Bool {
    words(list).contains { name.starts(with: $0) && isVersion(name.dropFirst($0.count)) }
  }

  /// Returns true for "", 3, 3.11, 3.13t, -3.0, 3.11-dbg, 5.36-x86_64-linux-gnu, -2.1.0-beta3.
  private static func isVersion(_ ending: ArraySlice<UInt8>) -> Bool {
    let parts = ending.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    guard let first = parts.first else { return true }
    return isNumber(first) && parts.dropFirst().allSatisfy { isNumber($0) || isUsual($0) }
  }

  /// Returns true for digits and dots, after which Python has up to two letters for its kind of build.
  private static func isNumber(_ part: ArraySlice<UInt8>) -> Bool {
    let letters = part.drop(while: isDigitOrDot)
    guard let first = letters.first else { return true }
    let isKnown = letters.count <= 2 && letters.allSatisfy { $0 == UInt8(ascii: "d") || $0 == UInt8(ascii: "m") || $0 == UInt8(ascii: "t") }
    return isKnown && part.prefix { $0 != first }.contains(UInt8(ascii: "."))
  }

  private static func isDigitOrDot(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ".") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  /// Returns true for dbg, static, beta3, and the parts of x86_64-linux-gnu.
  private static func isUsual(_ part: ArraySlice<UInt8>) -> Bool {
    let word = part.prefix { !isDigitOrDot($0) }
    let isNumbered = part.dropFirst(word.count).allSatisfy(isDigitOrDot)
    return words(machines).contains { $0.elementsEqual(part) } || words(suffixes).contains { $0.elementsEqual(isNumbered ? word : part) }
  }

  private static func words(_ list: StaticString) -> [ArraySlice<UInt8>] {
    bytes(list)[...].split(separator: UInt8(ascii: " "))
  }

  private static func bytes(_ text: StaticString) -> [UInt8] {
    [UInt8](UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  // Each list is one line: a newline in a literal would come into the name of a symbol.
  private static var interpreters: StaticString {
    """
    python pythonw pypy cpython micropython circuitpython graalpy stackless ruby mruby truffleruby rbx jruby \
    node nodejs iojs electron nw deno bun qjs quickjs js d8 hermes tjs gjs gjs-console cjs cjs-console \
    perl raku rakudo rakudo-m moar php php-cgi php-fpm phpdbg hhvm lua luajit love \
    java dotnet mono mono-sgen mono-boehm corerun beam.smp beam.debug.smp erl erlexec escript \
    julia R Rscript octave octave-cli octave-gui guile gosh racket gracket csi scheme petite sbcl ecl clisp lisp.run gcl \
    swipl tclsh wish jimsh expect ocaml ocamlrun utop ghc runghc dart pike gst gawk \
    swift swift-frontend lli tcc neko hl janet libc.so \
    wine wine-preloader wine64-preloader wineloader box64 box86 FEXInterpreter FEXLoader
    """
  }

  private static var machines: StaticString {
    """
    aarch64 aarch64_be alpha arm armeb cris hexagon hppa i386 loongarch64 m68k microblaze microblazeel mips mips64 mips64el \
    mipsel mipsn32 mipsn32el nios2 or1k ppc ppc64 ppc64le riscv32 riscv64 s390x sh4 sh4eb sparc sparc32plus sparc64 x86_64 xtensa xtensaeb
    """
  }

  private static var suffixes: StaticString {
    "dbg debug static dev alpha beta rc canary nightly stable bin real wrapped unwrapped linux gnu musl amd64 i686 arm64"
  }
}
