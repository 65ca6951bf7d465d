/* Compares the CRC by the processor's instruction, if it has one, with its twin, for all short lengths at all places in a word. */
#include "CPlatform.h"

int main(void) {
  uint8_t bytes[96];
  for (size_t at = 0; at < sizeof bytes; at++) bytes[at] = (uint8_t)(at * 37 + 11);
  if ((platform_crc32c(0xFFFFFFFF, "123456789", 9) ^ 0xFFFFFFFF) != 0xE3069283) return printf("not the CRC-32C of RFC 3720\n"), 1;
  for (size_t from = 0; from < 16; from++) {
    for (size_t count = 0; from + count <= sizeof bytes; count++) {
      if (platform_crc32c(7, bytes + from, count) != platform_crc32c_portable(7, bytes + from, count))
        return printf("%zu bytes from %zu differ\n", count, from), 1;
    }
  }
  return 0;
}
