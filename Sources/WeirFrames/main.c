/// Reads requests from its standard input and writes pictures to its standard output, until its input ends. It has nothing else: no files, no
/// network, no other process. Weir starts it, gives it one request at a time, and kills it where one takes too long.
///
/// Numbers are big-endian. A request: u32 bytes that follow; u8 codec, u8 format, u8 quality, u8 zero; u32 width, u32 height; u32 size of the
/// codec private data, and it; u32 count of wanted frames, and the i64 time of each, rising; u32 count of frames, and of each i64 time, u32
/// size, bytes, in the order of decoding. An answer for each wanted frame, in their order: u32 bytes that follow; u8 status; the picture.
#include "frames.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/// Bytes of a request: the largest fragment, and what stands around its frames.
static const uint32_t most_bytes = 64 << 20;

static bool read_all(uint8_t *bytes, size_t count) {
    while (count > 0) {
        ssize_t got = read(STDIN_FILENO, bytes, count);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        bytes += got;
        count -= (size_t)got;
    }
    return true;
}

static bool write_all(const uint8_t *bytes, size_t count) {
    while (count > 0) {
        ssize_t put = write(STDOUT_FILENO, bytes, count);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        bytes += put;
        count -= (size_t)put;
    }
    return true;
}

uint32_t read_u32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

int64_t read_i64(const uint8_t *bytes) { return (int64_t)((uint64_t)read_u32(bytes) << 32 | read_u32(bytes + 4)); }

static bool answer(enum status status, const uint8_t *picture, size_t size) {
    if (size >= UINT32_MAX) {
        status = status_too_large;
        size = 0;
    }
    uint32_t length = (uint32_t)size + 1;
    uint8_t head[5] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length, (uint8_t)status};
    return write_all(head, sizeof head) && write_all(picture, size);
}

/// Takes `count` bytes off the front; NULL where there are fewer.
static const uint8_t *take(const uint8_t **rest, size_t *left, size_t count) {
    if (*left < count) return NULL;
    const uint8_t *taken = *rest;
    *rest += count;
    *left -= count;
    return taken;
}

static bool parse(const uint8_t *bytes, size_t size, request_t *request) {
    const uint8_t *head = take(&bytes, &size, 16);
    if (!head) return false;
    request->codec = head[0];
    request->format = head[1];
    request->quality = head[2];
    request->width = read_u32(head + 4);
    request->height = read_u32(head + 8);
    request->codec_private_size = read_u32(head + 12);
    request->codec_private = take(&bytes, &size, request->codec_private_size);
    const uint8_t *count = take(&bytes, &size, 4);
    if (!request->codec_private || !count) return false;
    request->wanted_count = read_u32(count);
    request->wanted = take(&bytes, &size, 8 * (size_t)request->wanted_count);
    count = take(&bytes, &size, 4);
    if (!request->wanted || !count) return false;
    request->frame_count = read_u32(count);
    request->frames = bytes;
    for (uint32_t frame = 0; frame < request->frame_count; frame++) {
        const uint8_t *frame_head = take(&bytes, &size, 12);
        if (!frame_head || !take(&bytes, &size, read_u32(frame_head + 8))) return false;
    }
    return size == 0 && (request->codec == 1 || request->codec == 2) && (request->format == 1 || request->format == 2)
        && request->quality >= 1 && request->quality <= 100;
}

int main(void) {
    // Whoever started it reads no pictures any more once it has ended.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    if (!confine()) return 2;
    for (;;) {
        uint8_t head[4];
        if (!read_all(head, sizeof head)) return 0;
        uint32_t size = read_u32(head);
        uint8_t *bytes = size <= most_bytes ? malloc(size + 1) : NULL;
        request_t request;
        if (!bytes || !read_all(bytes, size) || !parse(bytes, size, &request) || !decode(&request, answer)) return 1;
        free(bytes);
    }
}
