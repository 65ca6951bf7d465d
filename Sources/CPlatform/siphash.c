/* SipHash (J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF", 2012), with one round for each word and three at the end,
  which is what hash tables use. */
#include "CPlatform.h"

#include <time.h>

static inline uint64_t rotated(uint64_t word, int bits) { return word << bits | word >> (64 - bits); }

static inline void make_round(uint64_t v[4]) {
  v[0] += v[1];
  v[2] += v[3];
  v[1] = rotated(v[1], 13) ^ v[0];
  v[3] = rotated(v[3], 16) ^ v[2];
  v[0] = rotated(v[0], 32);
  v[2] += v[1];
  v[0] += v[3];
  v[1] = rotated(v[1], 17) ^ v[2];
  v[3] = rotated(v[3], 21) ^ v[0];
  v[2] = rotated(v[2], 32);
}

static inline void add(uint64_t v[4], uint64_t word) {
  v[3] ^= word;
  make_round(v);
  v[0] ^= word;
}

/* Returns a word of bytes, of which the first has the lowest value on every processor. */
static inline uint64_t word_at(const uint8_t *at) {
  uint64_t word;
  memcpy(&word, at, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

uint64_t platform_siphash(uint64_t key0, uint64_t key1, const void *bytes, size_t count) {
  const uint8_t *at = bytes;
  uint64_t v[4] = {key0 ^ 0x736f6d6570736575, key1 ^ 0x646f72616e646f6d, key0 ^ 0x6c7967656e657261, key1 ^ 0x7465646279746573};
  uint64_t last = (uint64_t)count << 56;
  bool has_words = count >= 8;
  for (; count >= 8; count -= 8, at += 8) add(v, word_at(at));
  if (has_words && count > 0) last |= word_at(at + count - 8) >> (64 - 8 * count); /* the word that ends where the bytes do */
  else while (count-- > 0) last |= (uint64_t)at[count] << 8 * count;
  add(v, last);
  v[2] ^= 0xff;
  for (int round = 0; round < 3; round++) make_round(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Returns a word of this process's key, which is made when it is first needed. Threads that race for it all get that of the first. */
static uint64_t key_word(uint64_t *word) {
  uint64_t kept = __atomic_load_n(word, __ATOMIC_RELAXED), made;
  if (kept != 0) return kept;
  if (!platform_random(&made, sizeof made)) {
    struct timespec now; /* a sandbox may forbid getrandom; then the key is weak */
    clock_gettime(CLOCK_REALTIME, &now);
    made = (uint64_t)now.tv_sec << 30 ^ (uint64_t)now.tv_nsec;
  }
  made |= 1; /* 0 stands for none */
  return __atomic_compare_exchange_n(word, &kept, made, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED) ? made : kept;
}

uint64_t platform_hash(const void *bytes, size_t count) {
  static uint64_t key[2];
  /* In this order on every machine, so that the same random numbers give the same key. */
  uint64_t first = key_word(&key[0]);
  return platform_siphash(first, key_word(&key[1]), bytes, count);
}
