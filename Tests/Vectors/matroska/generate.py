"""Makes small files with the muxers that people use, and beside each what ffprobe and mkvinfo read in it.

    python3 Tests/Vectors/matroska/generate.py

Needs ffmpeg, mkvtoolnix and GStreamer with its good and ugly plugins. `NAME.frames` has a line for each frame in the order of the bytes: index of its
track, presentation time in milliseconds, `K` for a key frame, size, Adler-32. `NAME.blocks` has a line for each block: track number, frames in it,
time in nanoseconds.
"""

import json
import pathlib
import re
import subprocess
import tempfile

here = pathlib.Path(__file__).parent


def run(*words, **more):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, **more).stdout


def ffmpeg(*words):
    return run("ffmpeg", "-v", "error", "-y", "-bitexact", *words)


def picture(seconds):
    return "-f", "lavfi", "-i", f"testsrc=s=64x48:r=10:d={seconds}"


def sound(seconds, rate=16000):
    return "-f", "lavfi", "-i", f"sine=440:r={rate}:d={seconds}"


h264 = "-c:v", "libx264", "-preset", "veryfast", "-crf", "45", "-g", "10", "-bf", "2"
aac = "-c:a", "aac", "-b:a", "8k", "-ac", "1"


def make(folder):
    source, track = folder / "source.mkv", folder / "track.mkv"
    ffmpeg(*picture(2.5), *sound(2.5), *h264, *aac, source)
    ffmpeg(*picture(1), "-c:v", "mpeg4", "-q:v", "31", track)
    # A file: SeekHead, Void, Cues, known sizes, clusters not at key frames.
    ffmpeg("-i", source, "-c", "copy", "-cluster_time_limit", "700", here / "ffmpeg.mkv")
    # To a pipe: unknown sizes; VP8 with Opus, whose last block has padding to discard.
    live = ffmpeg(
        *picture(1.5), *sound(1.5, 48000), "-c:v", "libvpx", "-crf", "60", "-b:v", "5k", "-c:a", "libopus", "-b:a", "6k", "-f", "webm", "-live", "1",
        "-cluster_time_limit", "500", "-")
    (here / "ffmpeg-live.webm").write_bytes(live)
    # AAC with eight frames in a block.
    run("mkvmerge", "--deterministic", "1", "-q", "-o", here / "mkvmerge-laced.mkv", "--compression", "-1:none", source)
    # MPEG-4 whose frames lack their first three bytes.
    run("mkvmerge", "--deterministic", "1", "-q", "-o", here / "mkvmerge-stripped.mkv", "--compression", "0:mpeg4_p2", track)
    run("gst-launch-1.0", "-q", *(
        "matroskamux name=mux streamable=true ! filesink location={out} "
        "videotestsrc num-buffers=6 ! video/x-raw,width=64,height=48,framerate=10/1 ! jpegenc quality=5 ! queue ! mux. "
        "audiotestsrc num-buffers=4 samplesperbuffer=1000 ! audio/x-raw,rate=8000,channels=1 ! alawenc ! queue ! mux.").format(
        out=here / "gstreamer.mkv").split())


def describe(file):
    packets = json.loads(run("ffprobe", "-v", "error", "-show_packets", "-show_data_hash", "adler32", "-of", "json", file))["packets"]
    lines = [
        f"{packet['stream_index']} {packet.get('pts', '-')} {'K' if 'K' in packet['flags'] else '-'} {packet['size']} "
        f"{packet['data_hash'].partition(':')[2]}" for packet in packets]
    file.with_suffix(".frames").write_text("\n".join(lines) + "\n")
    blocks = []
    for line in run("mkvinfo", "--ui-language", "en_US", "-v", "-v", file, text=True).splitlines():
        found = re.search(r"(?:Simple block|Block): .*?track number (\d+), (\d+) frame\(s\), timestamp (\d+):(\d+):(\d+)\.(\d+)", line)
        if found:
            number, frames, hours, minutes, seconds, fraction = found.groups()
            time = ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 10**9 + int(fraction)
            blocks.append(f"{number} {frames} {time}")
    file.with_suffix(".blocks").write_text("\n".join(blocks) + "\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        make(pathlib.Path(folder))
    for file in sorted([*here.glob("*.mkv"), *here.glob("*.webm")]):
        describe(file)
