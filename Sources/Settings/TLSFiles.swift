package import Files

extension ServerConfiguration {
    /// What TLS is served with, both in PEM.
    package struct TLSFiles: Sendable, Equatable {
        /// The path of the chain.
        package let certificate: String
        /// The path of the private key.
        package let key: String

        /// The private key, from a file that is the server's alone.
        package func keyBytes() throws(PrivateFile.Failure) -> [UInt8] {
            guard let bytes = try PrivateFile.read(key) else { throw PrivateFile.Failure(description: "\(key) is missing.") }
            return bytes
        }
    }
}
