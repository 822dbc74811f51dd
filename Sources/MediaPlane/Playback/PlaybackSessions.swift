import Contract
import FragmentStore
import Identity
import Locking
import MediaFormats
import Store

/// The sessions of players: made, opened, and what they list.
///
/// A session has no state but its token. What is kept of it here saves work, and is made anew by any instance that is asked.
///
/// Threads: any task may use it at any time.
final class PlaybackSessions: Sendable {
    /// What a session lists, and how far its fragments were looked at.
    struct Listing: Sendable {
        var window: PlaylistWindow
        var position: FragmentPosition?
        /// Milliseconds that the listed fragments, and those before them, play.
        var elapsed: Int64 = 0
        /// Bits a second of the fragment that has the most.
        var bandwidth = 0
        /// Of the tracks that are played.
        var tracks: PlayedTracks?
        /// Whether there is nothing that waits for its time.
        var isAtEnd = false
    }

    private let store: FragmentStore
    private let playable: PlayableFragments
    private let tokens: SealedTokens
    private let archiveAddress: @Sendable (ResourceKey, Caller) async throws(OperationError) -> String
    private let clock: @Sendable () -> Int64
    private let listings = Lock(KeptListings())

    init(
        _ store: FragmentStore, _ playable: PlayableFragments, _ tokens: SealedTokens,
        _ archiveAddress: @escaping @Sendable (ResourceKey, Caller) async throws(OperationError) -> String,
        _ clock: @escaping @Sendable () -> Int64
    ) {
        self.store = store
        self.playable = playable
        self.tokens = tokens
        self.archiveAddress = archiveAddress
        self.clock = clock
    }

    // MARK: Making one

    /// Completes a session by what it begins with, and returns its address. `session.stream` has the creation time.
    func address(of session: PlaybackSession, _ stream: StoredStream, path: String, for caller: Caller) async throws(OperationError)
        -> String
    {
        guard stream.retentionHours > 0 else {
            throw OperationError(
                .noDataRetention, "The stream \(stream.key.name) has a retention of 0 hours, and playback needs media that is kept.")
        }
        var session = session
        let beginning = try await beginning(of: session, stream)
        guard let first = beginning.first else {
            throw OperationError(.resourceNotFound, "No fragments found in the stream for the streaming request.")
        }
        session.first = first.number.sequence
        session.base = session.start(of: first)
        try await measure(&session, beginning, first)
        // Whatever cannot be played is told now, as far as it is there.
        _ = try await listing(of: session)
        return try await archiveAddress(stream.key, caller) + path + "?SessionToken=" + tokens.token(of: session.text)
    }

    /// The fragments that a session begins with, a hundred at most; none where there are none. What is LIVE begins with as many as its playlist
    /// may list, if one of the last 30 seconds is among them.
    private func beginning(of session: PlaybackSession, _ stream: StoredStream) async throws(OperationError) -> [FragmentRecord] {
        guard session.mode == .live else { return try await page(of: stream, session.selection, limit: 100) }
        var span: Int64 = 30_000
        var found: [FragmentRecord] = []
        repeat {
            found = try await page(of: stream, .serverTime((stream.now - span)...(.max)), limit: 4 * session.capacity + 1000)
            if found.isEmpty, span == 30_000 { return [] }
            if span > stream.now - stream.horizon { break }
            span *= 4
        } while found.count < session.capacity
        return found.suffix(session.capacity)
    }

    private func page(of stream: StoredStream, _ selection: FragmentSelection, limit: Int) async throws(OperationError) -> [FragmentRecord]
    {
        do throws(ReadFailure) {
            return try await store.fragments(of: stream, selection, limit: limit).fragments
        } catch {
            throw OperationError(error)
        }
    }

    /// Finds where the first sound of a session is, and how long fragments play beyond the start of their last frame, of which the index says
    /// nothing: as long as the longest of those it begins with, which is the least likely to be one that broke off; those of a single frame as
    /// long as most of them are from the next fragment.
    private func measure(
        _ session: inout PlaybackSession, _ beginning: [FragmentRecord], _ first: FragmentRecord
    ) async throws(OperationError) {
        let tracks = try await playable.header(of: first).played
        if session.form != .dash {
            do throws(UnplayableMedia) { try tracks.requireHLS() } catch { throw OperationError(error) }
        }
        let steps = zip(beginning, beginning.dropFirst()).map { record, next -> Int64? in
            let (step, overflows) = session.start(of: next).subtractingReportingOverflow(session.start(of: record))
            return overflows || step <= 0 || step > 60_000 ? nil : step
        }
        let stills = zip(beginning, steps).filter { $0.0.length == 0 }.compactMap(\.1).sorted()
        let lengths = beginning.map(\.length)
        let place = lengths.firstIndex(of: lengths.max() ?? 0) ?? 0
        let (measured, next) = (beginning[place], place < steps.count ? steps[place] : nil)

        if let audio = tracks.audio {
            let origin = try await reading(first) { fragment, _ in fragment.frames.first { $0.track == audio.number }?.time }
            session.audioOrigin = origin.flatMap { $0 } ?? 0
        }
        let length = try await reading(measured) { fragment, tracks throws(UnplayableMedia) in
            try TimedFragment(fragment, of: tracks, at: 0, next: next.map { $0 * 1_000_000 }).length / 1_000_000
        }
        let usual = ((tracks.video ?? tracks.audio)?.frameDuration ?? 40_000_000) / 1_000_000
        session.frame = min(max(length.map { $0 - measured.length } ?? usual, 1), 20_000)
        session.still = stills.isEmpty ? session.frame : min(stills[(stills.count - 1) / 2], 20_000)
        session.target = HLS.target(session.duration(of: first))
    }

    /// Returns what is found in a fragment; nil where its frames cannot be read, which is no error of a session: whoever asks for that fragment is
    /// told.
    private func reading<Found: Sendable>(
        _ record: FragmentRecord, _ find: (MediaFormats.Fragment, PlayedTracks) throws(UnplayableMedia) -> Found
    ) async throws(OperationError) -> Found? {
        do {
            return try await playable.holding(record) {
                let (tracks, fragment) = try await playable.read(record)
                return try find(fragment, tracks)
            }
        } catch let error as UnplayableMedia {
            guard case .invalidMediaFrame = error else { throw OperationError(error) }
        } catch {
            let refusal = error as? OperationError ?? .internalFailure("\(error)")
            guard refusal.code == .invalidMediaFrame else { throw refusal }
        }
        return nil
    }

    // MARK: Opening one

    /// The session of a token, while it lasts.
    func session(_ token: String?) throws(OperationError) -> PlaybackSession {
        guard let token, let text = tokens.content(of: token), let session = PlaybackSession(text) else {
            throw OperationError(.accessDenied, "Streaming session token is invalid")
        }
        guard clock() < session.expires else { throw OperationError(.accessDenied, "Streaming session token is expired") }
        return session
    }

    func stream(of session: PlaybackSession) async throws(OperationError) -> StoredStream {
        do throws(ReadFailure) {
            if let found = try await store.stream(session.stream) { return found }
        } catch {
            throw OperationError(error)
        }
        throw .streamNotFound
    }

    /// A fragment of a session, by its number.
    func fragment(_ number: String?, of session: PlaybackSession) async throws(OperationError) -> FragmentRecord {
        do throws(ReadFailure) {
            if let number = number.flatMap({ FragmentNumber($0) }), let found = try await store.fragment(number, of: session.stream),
                session.holds(found)
            {
                return found
            }
        } catch {
            throw OperationError(error)
        }
        throw OperationError(.resourceNotFound, "The session has no such fragment.")
    }

    /// The fragment of a session that has a sequence, or the first that is left after it: those of one initialization are alike.
    func fragment(from sequence: Int64, of session: PlaybackSession) async throws(OperationError) -> FragmentRecord {
        let stream = try await stream(of: session)
        do throws(ReadFailure) {
            let found = try await store.fragments(of: stream, .all, after: .after(max(sequence, 1) - 1), limit: 1).fragments.first
            if let found, session.holds(found) { return found }
        } catch {
            throw OperationError(error)
        }
        throw OperationError(.resourceNotFound, "The session has no such fragment.")
    }

    /// The fragment that starts at a time of the session's timeline. One that is listed no more is found by when it started.
    func fragment(at time: Int64, of session: PlaybackSession) async throws(OperationError) -> FragmentRecord {
        var entry = listings.withLock { $0.listing(of: session) }?.window.entry(at: time)
        if entry == nil { entry = try await listing(of: session).window.entry(at: time) }
        if let entry { return try await fragment(entry.fragment.number, of: session) }
        let (start, overflows) = session.base.addingReportingOverflow(time)
        guard !overflows else { throw OperationError(.resourceNotFound, "The session has no such fragment.") }
        let stream = try await stream(of: session)
        let found = try await page(of: stream, session.source.selection(of: start...start), limit: 100).last { session.holds($0) }
        guard let found else { throw OperationError(.resourceNotFound, "The session has no such fragment.") }
        return found
    }

    // MARK: What it lists

    /// What a session lists now.
    func listing(of session: PlaybackSession) async throws(OperationError) -> Listing {
        let stream = try await stream(of: session)
        var listing =
            listings.withLock { $0.listing(of: session) }
            ?? Listing(
                window: PlaylistWindow(
                    capacity: session.capacity, keeping: session.mode == .onDemand ? .oldest : .newest, mode: session.discontinuity,
                    base: session.base),
                position: session.mode == .live ? .after(session.first - 1) : nil)
        listing.isAtEnd = false
        pages: while !listing.window.isOver {
            let page: FragmentPage
            do throws(ReadFailure) {
                page = try await store.fragments(of: stream, session.selection, after: listing.position, limit: 1000)
            } catch {
                throw OperationError(error)
            }
            for record in page.fragments {
                if session.mode == .liveReplay, listing.elapsed > stream.now - session.created { break pages }
                try await append(record, to: &listing, of: session)
            }
            if page.next == nil {
                listing.isAtEnd = true
                break
            }
        }
        listings.withLock { $0.keep(listing, of: session) }
        return listing
    }

    private func append(_ record: FragmentRecord, to listing: inout Listing, of session: PlaybackSession) async throws(OperationError) {
        let header = try await playable.header(of: record)
        if let tracks = listing.tracks, tracks != header.played {
            guard header.played.isOfSameKind(as: tracks) else { throw OperationError(UnplayableMedia.unsupportedStreamMediaType) }
            guard session.form != .dash else {
                throw OperationError(
                    UnplayableMedia.invalidCodecPrivateData(track: (header.played.video ?? header.played.audio)?.number ?? 0))
            }
        }
        let duration = session.duration(of: record)
        if listing.tracks == nil, session.mode == .live, record.number.sequence > session.first {
            // Its retention is over for what the session began with, and how many there were is not known any more.
            listing.window.passOver(Int(record.number.sequence - session.first))
        }
        listing.tracks = header.played
        let listed = listing.window.count
        listing.window.append(ListedFragment(record, by: session.source, duration: duration, trackSet: header.text))
        // One that is a double of another, or is not listed, lets no time pass.
        if listing.window.count > listed { listing.elapsed += duration }
        listing.bandwidth = max(listing.bandwidth, Int(record.size * 8000 / max(duration, 1)))
        listing.position = session.position(after: record)
    }
}

/// The listings that sessions asked for last. Those that have been asked for longest ago go first when there are too many.
struct KeptListings {
    private var kept: [PlaybackSession: (listing: PlaybackSessions.Listing, used: UInt64)] = [:]
    private var uses: UInt64 = 0
    private(set) var entries = 0

    /// Listings that are kept, and entries of all of them.
    static let mostListings = 1024
    static let mostEntries = 100_000

    var count: Int { kept.count }

    mutating func listing(of session: PlaybackSession) -> PlaybackSessions.Listing? {
        uses += 1
        kept[session]?.used = uses
        return kept[session]?.listing
    }

    mutating func keep(_ listing: PlaybackSessions.Listing, of session: PlaybackSession) {
        uses += 1
        remove(session)
        kept[session] = (listing, uses)
        entries += listing.window.entries.count
        guard kept.count > Self.mostListings || entries > Self.mostEntries else { return }
        // An eighth more than need be, so that not every listing sorts them all.
        for (session, _) in kept.sorted(by: { $0.value.used < $1.value.used }) {
            guard kept.count > 1, kept.count > Self.mostListings * 7 / 8 || entries > Self.mostEntries * 7 / 8 else { return }
            remove(session)
        }
    }

    private mutating func remove(_ session: PlaybackSession) {
        guard let old = kept.removeValue(forKey: session) else { return }
        entries -= old.listing.window.entries.count
    }
}
