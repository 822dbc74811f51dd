#ifndef WEIR_PACK_H
#define WEIR_PACK_H

#include <stddef.h>
#include <stdint.h>

/// The CRC-32C (Castagnoli) of `count` bytes, going on from that of the bytes before them, which is 0 where there are none.
uint32_t weir_crc32c(uint32_t before, const void *bytes, size_t count);

/// The same without the processor's instruction, for processors that have none and for tests.
uint32_t weir_crc32c_portable(uint32_t before, const void *bytes, size_t count);

/// Takes space for a range of a file without changing its size. 0, or -1 with errno.
int weir_allocate(int file, int64_t offset, int64_t length);

/// Gives the space of a range of a file back, which reads as zeros from then on. 0, or -1 with errno.
int weir_deallocate(int file, int64_t offset, int64_t length);

#endif
