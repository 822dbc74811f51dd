import MediaFormats
import Testing

@Suite struct PlaybackRangeTests {
    private static let now: Int64 = 1_705_489_836_000
    private static let day: Int64 = 86_400_000

    private static func range(
        _ mode: PlaybackMode, _ source: TimestampSource? = nil, _ range: (start: Int64?, end: Int64?)?
    ) throws(PlaybackRange.Fault) -> PlaybackRange {
        try PlaybackRange(mode, source: source, range: range, now: now)
    }

    @Test func liveTakesNoRange() throws {
        let live = try Self.range(.live, .producer, nil)
        #expect(live.start == nil)
        #expect(live.end == nil)
        #expect(live.source == .producer)
        #expect(throws: PlaybackRange.Fault.self) { try Self.range(.live, nil, (Self.now - 2000, Self.now - 1000)) }
        #expect(throws: PlaybackRange.Fault.self) { try Self.range(.live, nil, (nil, nil)) }
    }

    @Test func theServersClockIsTheDefault() throws {
        #expect(try Self.range(.live, nil, nil).source == .server)
        #expect(try Self.range(.onDemand, nil, (Self.now - 2, Self.now - 1)).source == .server)
    }

    @Test(arguments: [PlaybackMode.liveReplay, .onDemand]) func othersNeedARangeWithAStart(mode: PlaybackMode) {
        #expect(throws: PlaybackRange.Fault.self) { try Self.range(mode, .server, nil) }
        #expect(throws: PlaybackRange.Fault.self) { try Self.range(mode, .server, (nil, Self.now - 1)) }
    }

    @Test func onlyLiveReplayMayLeaveOutTheEnd() throws {
        #expect(try Self.range(.liveReplay, .server, (Self.now - 1, nil)).end == nil)
        #expect(throws: PlaybackRange.Fault.self) { try Self.range(.onDemand, .server, (Self.now - 1, nil)) }
    }

    @Test(arguments: [PlaybackMode.liveReplay, .onDemand], TimestampSource.allCases)
    func theEndIsLaterThanTheStartAndWithinADay(mode: PlaybackMode, source: TimestampSource) throws {
        let end = Self.now - 1
        #expect(try Self.range(mode, source, (end - 1, end)).end == end)
        #expect(try Self.range(mode, source, (end - Self.day, end)).start == end - Self.day)
        for start in [end, end + 1, end - Self.day - 1, .min] {
            #expect(throws: PlaybackRange.Fault.self) { try Self.range(mode, source, (start, end)) }
        }
    }

    @Test(arguments: [PlaybackMode.liveReplay, .onDemand])
    func theEndIsInThePastByTheServersClockOnly(mode: PlaybackMode) throws {
        let start = Self.now - 1000
        #expect(try Self.range(mode, .producer, (start, Self.now + 5000)).end == Self.now + 5000)
        #expect(try Self.range(mode, .server, (start, Self.now - 1)).end == Self.now - 1)
        #expect(throws: PlaybackRange.Fault.self) { try Self.range(mode, .server, (start, Self.now)) }
    }
}
