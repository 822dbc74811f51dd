package import Signing

/// A request to be posted.
package struct OutgoingRequest: Sendable {
    package let url: String
    package let headers: [RequestSigner.Header]
    package let body: [UInt8]
}

/// A whole answer.
package struct ReceivedAnswer: Sendable {
    package let status: Int
    /// The value of `x-amzn-ErrorType`.
    package let errorType: String?
    package let body: [UInt8]

    package init(status: Int, errorType: String? = nil, body: [UInt8]) {
        self.status = status
        self.errorType = errorType
        self.body = body
    }
}

/// Why the server's certificate is not trusted. The request was not sent.
package struct ServerIsNotTrusted: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}

/// Posts one request over HTTP and reads the whole answer. Ends soon after its task was cancelled.
package protocol Exchange: Sendable {
    /// - Throws: Where no whole answer came within `deadline`; `ServerIsNotTrusted` where there can be none until an operator has done something.
    func post(_ request: OutgoingRequest, within deadline: Duration) async throws -> ReceivedAnswer

    /// Trusts the authorities in this PEM file, or where there is none the system's, for connections that are made from now on.
    ///
    /// - Throws: Where the file cannot be used; nothing is changed then.
    func trust(caFile: String?) throws(SettingsFault)
}
