// For fallocate.
#define _GNU_SOURCE

#include "pack.h"

#include <fcntl.h>
#include <string.h>

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

uint32_t weir_crc32c_portable(uint32_t before, const void *bytes, size_t count) {
    const uint8_t *next = bytes;
    uint32_t crc = ~before;
    while (count--) {
        crc ^= *next++;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0x82F63B78 & -(crc & 1));
    }
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t before, const uint8_t *next, size_t count) {
    uint64_t crc = (uint32_t)~before;
    for (; count >= 8; next += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, next, 8);
        crc = __builtin_ia32_crc32di(crc, word);
    }
    while (count--) crc = __builtin_ia32_crc32qi((uint32_t)crc, *next++);
    return ~(uint32_t)crc;
}

static int has_instruction(void) { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__aarch64__)
__attribute__((target("crc"))) static uint32_t by_instruction(uint32_t before, const uint8_t *next, size_t count) {
    uint32_t crc = ~before;
    for (; count >= 8; next += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, next, 8);
        crc = __builtin_arm_crc32cd(crc, word);
    }
    while (count--) crc = __builtin_arm_crc32cb(crc, *next++);
    return ~crc;
}

static int has_instruction(void) { return (getauxval(AT_HWCAP) & (1 << 7)) != 0; }
#else
static uint32_t by_instruction(uint32_t before, const uint8_t *next, size_t count) { return weir_crc32c_portable(before, next, count); }

static int has_instruction(void) { return 0; }
#endif

uint32_t weir_crc32c(uint32_t before, const void *bytes, size_t count) {
    return has_instruction() ? by_instruction(before, bytes, count) : weir_crc32c_portable(before, bytes, count);
}

int weir_allocate(int file, int64_t offset, int64_t length) { return fallocate(file, FALLOC_FL_KEEP_SIZE, offset, length); }

int weir_deallocate(int file, int64_t offset, int64_t length) {
    return fallocate(file, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, offset, length);
}
