/* CRC-32C (Castagnoli), reflected polynomial 0x82F63B78: RFC 3720, appendix B.4. */
#include "CPlatform.h"

uint32_t platform_crc32c_portable(uint32_t crc, const void *bytes, size_t count) {
  /* It takes half a byte at a time, so that the table is small enough to check by eye. */
  static const uint32_t table[16] = {
      0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3, 0x61C69362, 0x7198540D,
      0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9, 0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75};
  const uint8_t *at = bytes;
  while (count-- > 0) {
    crc ^= *at++;
    crc = (crc >> 4) ^ table[crc & 15];
    crc = (crc >> 4) ^ table[crc & 15];
  }
  return crc;
}

/* A step of the CRC shifts a bit out at the right, and adds the polynomial if that bit was 1. The shift leaves a 0 in the highest bit, and
  the polynomial has a 1 there. So the highest bit tells which bit was shifted out, and each step can be undone. */
uint32_t platform_crc32c_backwards(uint32_t crc, const void *bytes, size_t count) {
  const uint8_t *at = (const uint8_t *)bytes + count;
  while (count-- > 0) {
    for (int bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc ^ 0x82F63B78) << 1 | 1 : crc << 1;
    crc ^= *--at;
  }
  return crc;
}

#if defined(__x86_64__)
#include <cpuid.h>
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t with_instruction(uint32_t crc, const void *bytes, size_t count) {
  const uint8_t *at = bytes;
  uint64_t wide = crc;
  for (; count >= 8; count -= 8, at += 8) {
    uint64_t word;
    memcpy(&word, at, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = (uint32_t)wide;
  while (count-- > 0) crc = _mm_crc32_u8(crc, *at++);
  return crc;
}

static bool asks_for_instruction(void) {
  unsigned a, b, c = 0, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSE4_2);
}

#elif defined(__aarch64__) && defined(__linux__)
#include <arm_acle.h>
#include <sys/auxv.h>

enum { HAS_CRC32 = 1 << 7 }; /* HWCAP_CRC32, which Linux tells every program */

#if defined(__clang__)
__attribute__((target("crc")))
#else
__attribute__((target("+crc")))
#endif
static uint32_t with_instruction(uint32_t crc, const void *bytes, size_t count) {
  const uint8_t *at = bytes;
  for (; count >= 8; count -= 8, at += 8) {
    uint64_t word;
    memcpy(&word, at, 8);
    crc = __crc32cd(crc, word);
  }
  while (count-- > 0) crc = __crc32cb(crc, *at++);
  return crc;
}

static bool asks_for_instruction(void) { return getauxval(AT_HWCAP) & HAS_CRC32; }

#else

static uint32_t with_instruction(uint32_t crc, const void *bytes, size_t count) { return platform_crc32c_portable(crc, bytes, count); }
static bool asks_for_instruction(void) { return false; }

#endif

/* Asking is slow on some machines (a virtual one traps cpuid), so the result is kept. Threads that race here write the same value. */
static bool has_instruction(void) {
  static int kept; /* 0: not known yet, 1: no, 2: yes */
  int known = __atomic_load_n(&kept, __ATOMIC_RELAXED);
  if (known == 0) {
    known = asks_for_instruction() ? 2 : 1;
    __atomic_store_n(&kept, known, __ATOMIC_RELAXED);
  }
  return known == 2;
}

uint32_t platform_crc32c(uint32_t crc, const void *bytes, size_t count) {
  return has_instruction() ? with_instruction(crc, bytes, count) : platform_crc32c_portable(crc, bytes, count);
}
