/// Pictures out of encoded frames: what the files of weir-frames share. All of it runs on one thread.
#ifndef WEIR_FRAMES_H
#define WEIR_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// What a request asks for. Bytes are those of the request.
typedef struct {
    /// 1: H.264, 2: H.265.
    uint8_t codec;
    /// 1: JPEG, 2: PNG.
    uint8_t format;
    /// Of JPEG, 1 to 100.
    uint8_t quality;
    /// In pixels. Where one is 0 it follows from the other, where both are, from the frame.
    uint32_t width, height;
    const uint8_t *codec_private;
    uint32_t codec_private_size;
    /// Times of the frames that are wanted as pictures, rising.
    const uint8_t *wanted;
    uint32_t wanted_count;
    /// Frames in the order of decoding: each a time, a size and its bytes.
    const uint8_t *frames;
    uint32_t frame_count;
} request_t;

/// What an answer begins with.
enum status {
    status_picture = 0,
    /// The frame was not decoded: it, or what it refers to, is broken or missing.
    status_not_decoded = 1,
    /// The picture would be larger than its format or this program allows.
    status_too_large = 2,
    status_no_memory = 3,
    /// The pictures before are so many bytes that this one is to be asked for again.
    status_later = 4,
};

/// Bytes that grow.
typedef struct {
    uint8_t *bytes;
    size_t count, capacity;
} buffer_t;

/// Returns false where there is no memory.
bool buffer_append(buffer_t *buffer, const uint8_t *bytes, size_t count);

/// Calls `answer` for each wanted frame, in their order, with the picture or with nothing. Returns false where the request is malformed.
bool decode(const request_t *request, bool (*answer)(enum status status, const uint8_t *picture, size_t size));

/// Writes rows of red, green and blue as a JPEG, or as a PNG.
enum status encode_jpeg(buffer_t *out, const uint8_t *pixels, size_t stride, uint32_t width, uint32_t height, int quality);
/// The same of planes as JPEG has them: of all 256 values, by the matrix of BT.601, chroma once for four pixels. Rows are a multiple of 16
/// bytes, of chroma of 8.
enum status encode_jpeg_planes(buffer_t *out, uint8_t *const planes[3], const int strides[3], uint32_t width, uint32_t height, int quality);
enum status encode_png(buffer_t *out, const uint8_t *pixels, size_t stride, uint32_t width, uint32_t height);

/// Gives up what only a program that opens files, starts others or uses the network needs. Returns false where that is not possible.
bool confine(void);

uint32_t read_u32(const uint8_t *bytes);
int64_t read_i64(const uint8_t *bytes);

#endif
