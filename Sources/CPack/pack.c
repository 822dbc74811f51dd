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
#define WITH_INSTRUCTION __attribute__((target("sse4.2")))

WITH_INSTRUCTION static inline uint32_t take8(uint32_t crc, uint64_t word) { return (uint32_t)__builtin_ia32_crc32di(crc, word); }
WITH_INSTRUCTION static inline uint32_t take1(uint32_t crc, uint8_t byte) { return __builtin_ia32_crc32qi(crc, byte); }

static int has_instruction(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2");
}
#elif defined(__aarch64__)
#define WITH_INSTRUCTION __attribute__((target("crc")))

WITH_INSTRUCTION static inline uint32_t take8(uint32_t crc, uint64_t word) { return __builtin_arm_crc32cd(crc, word); }
WITH_INSTRUCTION static inline uint32_t take1(uint32_t crc, uint8_t byte) { return __builtin_arm_crc32cb(crc, byte); }

static int has_instruction(void) { return (getauxval(AT_HWCAP) & (1 << 7)) != 0; }
#else
#define WITH_INSTRUCTION

static uint32_t take8(uint32_t crc, uint64_t word) { return ~weir_crc32c_portable(~crc, &word, 8); }
static uint32_t take1(uint32_t crc, uint8_t byte) { return ~weir_crc32c_portable(~crc, &byte, 1); }

static int has_instruction(void) { return 0; }
#endif

// An instruction has its result after three cycles, and another can begin in each: so three runs of bytes are taken at once, and what they
// come to is joined. `over_run` says what becomes of each byte of a checksum that a run of zeros follows.
enum { run = 4096 };
static int is_fast;
static uint32_t over_run[4][256];

static uint32_t pass_run(uint32_t crc) {
    return over_run[0][crc & 0xFF] ^ over_run[1][crc >> 8 & 0xFF] ^ over_run[2][crc >> 16 & 0xFF] ^ over_run[3][crc >> 24];
}

WITH_INSTRUCTION __attribute__((constructor)) static void prepare(void) {
    is_fast = has_instruction();
    if (!is_fast) return;
    for (int place = 0; place < 4; place++) {
        for (uint32_t byte = 1; byte < 256; byte++) {
            uint32_t crc = byte << 8 * place;
            if (byte & (byte - 1)) {
                crc = over_run[place][byte & (byte - 1)] ^ over_run[place][byte & -byte];
            } else {
                for (int count = 0; count < run; count += 8) crc = take8(crc, 0);
            }
            over_run[place][byte] = crc;
        }
    }
}

static uint64_t word_at(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    return word;
}

WITH_INSTRUCTION static uint32_t by_instruction(uint32_t before, const uint8_t *next, size_t count) {
    uint32_t crc = ~before;
    for (; count >= 3 * run; next += 3 * run, count -= 3 * run) {
        uint32_t second = 0, third = 0;
        for (int at = 0; at < run; at += 8) {
            crc = take8(crc, word_at(next + at));
            second = take8(second, word_at(next + run + at));
            third = take8(third, word_at(next + 2 * run + at));
        }
        crc = pass_run(pass_run(crc) ^ second) ^ third;
    }
    for (; count >= 8; next += 8, count -= 8) crc = take8(crc, word_at(next));
    while (count--) crc = take1(crc, *next++);
    return ~crc;
}

uint32_t weir_crc32c(uint32_t before, const void *bytes, size_t count) {
    return is_fast ? by_instruction(before, bytes, count) : weir_crc32c_portable(before, bytes, count);
}

int weir_allocate(int file, int64_t offset, int64_t length) { return fallocate(file, FALLOC_FL_KEEP_SIZE, offset, length); }

int weir_deallocate(int file, int64_t offset, int64_t length) {
    return fallocate(file, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, offset, length);
}
