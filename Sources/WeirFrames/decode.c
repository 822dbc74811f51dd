#include "frames.h"

#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>

/// What a request has while it is worked on.
typedef struct {
    const request_t *request;
    /// How many of the wanted were answered.
    uint32_t answered;
    /// Bytes of the pictures so far.
    size_t sent;
    uint8_t *pixels;
    size_t pixels_size;
    buffer_t picture;
    bool (*answer)(enum status status, const uint8_t *picture, size_t size);
} work_t;

/// Pixels of a picture, and of a frame.
static const int64_t most_pixels = 8192LL * 4352;
/// Of one side: what a JPEG can have.
static const int64_t longest_side = 65500;
/// Bytes of pictures after which no further one is made for a request.
static const size_t most_sent = 8 << 20;

static int64_t wanted_time(const work_t *work) { return read_i64(work->request->wanted + 8 * (size_t)work->answered); }

static bool is_done(const work_t *work) { return work->answered == work->request->wanted_count; }

static bool tell(work_t *work, enum status status) {
    work->answered++;
    bool has_picture = status == status_picture;
    work->sent += has_picture ? work->picture.count : 0;
    return work->answer(status, work->picture.bytes, has_picture ? work->picture.count : 0);
}

/// A side that was not asked for keeps the shape of the frame.
static int64_t side(uint32_t own, uint32_t other, int frame_own, int frame_other) {
    if (own > 0) return own;
    if (other == 0) return frame_own;
    int64_t scaled = ((int64_t)frame_own * other + frame_other / 2) / frame_other;
    return scaled > 0 ? scaled : 1;
}

/// Whether colours are coded as in JPEG, but for the range of values.
static bool has_jpeg_colours(const AVFrame *frame) {
    return memcmp(sws_getCoefficients(frame->colorspace), sws_getCoefficients(SWS_CS_DEFAULT), 4 * sizeof(int)) == 0;
}

/// Makes pictures of all 256 values out of frames like this one; NULL where there is no memory. What it starts with decides what it can do:
/// a range that is told later is not heeded between formats that are alike.
static struct SwsContext *make_scaler(const AVFrame *frame, int width, int height, enum AVPixelFormat format) {
    bool is_full_range = frame->color_range == AVCOL_RANGE_JPEG || frame->format == AV_PIX_FMT_YUVJ420P
        || frame->format == AV_PIX_FMT_YUVJ422P || frame->format == AV_PIX_FMT_YUVJ444P;
    const struct {
        const char *name;
        int64_t value;
    } options[] = {
        {"srcw", frame->width}, {"srch", frame->height}, {"src_format", frame->format}, {"src_range", is_full_range},
        {"dstw", width}, {"dsth", height}, {"dst_format", format}, {"dst_range", 1},
        {"sws_flags", SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT},
    };
    struct SwsContext *scaler = sws_alloc_context();
    bool is_set = scaler != NULL;
    for (size_t index = 0; is_set && index < sizeof options / sizeof options[0]; index++) {
        is_set = av_opt_set_int(scaler, options[index].name, options[index].value, 0) == 0;
    }
    if (!is_set || sws_init_context(scaler, NULL, NULL) < 0) {
        sws_freeContext(scaler);
        return NULL;
    }
    sws_setColorspaceDetails(scaler, sws_getCoefficients(frame->colorspace), is_full_range, sws_getCoefficients(SWS_CS_DEFAULT), 1, 0,
        1 << 16, 1 << 16);
    return scaler;
}

static enum status draw(work_t *work, const AVFrame *frame) {
    const request_t *request = work->request;
    int64_t width = side(request->width, request->height, frame->width, frame->height);
    int64_t height = side(request->height, request->width, frame->height, frame->width);
    if (width > longest_side || height > longest_side || width * height > most_pixels) return status_too_large;
    // What JPEG would make of red, green and blue is there already, mostly.
    bool is_planar = request->format == 1 && has_jpeg_colours(frame);
    int stride = is_planar ? ((int)width + 63) & ~63 : ((int)width * 3 + 63) & ~63;
    size_t luma = (size_t)stride * (size_t)height, chroma = is_planar ? (size_t)stride / 2 * (((size_t)height + 1) / 2) : 0;
    // Scalers write a little behind the end of a row.
    size_t size = luma + 2 * chroma + 64;
    if (size > work->pixels_size) {
        av_free(work->pixels);
        work->pixels = av_malloc(size);
        work->pixels_size = work->pixels ? size : 0;
        if (!work->pixels) return status_no_memory;
    }
    struct SwsContext *scaler = make_scaler(frame, (int)width, (int)height, is_planar ? AV_PIX_FMT_YUV420P : AV_PIX_FMT_RGB24);
    if (!scaler) return status_no_memory;
    uint8_t *planes[4] = {work->pixels, work->pixels + luma, work->pixels + luma + chroma};
    int strides[4] = {stride, stride / 2, stride / 2};
    int rows = sws_scale(scaler, (const uint8_t *const *)frame->data, frame->linesize, 0, frame->height, planes, strides);
    sws_freeContext(scaler);
    if (rows != height) return status_not_decoded;
    work->picture.count = 0;
    if (is_planar) return encode_jpeg_planes(&work->picture, planes, strides, (uint32_t)width, (uint32_t)height, request->quality);
    return request->format == 1
        ? encode_jpeg(&work->picture, work->pixels, (size_t)stride, (uint32_t)width, (uint32_t)height, request->quality)
        : encode_png(&work->picture, work->pixels, (size_t)stride, (uint32_t)width, (uint32_t)height);
}

/// Takes the frames that the decoder has; they come in the order of their times. Returns false where nobody takes answers any more.
static bool receive(work_t *work, AVCodecContext *decoder, AVFrame *frame) {
    while (!is_done(work) && avcodec_receive_frame(decoder, frame) == 0) {
        // What should have come before this one does not come any more.
        while (!is_done(work) && wanted_time(work) < frame->pts) {
            if (!tell(work, status_not_decoded)) return false;
        }
        if (!is_done(work) && wanted_time(work) == frame->pts && !tell(work, draw(work, frame))) return false;
        av_frame_unref(frame);
        while (!is_done(work) && work->sent >= most_sent) {
            if (!tell(work, status_later)) return false;
        }
    }
    return true;
}

/// Returns false where nobody takes answers any more.
static bool run(work_t *work, AVCodecContext *decoder, AVPacket *packet, AVFrame *frame) {
    const request_t *request = work->request;
    const uint8_t *at = request->frames;
    for (uint32_t index = 0; index < request->frame_count && !is_done(work); index++) {
        uint32_t size = read_u32(at + 8);
        // With no bytes a packet would be the end.
        if (size > 0) {
            if (av_new_packet(packet, (int)size) < 0) break;
            memcpy(packet->data, at + 12, size);
            packet->pts = read_i64(at);
            // A frame that cannot be decoded is not told as one.
            avcodec_send_packet(decoder, packet);
            av_packet_unref(packet);
            if (!receive(work, decoder, frame)) return false;
        }
        at += 12 + (size_t)size;
    }
    avcodec_send_packet(decoder, NULL);
    return receive(work, decoder, frame);
}

static bool open_decoder(const request_t *request, AVCodecContext *decoder, const AVCodec *codec) {
    decoder->thread_count = 1;
    decoder->max_pixels = most_pixels;
    decoder->pkt_timebase = (AVRational){1, 1000000000};
    if (request->codec_private_size > 0) {
        decoder->extradata = av_mallocz((size_t)request->codec_private_size + AV_INPUT_BUFFER_PADDING_SIZE);
        if (!decoder->extradata) return false;
        memcpy(decoder->extradata, request->codec_private, request->codec_private_size);
        decoder->extradata_size = (int)request->codec_private_size;
    }
    return avcodec_open2(decoder, codec, NULL) == 0;
}

bool decode(const request_t *request, bool (*answer)(enum status status, const uint8_t *picture, size_t size)) {
    av_log_set_level(AV_LOG_QUIET);
    work_t work = {.request = request, .answer = answer};
    const AVCodec *codec = avcodec_find_decoder(request->codec == 1 ? AV_CODEC_ID_H264 : AV_CODEC_ID_HEVC);
    AVCodecContext *decoder = codec ? avcodec_alloc_context3(codec) : NULL;
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    bool is_heard = true;
    if (decoder && packet && frame && open_decoder(request, decoder, codec)) is_heard = run(&work, decoder, packet, frame);
    while (is_heard && !is_done(&work)) is_heard = tell(&work, status_not_decoded);
    avcodec_free_context(&decoder);
    av_packet_free(&packet);
    av_frame_free(&frame);
    av_free(work.pixels);
    free(work.picture.bytes);
    return is_heard;
}
