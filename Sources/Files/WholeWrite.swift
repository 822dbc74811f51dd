import Glibc

/// Writes all bytes to a descriptor, in as many steps as that takes.
///
/// - Returns: 0, or the `errno` of the step that failed; the steps before it were written.
package func writeWhole(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
    bytes.withUnsafeBytes { bytes in
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return written < 0 ? errno : ENOSPC }
            rest = rest.dropFirst(written)
        }
        return 0
    }
}
