/* Looks at 16 bytes together. Vectors are written the same way for all processors, but each has its own way from a mask to a number, and Swift
   has none. */
#ifndef PLATFORM_BYTES16_H
#define PLATFORM_BYTES16_H

#include <stdint.h>
#include <string.h>

typedef uint8_t platform_bytes16 __attribute__((vector_size(16)));

__attribute__((always_inline)) static inline platform_bytes16 platform_load_16(const void *bytes) {
  platform_bytes16 loaded;
  memcpy(&loaded, bytes, sizeof loaded);
  return loaded;
}

/* Returns the place of the first byte of the mask that is set, which is 0xFF then, and 0 otherwise. Returns 16 if none is. */
__attribute__((always_inline)) static inline int platform_first_of_16(platform_bytes16 mask) {
#if defined(__SSE2__)
  typedef char signed_bytes16 __attribute__((vector_size(16)));
  return __builtin_ctz((unsigned)__builtin_ia32_pmovmskb128((signed_bytes16)mask) | 0x10000u);
#elif __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  /* Four bits of each byte, which NEON takes out of two neighbours in one instruction. */
  typedef uint16_t pairs __attribute__((vector_size(16)));
  typedef uint8_t bytes8 __attribute__((vector_size(8)));
  bytes8 halves = __builtin_convertvector((pairs)mask >> 4, bytes8);
  uint64_t bits;
  memcpy(&bits, &halves, sizeof bits);
  return bits == 0 ? 16 : __builtin_ctzll(bits) / 4;
#else
  for (int at = 0; at < 16; at++) {
    if (mask[at] != 0) return at;
  }
  return 16;
#endif
}

/* Returns how many of these bytes come before the first one that a JSON string cannot have as it is: 16 if none is. */
__attribute__((always_inline)) static inline int platform_plain_of_16(const void *bytes) {
  platform_bytes16 text = platform_load_16(bytes);
  return platform_first_of_16((platform_bytes16)((text < 0x20) | (text == '"') | (text == '\\')));
}

/* Returns how many of these bytes come before the first one that is no digit: 16 if none is. */
__attribute__((always_inline)) static inline int platform_digits_of_16(const void *bytes) {
  platform_bytes16 text = platform_load_16(bytes);
  return platform_first_of_16((platform_bytes16)((platform_bytes16)(text - '0') > 9));
}

#endif
