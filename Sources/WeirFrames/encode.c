#include "frames.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

bool buffer_append(buffer_t *buffer, const uint8_t *bytes, size_t count) {
    if (buffer->capacity - buffer->count < count) {
        size_t capacity = buffer->count + count + buffer->capacity / 2 + 65536;
        uint8_t *grown = realloc(buffer->bytes, capacity);
        if (!grown) return false;
        buffer->bytes = grown;
        buffer->capacity = capacity;
    }
    memcpy(buffer->bytes + buffer->count, bytes, count);
    buffer->count += count;
    return true;
}

// MARK: JPEG

typedef struct {
    struct jpeg_error_mgr base;
    jmp_buf exit;
} jpeg_errors_t;

static void jpeg_failed(j_common_ptr info) { longjmp(((jpeg_errors_t *)info->err)->exit, 1); }

static void jpeg_silent(j_common_ptr info) { (void)info; }

/// Writes all rows of a picture that has begun.
typedef void (*write_rows_t)(struct jpeg_compress_struct *info, const void *pixels);

static enum status encode(buffer_t *out, J_COLOR_SPACE space, write_rows_t write_rows, const void *pixels, uint32_t width, uint32_t height, int quality) {
    struct jpeg_compress_struct info;
    jpeg_errors_t errors;
    unsigned char *volatile bytes = NULL;
    unsigned long size = 0;
    info.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = jpeg_failed;
    errors.base.output_message = jpeg_silent;
    enum status status = status_no_memory;
    jpeg_create_compress(&info);
    if (setjmp(errors.exit) == 0) {
        jpeg_mem_dest(&info, (unsigned char **)&bytes, &size);
        info.image_width = width;
        info.image_height = height;
        info.input_components = 3;
        info.in_color_space = space;
        jpeg_set_defaults(&info);
        info.raw_data_in = space == JCS_YCbCr;
        jpeg_set_quality(&info, quality, TRUE);
        jpeg_start_compress(&info, TRUE);
        write_rows(&info, pixels);
        jpeg_finish_compress(&info);
        if (buffer_append(out, bytes, size)) status = status_picture;
    }
    jpeg_destroy_compress(&info);
    free(bytes);
    return status;
}

typedef struct {
    const uint8_t *pixels;
    size_t stride;
} rows_t;

static void write_pixels(struct jpeg_compress_struct *info, const void *pixels) {
    const rows_t *rows = pixels;
    while (info->next_scanline < info->image_height) {
        JSAMPROW row = (JSAMPROW)(rows->pixels + rows->stride * info->next_scanline);
        jpeg_write_scanlines(info, &row, 1);
    }
}

enum status encode_jpeg(buffer_t *out, const uint8_t *pixels, size_t stride, uint32_t width, uint32_t height, int quality) {
    rows_t rows = {pixels, stride};
    return encode(out, JCS_RGB, write_pixels, &rows, width, height, quality);
}

typedef struct {
    uint8_t *const *planes;
    const int *strides;
} planes_t;

/// Sixteen rows of luma at a time and eight of each chroma, as the blocks of JPEG lie; what is behind the last row is as that.
static void write_planes(struct jpeg_compress_struct *info, const void *pixels) {
    const planes_t *from = pixels;
    JSAMPROW rows[3][16];
    JSAMPARRAY planes[3] = {rows[0], rows[1], rows[2]};
    while (info->next_scanline < info->image_height) {
        for (int plane = 0; plane < 3; plane++) {
            uint32_t shift = plane > 0, last = ((info->image_height + shift) >> shift) - 1;
            for (uint32_t row = 0; row < 16U >> shift; row++) {
                uint32_t at = (info->next_scanline >> shift) + row;
                rows[plane][row] = from->planes[plane] + (size_t)from->strides[plane] * (at < last ? at : last);
            }
        }
        jpeg_write_raw_data(info, planes, 16);
    }
}

enum status encode_jpeg_planes(buffer_t *out, uint8_t *const planes[3], const int strides[3], uint32_t width, uint32_t height, int quality) {
    // Blocks go on behind the last column: with what is in it.
    for (int plane = 0; plane < 3; plane++) {
        uint32_t shift = plane > 0, columns = (width + shift) >> shift, most = ((width + 15) & ~15U) >> shift;
        for (uint32_t row = 0; row < (height + shift) >> shift; row++) {
            uint8_t *begin = planes[plane] + (size_t)strides[plane] * row;
            memset(begin + columns, begin[columns - 1], most - columns);
        }
    }
    planes_t from = {planes, strides};
    return encode(out, JCS_YCbCr, write_planes, &from, width, height, quality);
}

// MARK: PNG

static void png_write(png_structp png, png_bytep bytes, size_t count) {
    if (!buffer_append(png_get_io_ptr(png), bytes, count)) png_error(png, "no memory");
}

static void png_silent(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void png_failed(png_structp png, png_const_charp text) {
    (void)text;
    png_longjmp(png, 1);
}

enum status encode_png(buffer_t *out, const uint8_t *pixels, size_t stride, uint32_t width, uint32_t height) {
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, png_failed, png_silent);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    volatile enum status status = status_no_memory;
    if (info && setjmp(png_jmpbuf(png)) == 0) {
        png_set_write_fn(png, out, png_write, NULL);
        png_set_user_limits(png, 65500, 65500);
        png_set_IHDR(png, info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
            PNG_FILTER_TYPE_DEFAULT);
        png_set_compression_level(png, 3);
        png_write_info(png, info);
        for (uint32_t row = 0; row < height; row++) png_write_row(png, pixels + stride * row);
        png_write_end(png, NULL);
        status = status_picture;
    }
    png_destroy_write_struct(&png, &info);
    return status;
}
