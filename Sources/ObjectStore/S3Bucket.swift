import AsyncHTTPClient
import Crypto
import FoundationEssentials
public import NIOCore
import NIOHTTP1
import NIOSSL
import Signing

/// A bucket of an S3-compatible store, or what of it begins with a prefix. Calls: PutObject, GetObject with Range, HeadObject, DeleteObject,
/// DeleteObjects, ListObjectsV2 (Amazon S3 API Reference), signed by SigV4 with the hash of the body.
///
/// An object's bytes are in memory once, as they were given; of an answer no more is read than was asked for.
public final class S3Bucket: Bucket {
    public let name: String
    private let signer: RequestSigner
    private let scheme: String
    private let host: String
    /// What the path of each request begins with: nothing, or a slash and the bucket.
    private let root: String
    private let prefix: String
    private let limits: S3Settings.Limits
    private let client: HTTPClient

    /// No answer without an object is longer: a page of 1,000 keys.
    private static let longestDocument: Int64 = 4 << 20

    /// A bucket and the prefix of its keys.
    public init(_ settings: S3Settings, bucket: String, prefix: String = "") throws(BucketFailure) {
        let endpoint = try settings.place()
        name = "s3://\(bucket)/\(prefix) at \(endpoint.authority)"
        signer = RequestSigner(credentials: settings.credentials, region: settings.region, service: "s3")
        scheme = endpoint.scheme
        host = settings.usesVirtualHosts ? "\(bucket).\(endpoint.authority)" : endpoint.authority
        root = settings.usesVirtualHosts ? "" : "/\(bucket)"
        self.prefix = prefix
        limits = settings.limits
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        if let caFile = settings.caFile {
            do {
                let certificates = try NIOSSLCertificate.fromPEMFile(caFile)
                guard !certificates.isEmpty else { throw BucketFailure.refused("it holds no certificate") }
                tls.trustRoots = .certificates(certificates)
            } catch {
                throw .refused("\(caFile) is not a PEM file of certificates to trust")
            }
        }
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            timeout: .init(connect: TimeAmount(min(settings.limits.attempt, .seconds(5)))), decompression: .disabled)
        configuration.httpVersion = .http1Only
        configuration.connectionPool.idleTimeout = .seconds(30)
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = settings.limits.connections
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Fails only where that was done before.
    public func close() async { try? await client.shutdown() }

    // MARK: Calls

    public func put(_ key: String, _ bytes: ByteBuffer, _ attributes: ObjectAttributes) async throws(BucketFailure) {
        try ObjectKey.require(key)
        // Stores that do not look at the signed hash look at this one.
        var headers = [RequestSigner.Header("Content-MD5", Self.checksum(bytes))]
        if let type = attributes.contentType { headers.append(.init("Content-Type", type)) }
        if let storageClass = attributes.storageClass { headers.append(.init("x-amz-storage-class", storageClass)) }
        for (name, value) in attributes.metadata { headers.append(.init("x-amz-meta-\(name)", value)) }
        _ = try await call(Request(method: .PUT, path: path(of: key), headers: headers, body: bytes))
    }

    public func get(_ key: String, _ range: Range<Int64>) async throws(BucketFailure) -> ByteBuffer {
        try ObjectKey.require(key)
        guard !range.isEmpty else { return ByteBuffer() }
        let answer = try await call(
            Request(
                method: .GET, path: path(of: key), headers: [.init("Range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)")],
                longest: Int64(range.count)))
        // A store may leave the range out of account, if that is all of the object: more is not read.
        guard answer.status == .partialContent || range.lowerBound == 0 else {
            if answer.status == .rangeNotSatisfiable { return ByteBuffer() }
            throw .refused("\(name) does not give ranges of objects")
        }
        return answer.status == .rangeNotSatisfiable ? ByteBuffer() : answer.body
    }

    public func size(of key: String) async throws(BucketFailure) -> Int64? {
        try ObjectKey.require(key)
        do throws(BucketFailure) {
            let answer = try await call(Request(method: .HEAD, path: path(of: key)))
            guard let size = answer.headers.first(name: "Content-Length").flatMap({ Int64($0) }) else {
                throw .unavailable("\(name) does not tell the size of an object")
            }
            return size
        } catch .missing {
            return nil
        }
    }

    public func remove(_ keys: [String]) async throws(BucketFailure) {
        for key in keys { try ObjectKey.require(key) }
        guard keys.count > 1 else {
            if let key = keys.first { _ = try await removing(Request(method: .DELETE, path: path(of: key))) }
            return
        }
        for first in stride(from: 0, to: keys.count, by: 1000) {
            let some = keys[first..<min(first + 1000, keys.count)]
            let objects = some.map { "<Object><Key>\(prefix)\($0)</Key></Object>" }.joined()
            let body = ByteBuffer(
                string: "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>\(objects)</Delete>")
            let checksum = Self.checksum(body)
            let answer = try await removing(
                Request(
                    method: .POST, path: root.isEmpty ? "/" : root, query: [("delete", "")],
                    headers: [.init("Content-MD5", checksum), .init("Content-Type", "application/xml")], body: body))
            // One that is not there is removed; what else was not is told.
            let errors = answer.flatMap { XMLText(String(buffer: $0.body)).elements("Error") } ?? []
            for error in errors {
                let code = error.element("Code") ?? "an error"
                if code != "NoSuchKey" { throw .unavailable("\(name) did not remove an object: \(code.prefix(64))") }
            }
        }
    }

    private func removing(_ request: Request) async throws(BucketFailure) -> Answer? {
        do throws(BucketFailure) { return try await call(request) } catch .missing { return nil }
    }

    public func list(prefix: String, after key: String) async throws(BucketFailure) -> [StoredObject] {
        var query = [("list-type", "2"), ("max-keys", "1000"), ("prefix", self.prefix + prefix)]
        if !key.isEmpty { query.append(("start-after", self.prefix + key)) }
        var found: [StoredObject] = []
        while true {
            let answer = try await call(Request(method: .GET, path: root.isEmpty ? "/" : root, query: query))
            let document = XMLText(String(buffer: answer.body))
            for entry in document.elements("Contents") {
                guard let full = entry.element("Key"), full.hasPrefix(self.prefix), let size = entry.element("Size").flatMap({ Int64($0) }),
                    let modified = entry.element("LastModified").flatMap({ Self.date($0) })
                else { throw .unavailable("\(name) does not answer as S3 does") }
                let own = String(full.dropFirst(self.prefix.count))
                // Keys that are not of ours: folders' markers, and what others put there.
                guard ObjectKey.isValid(own) else { continue }
                found.append(StoredObject(key: own, size: size, modified: modified))
            }
            guard found.count < 1000, document.element("IsTruncated") == "true", let token = document.element("NextContinuationToken")
            else {
                return Array(found.prefix(1000))
            }
            query.removeAll { $0.0 == "continuation-token" }
            query.append(("continuation-token", token))
        }
    }

    private static func date(_ text: String) -> Date? {
        (try? Date(text, strategy: .iso8601)) ?? (try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
    }

    private static func checksum(_ bytes: ByteBuffer) -> String {
        bytes.withUnsafeReadableBytes { Data(Insecure.MD5.hash(data: $0)) }.base64EncodedString()
    }

    // MARK: A request

    private struct Request {
        var method: HTTPMethod
        var path: String
        var query: [(name: String, value: String)] = []
        var headers: [RequestSigner.Header] = []
        var body = ByteBuffer()
        /// Bytes of the answer that are read.
        var longest = S3Bucket.longestDocument
    }

    private struct Answer: Sendable {
        let status: HTTPResponseStatus
        let headers: HTTPHeaders
        let body: ByteBuffer
    }

    /// Why an attempt failed, and whether another may succeed.
    private struct Attempt: Error {
        let failure: BucketFailure
        let mayRepeat: Bool
    }

    private func path(of key: String) -> String {
        root + "/" + (prefix + key).split(separator: "/").map { RequestSigner.percentEncoded($0) }.joined(separator: "/")
    }

    /// Sends a request until it is answered, or refused, or the time is over.
    private func call(_ request: Request) async throws(BucketFailure) -> Answer {
        let hash = request.body.withUnsafeReadableBytes { RequestSigner.hexadecimal(SHA256.hash(data: $0)) }
        let end = ContinuousClock.now + limits.call
        var pause = limits.firstPause
        while true {
            do throws(Attempt) {
                return try await attempt(request, hash)
            } catch {
                let wait = pause * Double.random(in: 0.1...1)
                guard error.mayRepeat, ContinuousClock.now + wait < end, (try? await Task.sleep(for: wait)) != nil else {
                    throw error.failure
                }
                pause = min(pause * 2, limits.longestPause)
            }
        }
    }

    private func attempt(_ request: Request, _ hash: String) async throws(Attempt) -> Answer {
        let bytes = Int64(request.body.readableBytes) + (request.method == .GET ? request.longest : 0)
        let limit = limits.attempt + .seconds(bytes >> 20)
        let outcome = await withTaskGroup(of: Result<Answer, Attempt>.self) { group in
            group.addTask { await self.exchange(request, hash, limit) }
            group.addTask {
                try? await Task.sleep(for: limit)
                return .failure(Attempt(failure: .unavailable("\(self.name) did not answer in time"), mayRepeat: !Task.isCancelled))
            }
            let first = await group.next()
            group.cancelAll()
            return first
        }
        guard let outcome else { throw Attempt(failure: .unavailable("\(name) was not asked"), mayRepeat: false) }
        let answer = try outcome.get()
        if (200..<300).contains(answer.status.code) || answer.status == .rangeNotSatisfiable { return answer }
        throw refusal(answer)
    }

    /// One request and its whole answer.
    private func exchange(_ request: Request, _ hash: String, _ limit: Duration) async -> Result<Answer, Attempt> {
        let query = RequestSigner.query(request.query)
        var outgoing = HTTPClientRequest(url: "\(scheme)://\(host)\(request.path)\(query.isEmpty ? "" : "?" + query)")
        outgoing.method = request.method
        let signature = signer.s3Headers(
            signing: request.headers + [.init("Host", host)], method: request.method.rawValue, path: request.path, query: request.query,
            bodyHash: hash, at: .now)
        for header in request.headers + signature { outgoing.headers.add(name: header.name, value: header.value) }
        outgoing.headers.replaceOrAdd(name: "Host", value: host)
        if request.method == .PUT || request.method == .POST { outgoing.body = .bytes(request.body) }
        do {
            let answer = try await client.execute(outgoing, deadline: .now() + TimeAmount(limit))
            var body = ByteBuffer()
            // Of a GET whose range was left out of account no more is read than was asked for.
            let longest = (200..<300).contains(answer.status.code) ? Int(request.longest) : 64 << 10
            for try await var piece in answer.body {
                guard let own = piece.readSlice(length: min(piece.readableBytes, longest - body.readableBytes)) else { break }
                body.writeImmutableBuffer(own)
                if body.readableBytes == longest { break }
            }
            return .success(Answer(status: answer.status, headers: answer.headers, body: body))
        } catch {
            return .failure(Attempt(failure: .unavailable(describe(error)), mayRepeat: !(error is CancellationError) && !Task.isCancelled))
        }
    }

    /// What an answer that is no success means.
    private func refusal(_ answer: Answer) -> Attempt {
        let code = XMLText(String(buffer: answer.body)).element("Code").map { String($0.prefix(64)) }
        let text = "\(name) answered \(answer.status.code)\(code.map { " (\($0))" } ?? "")"
        switch (answer.status.code, code) {
        case (404, "NoSuchBucket"): return Attempt(failure: .refused(text), mayRepeat: false)
        case (404, _): return Attempt(failure: .missing, mayRepeat: false)
        // What was sent did not arrive whole.
        case (400, "BadDigest"), (400, "IncompleteBody"), (400, "RequestTimeout"), (400, "XAmzContentSHA256Mismatch"):
            return Attempt(failure: .unavailable(text), mayRepeat: true)
        case (403, "RequestTimeTooSkewed"):
            return Attempt(failure: .refused("\(text): this machine's clock is wrong, or the store's"), mayRepeat: false)
        case (408, _), (409, _), (429, _), (500..., _): return Attempt(failure: .unavailable(text), mayRepeat: true)
        default: return Attempt(failure: .refused(text), mayRepeat: false)
        }
    }

    private func describe(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError where error == .deadlineExceeded || error == .readTimeout || error == .connectTimeout:
            "\(name) did not answer in time"
        case let error as HTTPClientError: "\(name): \(error.shortDescription)"
        case let error as IOError: "\(name): \(error.description)"
        case is CancellationError: "the call was cancelled"
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError: "\(name): no TLS connection could be made"
        default:
            // The library's own text names its source files.
            "\(error)".contains("CERTIFICATE_VERIFY_FAILED")
                ? "\(name) has a certificate that is not trusted" : "\(name): \(String("\(error)".prefix(150)))"
        }
    }
}
