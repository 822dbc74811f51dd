import Files
import Glibc

/// Standard output, written at once: whoever reads a pipe sees each line as it comes.
enum Output {
    /// Ends the process where it cannot be written: well where whoever read has left, with status 1 and a word where a disk is full, say.
    static func write(_ bytes: [UInt8]) {
        let fault = writeWhole(bytes, to: STDOUT_FILENO)
        guard fault != 0 else { return }
        guard fault != EPIPE else { exit(0) }
        writeError("Error: standard output cannot be written: \(String(cString: strerror(fault)))\n")
        exit(1)
    }

    /// To standard error, for people.
    static func writeError(_ text: String) {
        _ = writeWhole(Array(text.utf8), to: STDERR_FILENO)
    }
}

/// In place of Swift's own, which says nothing where it cannot write.
func print(_ text: String, terminator: String = "\n") { Output.write(Array((text + terminator).utf8)) }
