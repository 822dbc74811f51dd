import Files
import Glibc

/// Standard output, written at once: whoever reads a pipe sees each line as it comes.
enum Output {
    static func write(_ bytes: [UInt8]) {
        // What cannot be written is for nobody: whoever read has left.
        if writeWhole(bytes, to: STDOUT_FILENO) != 0 { exit(0) }
    }

    /// To standard error, for people.
    static func writeError(_ text: String) {
        _ = writeWhole(Array(text.utf8), to: STDERR_FILENO)
    }
}
