import Contract
import Foundation
import Identity
import Matroska
import Planes
import Policies
import SQL
import Store
import TestSupport
import Testing

@testable import MediaPlane

/// Media in and out, on a store of its own and both engines.
@Suite struct MediaPlaneTests {
    /// Clusters of a few frames, two seconds apart, ending about now.
    private func film(_ clusters: Int = 3) -> Film {
        var film = Film()
        for number in 0..<clusters { film.cluster(Self.start + 2000 * number) }
        return film
    }

    private static let start = Int(Date.now.timeIntervalSince1970 * 1000) - 60_000

    @Test func `each operation on media is offered`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            #expect(fixture.plane.operations.compactMap(\.id) == OperationID.allCases.filter { [.media, .archivedMedia].contains($0.api) })
        }
    }

    @Test func `a user may do with media what policies allow, of the streams that they name`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            let headers = [("x-amzn-stream-name", "gate"), ("x-amzn-fragment-timecode-type", "ABSOLUTE")]
            let calls: [(OperationID, String)] = [
                (.putMedia, ""), (.listFragments, #"{"StreamName":"gate"}"#),
                (.getMedia, #"{"StreamName":"gate","StartSelector":{"StartSelectorType":"NOW"}}"#),
                (.getMediaForFragmentList, #"{"StreamName":"gate","Fragments":["1"]}"#),
                (
                    .getClip,
                    #"{"StreamName":"gate","ClipFragmentSelector":{"FragmentSelectorType":"SERVER_TIMESTAMP","TimestampRange":"#
                        + #"{"StartTimestamp":1,"EndTimestamp":2}}}"#
                ),
                (.getHLSStreamingSessionURL, #"{"StreamName":"gate"}"#), (.getDASHStreamingSessionURL, #"{"StreamName":"gate"}"#),
                (
                    .getImages,
                    #"{"StreamName":"gate","StartTimestamp":1,"EndTimestamp":2,"Format":"PNG","ImageSelectorType":"SERVER_TIMESTAMP"}"#
                ),
            ]
            #expect(Set(calls.map(\.0)) == Set(fixture.plane.operations.compactMap(\.id)))
            for (id, body) in calls {
                func isAllowed(_ action: String, on stream: String) async throws -> Bool {
                    let policy = try Policy(
                        "p",
                        #"""
                        {"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kinesisvideo:\#(action)",
                        "Resource":"arn:aws:kinesisvideo:*:*:stream/\#(stream)/*"}}
                        """#)
                    let user = User(name: "ada", tags: [], policies: PolicySet([policy]))
                    do {
                        _ = try await fixture.call(id, headers: id == .putMedia ? headers : [], body, reach: .user(user))
                        return true
                    } catch let error as OperationError {
                        guard error.code == .accessDenied else { throw error }
                        return false
                    }
                }
                let own = try await isAllowed(id.rawValue, on: "gate")
                let foreign = try await isAllowed(id.rawValue, on: "door")
                let other = try await isAllowed("DescribeStream", on: "gate")
                #expect((own, foreign, other) == (true, false, false), "\(id)")
            }
        }
    }

    @Test(arguments: Engine.allCases) func `what is sent is told, listed and read back`(_ engine: Engine) async throws {
        try await MediaFixture.with(engine) { fixture in
            _ = try await fixture.store.createActive("gate")
            let (lines, stored) = try await fixture.put(film())
            #expect(stored.count == 3 && stored == stored.sorted())
            for number in 0..<3 {
                let ofFragment = lines.filter { $0.contains("\"FragmentTimecode\":\(Self.start + 2000 * number),") }
                #expect(ofFragment.map { $0.split(separator: "\"")[3] } == ["BUFFERING", "RECEIVED", "PERSISTED"])
            }
            let listed = try await fixture.list(#"{"StreamName":"gate"}"#)
            for number in stored { #expect(listed.contains(number)) }
            let list = stored.reversed().map { "\"\($0)\"" }.joined(separator: ",")
            let reader = try await fixture.read(.getMediaForFragmentList, #"{"StreamName":"gate","Fragments":[\#(list)]}"#)
            try await reader.over()
            let read = try ReadFragment.all(in: reader.bytes)
            #expect(read.compactMap(\.number) == stored.reversed())
            #expect(read.map(\.blocks) == [2, 1, 0].map { number in [0, 40, 80].map { Self.start + 2000 * number + $0 } })
            #expect(read.allSatisfy { $0.clusters == 1 && $0.before.count == 1 && $0.after.isEmpty })
            let follower = try await fixture.read(.getMedia, #"{"StreamName":"gate","StartSelector":{"StartSelectorType":"EARLIEST"}}"#)
            try await follower.over()
            let followed = try ReadFragment.all(in: follower.bytes)
            #expect(followed.compactMap(\.number) == stored)
            #expect(followed.map { $0.after.last?.last } == stored.map { Matroska.Tag("AWS_KINESISVIDEO_CONTINUATION_TOKEN", $0) })
        }
    }

    @Test(arguments: Engine.allCases) func `the end of a fragment is stored while the body is open`(_ engine: Engine) async throws {
        try await MediaFixture.with(engine) { fixture in
            _ = try await fixture.store.createActive("gate")
            let producer = try await fixture.produce()
            try await eventually("the head is out") { producer.hasStarted }
            var film = film(1)
            film.tags([("place", "gate")])
            film.endOfFragment()
            producer.send(film.bytes)
            let stored = try #require(try await producer.line("PERSISTED").number)
            producer.finish()
            try await producer.over()
            let reader = try await fixture.read(.getMediaForFragmentList, #"{"StreamName":"gate","Fragments":["\#(stored)"]}"#)
            try await reader.over()
            let read = try ReadFragment.all(in: reader.bytes)
            #expect(read.map(\.after) == [[[Matroska.Tag("place", "gate")]]])
        }
    }

    @Test(arguments: Engine.allCases) func `a connection that breaks keeps every whole fragment`(_ engine: Engine) async throws {
        try await MediaFixture.with(engine) { fixture in
            _ = try await fixture.store.createActive("gate")
            let producer = try await fixture.produce()
            producer.send(Array(film(3).bytes.dropLast(10)))
            _ = try await producer.line("\"BUFFERING\",\"FragmentTimecode\":\(Self.start + 4000),")
            producer.leave()
            await #expect(throws: ClientLeft.self) { try await producer.over() }
            try await eventually("two are listed") {
                try await fixture.list(#"{"StreamName":"gate"}"#).components(separatedBy: "FragmentNumber").count == 3
            }
        }
    }

    @Test func `the newest connection is the producer, and the one before may finish its fragment`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            _ = try await fixture.store.createActive("gate")
            let older = try await fixture.produce()
            older.send(film(1).bytes)
            _ = try await older.line("BUFFERING")
            let newer = try await fixture.produce()
            newer.send(film(1).bytes)
            _ = try await newer.line("BUFFERING")
            var more = Film()
            more.cluster(Self.start + 9000)
            older.send(Array(more.bytes.dropFirst(Film().bytes.count)))
            _ = try await older.line("PERSISTED")
            #expect(try await older.line("ERROR").contains(#""ErrorCode":"STREAM_READ_ERROR","ErrorId":4000"#))
            try await older.over()
            newer.finish()
            try await newer.over()
            #expect(newer.lines.contains { $0.contains("PERSISTED") } && !newer.lines.contains { $0.contains("ERROR") })
        }
    }

    /// Whoever reads on from a fragment of the newer one has passed the place of this one.
    @Test func `what the connection before finishes behind a fragment of the newest is refused`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            _ = try await fixture.store.createActive("gate")
            let older = try await fixture.produce()
            older.send(film(1).bytes)
            _ = try await older.line("BUFFERING")
            let newer = try await fixture.produce()
            newer.send(film(2).bytes)
            _ = try await newer.line("PERSISTED")
            older.finish()
            #expect(try await older.line("ERROR").contains(#""ErrorCode":"STREAM_READ_ERROR","ErrorId":4000"#))
            try await older.over()
            newer.finish()
            try await newer.over()
            #expect(!older.lines.contains { $0.contains("PERSISTED") } && !newer.lines.contains { $0.contains("ERROR") })
        }
    }

    @Test func `a third connection is refused where the documented limits hold`() async throws {
        try await MediaFixture.with(.sqlite, { $0.producers = 2 }) { fixture in
            _ = try await fixture.store.createActive("gate")
            let live = [try await fixture.produce(), try await fixture.produce()]
            try await eventually("two are there") { live.allSatisfy(\.hasStarted) }
            let third = try await fixture.produce()
            let error = await #expect(throws: OperationError.self) { try await third.over() }
            #expect(error?.code == .connectionLimitExceeded && !third.hasStarted)
            live.first?.finish()
            try await live.first?.over()
            let fourth = try await fixture.produce()
            fourth.finish()
            try await fourth.over()
            live.last?.finish()
            try await live.last?.over()
        }
    }

    @Test func `a stopping instance takes the fragment that is on its way, and no other`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            _ = try await fixture.store.createActive("gate")
            let idle = try await fixture.produce()
            try await eventually("it is there") { idle.hasStarted }
            idle.drain()
            try await idle.over()
            let busy = try await fixture.produce()
            let bytes = film(3).bytes
            busy.send(Array(bytes.dropLast(150)))
            _ = try await busy.line("\"BUFFERING\",\"FragmentTimecode\":\(Self.start + 4000),")
            busy.drain()
            busy.send(Array(bytes.suffix(150)))
            var next = Film()
            next.cluster(Self.start + 6000)
            busy.send(Array(next.bytes.dropFirst(Film().bytes.count)))
            try await busy.over()
            #expect(busy.lines.filter { $0.contains("PERSISTED") }.count == 3)
            #expect(busy.lines.filter { $0.contains("BUFFERING") }.count == 3)
        }
    }

    @Test func `a connection ends in its time, behind a whole fragment`() async throws {
        try await MediaFixture.with(.sqlite, { $0.longestConnection = 1 }) { fixture in
            _ = try await fixture.store.createActive("gate")
            let idle = try await fixture.produce()
            try await idle.over()
            #expect(idle.lines == ["{\"EventType\":\"ERROR\",\"ErrorCode\":\"MAX_CONNECTION_DURATION_REACHED\",\"ErrorId\":4003}\n"])
        }
    }

    @Test func `who sends nothing is told that it is waited for`() async throws {
        try await MediaFixture.with(.sqlite, { $0.idleInterval = 1 }) { fixture in
            _ = try await fixture.store.createActive("gate")
            let producer = try await fixture.produce()
            #expect(try await producer.line("IDLE") == "{\"EventType\":\"IDLE\"}\n")
            producer.interrupt(.silent)
            try await producer.over()
        }
    }

    @Test func `4001, 5000 and 5001 end the session, and what came before is kept`() async throws {
        let whole = Int64(film(1).bytes.count - film(0).bytes.count)
        // Of three fragments the second is too large by a byte of each frame, not committed, or more than the account may store.
        for (code, largest, quota) in [(4001, Int(whole), nil), (5000, 50 << 20, nil), (5001, 50 << 20, whole)] as [(Int, Int, Int64?)] {
            try await MediaFixture.with(.sqlite, { $0.largestFragment = largest }, quota: quota) { fixture in
                _ = try await fixture.store.createActive("gate")
                let producer = try await fixture.produce()
                producer.send(film(1).bytes)
                var next = Film()
                next.cluster(Self.start + 2000, size: code == 4001 ? 101 : 100)
                var last = Film()
                last.endOfFragment()
                let header = Film().bytes.count
                producer.send(Array(last.bytes.dropFirst(header)))
                let first = try #require(try await producer.line("PERSISTED").number)
                if code == 5000 { fixture.faults.inject(.failBefore(.mistake), on: "media.insert-fragment") }
                producer.send(Array(next.bytes.dropFirst(header)))
                producer.send(Array(last.bytes.dropFirst(header)))
                let error = try await producer.line("ERROR")
                #expect(error.contains("\"ErrorId\":\(code)"))
                // What is refused before it begins has no number.
                #expect((error.number != nil) == (code != 5001))
                try await producer.over()
                #expect(producer.lines.filter { $0.contains("PERSISTED") }.count == 1)
                #expect(try await fixture.list(#"{"StreamName":"gate"}"#).contains(first))
                if code == 5001 {
                    let refused = await #expect(throws: OperationError.self) { try await fixture.produce().over() }
                    #expect(refused?.code == .clientLimitExceeded)
                }
            }
        }
    }

    @Test(
        arguments: [(RequestBody.Interruption.malformed, "4000"), (.silent, nil), (.clientLeft, nil)]
            as [(RequestBody.Interruption, String?)])
    func `a body that breaks off in the middle of a fragment`(_ how: RequestBody.Interruption, _ code: String?) async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            _ = try await fixture.store.createActive("gate")
            let producer = try await fixture.produce()
            producer.send(Array(film(1).bytes.dropLast(5)))
            let number = try #require(try await producer.line("BUFFERING").number)
            producer.interrupt(how)
            try? await producer.over()
            #expect(producer.isOver)
            let errors = producer.lines.filter { $0.contains("ERROR") }
            #expect(errors.count == (code == nil ? 0 : 1))
            if let code { #expect(errors[0].contains("\"ErrorId\":\(code)") && errors[0].number == number) }
            #expect(try await fixture.list(#"{"StreamName":"gate"}"#) == #"{"Fragments":[]}"#)
        }
    }

    @Test(arguments: Engine.allCases) func `a stream that is deleted is told to its producer, and ends its readers`(_ engine: Engine)
        async throws
    {
        try await MediaFixture.with(engine, { $0.readerIdle = nil }) { fixture in
            _ = try await fixture.store.createActive("gate")
            let producer = try await fixture.produce()
            producer.send(film(1).bytes)
            _ = try await producer.line("BUFFERING")
            let reader = try await fixture.read(.getMedia, #"{"StreamName":"gate","StartSelector":{"StartSelectorType":"NOW"}}"#)
            try await eventually("it reads") { !reader.bytes.isEmpty }
            _ = try await fixture.store.delete(.named("gate"), expectedVersion: nil, removalDelay: 60_000, .fresh("Delete"))
            producer.finish()
            try await producer.over()
            #expect(producer.lines.last?.contains("\"ErrorId\":4008") == true)
            try await reader.over()
            await #expect(throws: OperationError.self) { try await fixture.produce().over() }
        }
    }

    // MARK: Reading along

    @Test func `frames are sent on as they come`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            _ = try await fixture.store.createActive("gate")
            let producer = try await fixture.produce()
            let reader = try await fixture.read(.getMedia, #"{"StreamName":"gate","StartSelector":{"StartSelectorType":"NOW"}}"#)
            try await eventually("it reads") { reader.hasStarted }
            var sent = Film()
            sent.cluster(Self.start, [0])
            producer.send(sent.bytes)
            for time in 1...3 {
                // The last block is whole, though nothing that follows it has come.
                try await eventually("block \(time)") { (try? ReadFragment.all(in: reader.bytes).last?.blocks.count) == time }
                let before = sent.bytes.count
                sent.frame(Int16(time * 40))
                // The beginning of a block is not.
                let new = Array(sent.bytes.dropFirst(before))
                producer.send(Array(new.prefix(20)))
                producer.send(Array(new.dropFirst(20)))
            }
            sent.cluster(Self.start + 2000, [0])
            producer.send(Array(sent.bytes.suffix(sent.bytes.count - sent.bytes.count + 0)))
            producer.finish()
            try await producer.over()
            try await reader.over()
            let read = try ReadFragment.all(in: reader.bytes)
            #expect(read.map(\.blocks) == [[0, 40, 80, 120].map { Self.start + $0 }])
            #expect(read.first?.after.last?.first == Matroska.Tag("AWS_KINESISVIDEO_MILLIS_BEHIND_NOW", "0"))
        }
    }

    @Test func `a reader that is slow gets all of it, and holds nobody up`() async throws {
        try await MediaFixture.with(.sqlite, { $0.liveBytesOfStream = 4096 }) { fixture in
            _ = try await fixture.store.createActive("gate")
            let producer = try await fixture.produce()
            let reader = try await fixture.read(.getMedia, #"{"StreamName":"gate","StartSelector":{"StartSelectorType":"NOW"}}"#)
            try await eventually("it reads") { reader.hasStarted }
            var sent = Film()
            sent.cluster(Self.start, [0, 40], size: 1000)
            producer.send(sent.bytes)
            try await eventually("it has begun") { !reader.bytes.isEmpty }
            reader.hold()
            var rest = Film()
            for time in 2..<30 { rest.frame(Int16(40 * time), size: 1000) }
            for number in 1..<20 { rest.cluster(Self.start + 2000 * number, size: 1000) }
            producer.send(Array(rest.bytes.dropFirst(Film().bytes.count)))
            producer.finish()
            try await producer.over()
            #expect(producer.lines.filter { $0.contains("PERSISTED") }.count == 20)
            reader.goOn()
            try await reader.over()
            let read = try ReadFragment.all(in: reader.bytes)
            #expect(read.map(\.timecode) == (0..<20).map { Self.start + 2000 * $0 })
            #expect(read.first?.blocks == (0..<30).map { Self.start + 40 * $0 })
        }
    }

    @Test func `a fragment that breaks off is the end of what its reader gets`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            _ = try await fixture.store.createActive("gate")
            let producer = try await fixture.produce()
            let reader = try await fixture.read(.getMedia, #"{"StreamName":"gate","StartSelector":{"StartSelectorType":"NOW"}}"#)
            try await eventually("it reads") { reader.hasStarted }
            producer.send(Array(film(1).bytes.dropLast(20)))
            try await eventually("it has begun") { (try? ReadFragment.all(in: reader.bytes).last?.blocks.count) == 2 }
            producer.leave()
            try await reader.over()
            let read = try ReadFragment.all(in: reader.bytes)
            #expect(read.last?.after.last?.last == Matroska.Tag("AWS_KINESISVIDEO_ERROR_ID", "3002"))
        }
    }

    @Test(arguments: Engine.allCases) func `reading begins where it is asked to`(_ engine: Engine) async throws {
        try await MediaFixture.with(engine) { fixture in
            _ = try await fixture.store.createActive("gate")
            let (_, stored) = try await fixture.put(film())
            func read(_ selector: String) async throws -> [String] {
                let reader = try await fixture.read(.getMedia, #"{"StreamName":"gate","StartSelector":{\#(selector)}}"#)
                try await reader.over()
                return try ReadFragment.all(in: reader.bytes).compactMap(\.number)
            }
            func time(_ milliseconds: Int) -> String { "\(milliseconds / 1000).\(String(format: "%03d", milliseconds % 1000))" }
            #expect(try await read(#""StartSelectorType":"EARLIEST""#) == stored)
            #expect(try await read(#""StartSelectorType":"NOW""#) == [])
            #expect(try await read(#""StartSelectorType":"FRAGMENT_NUMBER","AfterFragmentNumber":"\#(stored[0])""#) == Array(stored[1...]))
            #expect(try await read(#""StartSelectorType":"CONTINUATION_TOKEN","ContinuationToken":"\#(stored[1])""#) == [stored[2]])
            let at = #""StartSelectorType":"PRODUCER_TIMESTAMP","StartTimestamp":"#
            #expect(try await read(at + time(Self.start + 2000)) == Array(stored[1...]))
            #expect(try await read(at + time(Self.start + 2080)) == Array(stored[1...]))
            // Behind the end of one, the next.
            #expect(try await read(at + time(Self.start + 2081)) == [stored[2]])
            #expect(try await read(at + "0") == stored)
            let unknown = try await fixture.read(
                .getMedia, #"{"StreamName":"gate","StartSelector":{"StartSelectorType":"FRAGMENT_NUMBER","AfterFragmentNumber":"1"}}"#)
            try await unknown.over()
            #expect(String(decoding: unknown.bytes, as: UTF8.self).contains("AWS_KINESISVIDEO_ERROR_ID"))
            for wrong in [
                #""StartSelectorType":"FRAGMENT_NUMBER""#, #""StartSelectorType":"SERVER_TIMESTAMP""#,
                #""StartSelectorType":"CONTINUATION_TOKEN""#,
                #""StartSelectorType":"CONTINUATION_TOKEN","ContinuationToken":"x""#,
            ] {
                await #expect(throws: OperationError.self) { try await read(wrong) }
            }
        }
    }

    @Test func `a fourth reader is refused where the documented limits hold`() async throws {
        try await MediaFixture.with(.sqlite, { $0.readers = 3 }) { fixture in
            _ = try await fixture.store.createActive("gate")
            let now = #"{"StreamName":"gate","StartSelector":{"StartSelectorType":"NOW"}}"#
            let three = [
                try await fixture.read(.getMedia, now), try await fixture.read(.getMedia, now), try await fixture.read(.getMedia, now),
            ]
            try await eventually("they read") { three.allSatisfy(\.hasStarted) }
            let error = await #expect(throws: OperationError.self) { try await fixture.read(.getMedia, now).over() }
            #expect(error?.code == .connectionLimitExceeded)
            for reader in three { try await reader.over() }
            try await fixture.read(.getMedia, now).over()
        }
    }

    // MARK: Lists

    @Test(arguments: Engine.allCases) func `a list is read by pages, and its token is good for it alone`(_ engine: Engine) async throws {
        try await MediaFixture.with(engine) { fixture in
            _ = try await fixture.store.createActive("gate")
            let (_, stored) = try await fixture.put(film(5))
            var found: [String] = []
            var token = ""
            repeat {
                let page = try await fixture.list(#"{"StreamName":"gate","MaxResults":2\#(token)}"#)
                found += page.matches(of: /"FragmentNumber":"(\d+)"/).map { String($0.1) }
                token = page.firstMatch(of: /"NextToken":"([^"]+)"/).map { #","NextToken":"\#($0.1)""# } ?? ""
                if !token.isEmpty, found.count == 2 {
                    let other =
                        #"{"StreamName":"gate","FragmentSelector":{"FragmentSelectorType":"SERVER_TIMESTAMP","TimestampRange":"#
                        + #"{"StartTimestamp":0,"EndTimestamp":1}}\#(token)}"#
                    await #expect(throws: OperationError.self) { _ = try await fixture.list(other) }
                }
            } while !token.isEmpty
            #expect(found == stored)
            func range(_ kind: String, _ start: Int, _ end: Int) -> String {
                #"{"StreamName":"gate","FragmentSelector":{"FragmentSelectorType":"\#(kind)_TIMESTAMP","TimestampRange":"#
                    + #"{"StartTimestamp":\#(Double(start) / 1000),"EndTimestamp":\#(Double(end) / 1000)}}}"#
            }
            let two = try await fixture.list(range("PRODUCER", Self.start + 2000, Self.start + 4000))
            #expect(two.matches(of: /"FragmentNumber":"(\d+)"/).map { String($0.1) } == Array(stored[1...2]))
            #expect(two.contains("\"FragmentLengthInMilliseconds\":80,"))
            let old = await #expect(throws: OperationError.self) { _ = try await fixture.list(range("SERVER", 0, 1000)) }
            #expect(old?.publicMessage == "End timestamp 1000 is outside of the stream retention period.")
            #expect(try await fixture.list(range("PRODUCER", 0, 1000)) == #"{"Fragments":[]}"#)
            await #expect(throws: OperationError.self) { _ = try await fixture.list(range("PRODUCER", 2, 1)) }
        }
    }

    @Test func `unknown fragments are named, and nothing is sent`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            _ = try await fixture.store.createActive("gate")
            _ = try await fixture.store.createActive("door")
            let (_, stored) = try await fixture.put(film(1))
            for (name, number) in [("gate", "1"), ("door", stored[0])] {
                let reader = try await fixture.read(.getMediaForFragmentList, #"{"StreamName":"\#(name)","Fragments":["\#(number)"]}"#)
                let error = await #expect(throws: OperationError.self) { try await reader.over() }
                #expect(error?.publicMessage == "Fragment numbers are invalid : \(number)" && !reader.hasStarted)
            }
        }
    }

    @Test(arguments: Engine.allCases) func `a stream that keeps nothing is received and followed`(_ engine: Engine) async throws {
        try await MediaFixture.with(engine) { fixture in
            _ = try await fixture.store.create(.named("gate", retention: 0))
            let producer = try await fixture.produce()
            producer.send(film(3).bytes)
            producer.finish()
            try await producer.over()
            #expect(producer.lines.filter { $0.contains("RECEIVED") }.count == 3)
            #expect(!producer.lines.contains { $0.contains("PERSISTED") || $0.contains("ERROR") })
            let numbers = producer.lines.filter { $0.contains("RECEIVED") }.compactMap(\.number)
            let reader = try await fixture.read(.getMedia, #"{"StreamName":"gate","StartSelector":{"StartSelectorType":"EARLIEST"}}"#)
            try await reader.over()
            #expect(try ReadFragment.all(in: reader.bytes).compactMap(\.number) == numbers)
            #expect(try await fixture.list(#"{"StreamName":"gate"}"#) == #"{"Fragments":[]}"#)
            let list = try await fixture.read(.getMediaForFragmentList, #"{"StreamName":"gate","Fragments":["\#(numbers[0])"]}"#)
            let error = await #expect(throws: OperationError.self) { try await list.over() }
            #expect(error?.code == .invalidArgument)
        }
    }

    // MARK: Names

    @Test func `a stream is named by its name or its ARN, and not by both`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            let arn = try await fixture.store.createActive("gate").arn
            let kind = ("x-amzn-fragment-timecode-type", "RELATIVE")
            let good = try await fixture.produce([("X-Amzn-Stream-ARN", arn), kind])
            good.finish()
            try await good.over()
            for headers in [
                [("x-amzn-stream-name", "gate"), ("x-amzn-stream-arn", arn), kind], [kind],
                [("x-amzn-stream-name", "gate"), kind, ("x-amzn-producer-start-timestamp", "99999999999999")],
            ] {
                let error = await #expect(throws: OperationError.self) { _ = try await fixture.produce(headers) }
                #expect(error?.code == .invalidArgument)
            }
            for text in ["1e3", "-1", "1,5", "", "1.0000000000", " 1"] {
                let error = await #expect(throws: OperationError.self) {
                    _ = try await fixture.produce([("x-amzn-stream-name", "gate"), kind, ("x-amzn-producer-start-timestamp", text)])
                }
                #expect(error?.code == .validation, "\(text)")
            }
            for text in ["0", "1700000000", "1700000000.5", "1700000000.", "1700000000.123456789"] {
                let producer = try await fixture.produce([("x-amzn-stream-name", "gate"), kind, ("x-amzn-producer-start-timestamp", text)])
                producer.finish()
                try await producer.over()
            }
            let unknown = try await fixture.produce([("x-amzn-stream-name", "nobody"), kind])
            let error = await #expect(throws: OperationError.self) { try await unknown.over() }
            #expect(error?.publicMessage == "The requested stream is not found or not active.")
        }
    }
}
