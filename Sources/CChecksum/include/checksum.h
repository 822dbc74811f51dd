#ifndef WEIR_CHECKSUM_H
#define WEIR_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/// The CRC-32C (Castagnoli) of `count` bytes, going on from that of the bytes before them, which is 0 where there are none.
uint32_t weir_crc32c(uint32_t before, const void *bytes, size_t count);

/// The same without the processor's instruction, for processors that have none and for tests.
uint32_t weir_crc32c_portable(uint32_t before, const void *bytes, size_t count);

#endif
