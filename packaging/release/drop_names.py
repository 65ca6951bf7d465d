"""Takes the names out of an object file that only its own code uses, in place: those of its local symbols, and those by which its sections of code
differ. They are a quarter of what is downloaded. The linker still tells the sections apart, and leaves out those that a program does not use.

  python3 packaging/release/drop_names.py OBJECT

`strip` must come after it, which writes the tables of names anew.
"""
import pathlib
import struct
import sys

# ELF for 64 bits, little-endian: the header's e_shoff and e_shnum, e_shstrndx; a section's header; the beginning of a symbol.
OFFSET_AT, NUMBERS_AT = 40, 60
SECTION, SYMBOL = struct.Struct("<IIQQQQIIQQ"), struct.Struct("<IB")
SYMBOL_TABLE, SYMBOL_SIZE = 2, 24
# The number of sections, and of the one with their names, if they do not fit into the header. They are in the first section then.
MANY, EXTENDED = 0, 0xFFFF
LOCAL = 0
NOTYPE, OBJECT, FUNCTION, THREAD_LOCAL = 0, 1, 2, 6
CODE = b".text."


def sections_of(data):
    """Returns the headers of the sections as tuples, where they are, and the index of the one with their names."""
    at, = struct.unpack_from("<Q", data, OFFSET_AT)
    count, names = struct.unpack_from("<HH", data, NUMBERS_AT)
    first = SECTION.unpack_from(data, at)
    count = first[5] if count == MANY else count
    return [SECTION.unpack_from(data, at + number * SECTION.size) for number in range(count)], first[6] if names == EXTENDED else names


def drop_names(data):
    """Changes the object file's bytes."""
    sections, names = sections_of(data)

    def text(table, offset):
        start = sections[table][4] + offset
        return start, bytes(data[start:data.index(0, start)])

    for name, kind, _, _, offset, size, link, *_ in sections:
        start, found = text(names, name)
        if found.startswith(CODE):
            # A section's relocations have its name after theirs, and may share its bytes.
            data[start + len(CODE) - 1] = 0
        if kind != SYMBOL_TABLE:
            continue
        for at in range(offset, offset + size, SYMBOL_SIZE):
            symbol, info = SYMBOL.unpack_from(data, at)
            if info >> 4 != LOCAL or info & 15 not in (NOTYPE, OBJECT, FUNCTION, THREAD_LOCAL):
                continue
            # These say where code and data begin on arm64 and riscv64. Linkers read them.
            if text(link, symbol)[1].split(b".")[0] not in (b"$x", b"$d"):
                struct.pack_into("<I", data, at, 0)


def main():
    path = pathlib.Path(sys.argv[1])
    data = bytearray(path.read_bytes())
    if data[:6] != b"\x7fELF\x02\x01":
        sys.exit(f"drop_names: {path} is no object file of a 64-bit machine that is little-endian")
    drop_names(data)
    path.write_bytes(data)


if __name__ == "__main__":
    main()
