import Contract
import CoreMetrics
import FragmentStore
public import Frames
import Locking
import Logging
import NIOCore
import ObjectStore
public import Prometheus
import SQL
public import ServiceLifecycle
public import Store

extension Family {
    fileprivate static let generated = counter(
        "weir_images_generated_total", "Images of tagged fragments: stored, or failed where none could be made.", labels: ["result"])
    fileprivate static let attempts = counter(
        "weir_image_attempts_total", "Attempts to make and store the images of a tagged fragment, by how they ended.", labels: ["result"])
}

/// Makes the images of tagged fragments, and puts them where their stream's image generation configuration says.
///
/// Any number of instances may run it: each claims what lies in its media folder or in the store that all share, for the time of a lease that is
/// renewed. What another makes again, because the first has died, has the same name.
///
/// Threads: one task runs it; it starts others for the fragments of a claim.
public final class ImageGeneration: Service {
    private let plane: MediaPlane
    private let store: Store
    private let frames: FramePool
    private let destinations: ImageDestinations
    /// Milliseconds.
    private let retry: Int64
    private let eventsWait: @Sendable () -> Void
    private let images: [String: Counter]
    private let attempts: [String: Counter]
    /// What does not work now and was logged: destinations, and weir-frames.
    private let failing = Failing()
    private let lookedForLost = Lock<Int64>(0)

    /// Fragments that are worked on at once.
    private static let claimLimit = 8
    /// Milliseconds after which the fragments of an instance that died are claimed by another.
    private static let lease: Int64 = 30_000
    /// Milliseconds of the first wait after a failure, and of the longest; each is twice as long as the one before.
    private static let waits: ClosedRange<Int64> = 5_000...600_000
    /// Images of a fragment that are in memory at once, and that are made of one at all.
    private static let atOnce = 25
    private static let mostImages = 1_500
    /// Milliseconds between two looks for fragments whose media folder is gone with its instance, and how much longer than others they wait.
    private static let lookForLost: Int64 = 600_000
    private static let lostWait: Int64 = 86_400_000
    /// How many an event names.
    private static let mostTold = 100

    /// Image generation of a plane and its store, with a pool that makes pictures. `eventsWait` is called after events, and must return at once.
    public init(
        _ plane: MediaPlane, _ store: Store, _ frames: FramePool, _ stores: ImageStores, registry: Registry = Registry(),
        eventsWait: @escaping @Sendable () -> Void = {}
    ) {
        self.plane = plane
        self.store = store
        self.frames = frames
        self.eventsWait = eventsWait
        destinations = ImageDestinations(stores)
        retry = stores.retry
        func counters(_ family: Family, _ results: [String]) -> [String: Counter] {
            Dictionary(uniqueKeysWithValues: results.map { ($0, Counter(family, [$0], in: registry)) })
        }
        images = counters(.generated, ["stored", "failed"])
        attempts = counters(.attempts, ["stored", "failed", "unwanted", "postponed", "given-up"])
    }

    /// Works until the process is asked to stop. What is under way then is left to others, and to the next start.
    public func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            var isFailing = false
            while (try? await Task.sleep(for: .milliseconds(.random(in: 500...1000)))) != nil {
                do throws(DatabaseError) {
                    try await workOff()
                    isFailing = false
                } catch {
                    if !isFailing { plane.logger.warning("images are not made", metadata: ["error": "\(error)"]) }
                    isFailing = true
                }
            }
        }
        await destinations.close()
    }

    /// Works on what is due until nothing is.
    func workOff() async throws(DatabaseError) {
        guard let storeID = plane.store.storeID else { return }
        try await giveUpLost()
        let longestWait = 2 * Self.waits.upperBound
        while !Task.isCancelled {
            guard let due = try await store.nextImagesDue(storeID: storeID), due <= 0 || due > longestWait else { return }
            let claimed = try await store.claimImages(
                storeID: storeID, lease: Self.lease, longestWait: longestWait, limit: Self.claimLimit)
            guard !claimed.isEmpty else { return }
            await withDiscardingTaskGroup { group in
                for work in claimed { group.addTask { await self.complete(work) } }
            }
        }
    }

    /// Gives up what nobody can make any more: the instance whose folder it is in would have given it up before.
    private func giveUpLost() async throws(DatabaseError) {
        let now = plane.clock()
        guard lookedForLost.withLock({ now - $0 > Self.lookForLost }) else { return }
        var count = 0
        repeat {
            count = try await store.removeImages(olderThan: retry + Self.lostWait, limit: 1000)
            if count > 0 { plane.logger.warning("images are given up: nobody has their media", metadata: ["fragments": "\(count)"]) }
        } while count == 1000
        lookedForLost.withLock { $0 = now }
    }

    // MARK: A fragment

    /// What keeps images from being made or stored now.
    private struct Obstacle: Error {
        /// As it is told when they are given up.
        let reason: String
        /// Where it is: a destination, or weir-frames.
        let place: String
        /// For operators.
        let text: String
    }

    /// Makes and stores the images of a fragment, and records how that went. What the database does not take is done again after the lease.
    private func complete(_ work: ImageWork) async {
        // It ends with this call, and is awaited by nobody: a lease that is renewed once more was finished or given back, which its token tells.
        let renewal = Task { [store] in
            while (try? await Task.sleep(for: .milliseconds(Self.lease / 3))) != nil { try? await store.renew(work, lease: Self.lease) }
        }
        defer { renewal.cancel() }
        do throws(DatabaseError) {
            let stream = try await store.mediaStream(ofID: work.streamID)
            switch await attempt(work, stream) {
            case .success(let outcome): try await finish(work, stream, outcome)
            case .failure where Task.isCancelled: return
            case .failure(let obstacle):
                if failing.note(obstacle.place, obstacle.text) {
                    plane.logger.warning("images wait", metadata: ["place": "\(obstacle.place)", "error": "\(obstacle.text)"])
                }
                if work.age >= retry {
                    try await finish(work, stream, .failed(reason: obstacle.reason), isGivenUp: true)
                } else {
                    attempts["postponed"]?.increment()
                    let wait = min(Self.waits.lowerBound << min(work.attempt - 1, 20), Self.waits.upperBound)
                    try await store.postpone(work, for: wait * .random(in: 500...1000) / 1000, obstacle.text)
                }
            }
        } catch {
            plane.logger.warning("the images of a fragment are left for later", metadata: ["error": "\(error)"])
        }
    }

    private func finish(
        _ work: ImageWork, _ stream: StoredStream?, _ outcome: ImageOutcome, isGivenUp: Bool = false
    ) async throws(DatabaseError) {
        guard try await store.finish(work, of: stream, outcome, at: plane.clock()) else { return }
        let result =
            switch outcome {
            case .stored: "stored"
            case .failed: isGivenUp ? "given-up" : "failed"
            case .unwanted: "unwanted"
            }
        attempts[result]?.increment()
        eventsWait()
    }

    private func attempt(_ work: ImageWork, _ stream: StoredStream?) async -> Result<ImageOutcome, Obstacle> {
        guard let stream, let configuration = stream.imageGeneration.flatMap(ImageGenerationConfiguration.value(from:)),
            configuration.status == .enabled, let tags = ImageTags(json: work.tags), let numberLow = UInt32(exactly: work.numberLow),
            let number = FragmentNumber(sequence: work.sequence, serverTime: work.serverTime, random: numberLow),
            let style = try? ImageStyle(
                configuration.format, configuration.formatConfig, width: configuration.widthPixels, height: configuration.heightPixels)
        else { return .success(.unwanted) }
        guard frames.isInstalled else {
            return .failure(
                Obstacle(reason: "MEDIA_ERROR", place: frames.program, text: "weir-frames, which makes images, is not installed"))
        }
        let destination = configuration.destinationConfig
        // What was seen to be away lately is not waited for again and again: others' images would wait too.
        if let text = failing.recently(destination.uri) {
            return .failure(Obstacle(reason: "DESTINATION_ERROR", place: destination.uri, text: text))
        }
        var images: [(key: String, moment: Int64)] = []
        var failed = 0
        do {
            let (bucket, prefix, longestName) = try await destinations.bucket(of: destination)
            guard let record = try await plane.store.fragment(number, of: stream.key) else { return .success(.unwanted) }
            let start = configuration.imageSelectorType == .serverTimestamp ? record.serverTime : record.producerTime
            let offsets = stride(from: work.first, through: record.length, by: Int64.Stride(work.interval)).prefix(Self.mostImages)
            var rest = offsets.map { max($0, 0) }[...]
            while !rest.isEmpty {
                // The last picture is seen as long as there is sound.
                let pictures = try await plane.store.pictures(
                    of: record, at: Array(rest.prefix(Self.atOnce)), next: record.length + 1, style, frames)
                for picture in pictures {
                    let offset = rest.removeFirst()
                    switch picture {
                    case .success(let bytes):
                        let key =
                            prefix + tags.key(stream, number, at: start + offset, configuration.format, longestName: longestName)
                        let metadata = tags.metadata(
                            number, producerTime: record.producerTime + offset, serverTime: record.serverTime + offset)
                        try await bucket.put(
                            key, bytes, ObjectAttributes(contentType: configuration.format.contentType, metadata: metadata))
                        images.append((key, start + offset))
                        self.images["stored"]?.increment()
                    case .failure(.notStarted), .failure(.noMemory):
                        return .failure(Obstacle(reason: "MEDIA_ERROR", place: frames.program, text: "weir-frames cannot be started"))
                    case .failure:
                        failed += 1
                        self.images["failed"]?.increment()
                    case nil: break
                    }
                }
            }
        } catch let failure as ReadFailure {
            switch failure {
            case .fragmentGone, .streamGone: return .success(.unwanted)
            case .damaged(let context):
                plane.logger.warning("a fragment cannot be read", metadata: ["number": "\(number)", "error": "\(context)"])
                return .success(.failed(reason: "MEDIA_ERROR"))
            case .disk(let context): return .failure(Obstacle(reason: "MEDIA_ERROR", place: "media", text: context))
            case .database(let error): return .failure(Obstacle(reason: "MEDIA_ERROR", place: "database", text: "\(error)"))
            }
        } catch {
            return .failure(Obstacle(reason: "DESTINATION_ERROR", place: destination.uri, text: "\(error)"))
        }
        if failing.end(destination.uri) { plane.logger.notice("images are stored again", metadata: ["place": "\(destination.uri)"]) }
        if failed > 0 { return .success(.failed(reason: "MEDIA_ERROR")) }
        return .success(images.isEmpty ? .unwanted : .stored(event: event(stream, number, destination, images)))
    }

    /// What subscribers are told of images.
    private func event(
        _ stream: StoredStream, _ number: FragmentNumber, _ destination: ImageGenerationDestinationConfig,
        _ images: [(key: String, moment: Int64)]
    ) -> String {
        var writer = JSONWriter(capacity: 1024)
        writer.beginObject()
        writer.key("StreamArn")
        writer.string(stream.arn)
        writer.key("FragmentNumber")
        writer.string(number.description)
        writer.key("Destination")
        writer.string(destination.uri)
        writer.key("Count")
        writer.integer(Int64(images.count))
        writer.key("Images")
        writer.beginArray()
        for image in images.prefix(Self.mostTold) {
            writer.beginObject()
            writer.key("Key")
            writer.string(image.key)
            writer.key("Timestamp")
            writer.integer(image.moment)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

extension Format {
    fileprivate var contentType: String {
        switch self {
        case .jpeg: "image/jpeg"
        case .png: "image/png"
        }
    }
}

/// What does not work at the moment, by its name; at most a thousand.
///
/// Threads: any task may use it at any time.
private final class Failing: Sendable {
    private struct Failure {
        let text: String
        var until: ContinuousClock.Instant
    }

    private let failures = Lock<[String: Failure]>([:])
    /// How long what failed is not tried again.
    private static let pause = Duration.seconds(10)

    /// Returns whether it was not known to fail.
    func note(_ name: String, _ text: String) -> Bool {
        failures.withLock { failures in
            let isKnown = failures[name] != nil
            guard isKnown || failures.count < 1000 else { return false }
            // Those that were not tried say what the last one found.
            if failures[name].map({ $0.until < .now }) ?? true { failures[name] = Failure(text: text, until: .now + Self.pause) }
            return !isKnown
        }
    }

    /// Returns how it failed, where that was within the last seconds.
    func recently(_ name: String) -> String? {
        failures.withLock { $0[name].flatMap { $0.until > .now ? $0.text : nil } }
    }

    /// Returns whether it was known to fail.
    func end(_ name: String) -> Bool { failures.withLock { $0.removeValue(forKey: name) != nil } }
}
