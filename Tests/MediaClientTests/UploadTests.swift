import Testing

@testable import MediaClient

@Suite struct UploadTests {
    private static let header: [UInt8] = [1]

    private func fragment(_ timecode: Int, header: [UInt8] = header, size: Int = 10) -> Fragment {
        Fragment(timecode: timecode, lastTime: timecode + 900, bytes: Array(repeating: UInt8(timecode % 251), count: size), header: header)
    }

    /// An upload in which what is taken and sent can be told from each other.
    private struct Run {
        var upload: Upload
        var now = 0.0
        /// Everything it asked for, but for what is sent.
        var asked: [Upload.Action] = []
        /// The timecodes' bytes and headers that were sent, by session.
        var sent: [[[UInt8]]] = []

        init(_ rules: Upload.Rules = .init()) {
            upload = Upload(rules, jitter: { 1 })
            add(upload.start())
        }

        mutating func take(_ inputs: Upload.Input...) {
            for input in inputs { add(upload.take(input, at: now)) }
        }

        private mutating func add(_ actions: [Upload.Action]) {
            for action in actions {
                switch action {
                case .send(let bytes): sent[sent.count - 1].append(bytes)
                case .open:
                    sent.append([])
                    asked.append(action)
                case .takeMore, .endBody, .reconcile, .wait, .tell, .finish: asked.append(action)
                }
            }
        }

        /// Returns what it asked for since the last time.
        mutating func takeAsked() -> [Upload.Action] {
            defer { asked = [] }
            return asked
        }
    }

    @Test func `from the first fragment to the last one stored`() {
        var run = Run()
        #expect(run.takeAsked() == [.takeMore])
        run.take(.fragment(fragment(1000)))
        #expect(run.takeAsked() == [.takeMore, .open])
        run.take(.opened(isKept: true))
        #expect(run.sent == [[Self.header, fragment(1000).bytes]])
        run.take(
            .fragment(fragment(2000)), .acknowledged(.buffering(1000)), .acknowledged(.received(1000)), .acknowledged(.persisted(1000)))
        #expect(run.sent == [[Self.header, fragment(1000).bytes, fragment(2000).bytes]] && run.upload.stored == 1)
        run.take(.sourceEnded)
        #expect(run.takeAsked() == [.takeMore], "the body stays open until all is stored")
        run.take(.acknowledged(.received(2000)), .acknowledged(.persisted(2000)))
        #expect(run.takeAsked() == [.endBody])
        run.take(.closed(.complete))
        #expect(run.takeAsked() == [.finish(failure: nil)])
        #expect(run.upload.stored == 2 && run.upload.storedBytes == 20 && run.upload.storedUpTo == 2900)
    }

    @Test func `after a break it asks what is stored, and sends the rest again`() {
        var run = Run()
        for timecode in [1000, 2000, 3000] { run.take(.fragment(fragment(timecode))) }
        run.take(.opened(isKept: true), .acknowledged(.persisted(1000)))
        _ = run.takeAsked()
        run.take(.closed(.broken("reset")))
        #expect(run.takeAsked() == [.tell("reset; going on with what is not stored yet"), .wait(1.5)])
        run.take(.fragment(fragment(4000)), .waited)
        #expect(run.takeAsked() == [.takeMore, .reconcile(2000...3000)])
        // The acknowledgement of one was lost with the connection.
        run.take(.reconciled([2000]))
        #expect(run.takeAsked() == [.open])
        run.take(.opened(isKept: true))
        #expect(run.sent.last == [Self.header, fragment(3000).bytes, fragment(4000).bytes] && run.upload.stored == 2)
        run.take(.sourceEnded, .acknowledged(.persisted(3000)), .acknowledged(.persisted(4000)), .closed(.complete))
        #expect(run.takeAsked() == [.endBody, .finish(failure: nil)])
    }

    @Test func `where it cannot ask, it sends all again that was not told to be stored`() {
        var run = Run()
        run.take(.fragment(fragment(1000)), .opened(isKept: true), .closed(.complete), .waited, .reconciled(nil), .opened(isKept: true))
        #expect(run.sent == [[Self.header, fragment(1000).bytes], [Self.header, fragment(1000).bytes]])
    }

    @Test func `waits grow, and without progress it gives up`() {
        var run = Run()
        run.take(.fragment(fragment(1000)))
        var waits: [Double] = []
        var failure: String?
        while failure == nil, waits.count < 100 {
            _ = run.takeAsked()
            run.take(.closed(.broken("refused")))
            for action in run.takeAsked() {
                if case .wait(let seconds) = action {
                    waits.append(seconds)
                    run.now += seconds
                    run.take(.waited)
                }
                if case .finish(let text) = action { failure = text }
            }
        }
        #expect(Array(waits.prefix(6)) == [1.5, 2.5, 4.5, 8.5, 16.5, 30.5] && failure == "gave up after 300 seconds: refused")
        #expect(waits.reduce(0, +) >= 300 && waits.dropLast().reduce(0, +) < 300)
    }

    @Test func `one that is stopped waits for what is stored, and not for a server that stores nothing`() {
        var run = Run()
        for timecode in [1000, 2000, 3000] { run.take(.fragment(fragment(timecode))) }
        run.take(.opened(isKept: true), .stopped, .sourceEnded)
        _ = run.takeAsked()
        run.now = 29
        run.take(.acknowledged(.persisted(1000)), .ticked)
        run.now = 58
        run.take(.ticked)
        #expect(run.takeAsked().isEmpty)
        run.now = 59
        run.take(.ticked)
        #expect(run.takeAsked() == [.finish(failure: "stopped, and nothing was stored for 30 seconds: 2 fragments are not stored")])
        #expect(run.upload.stored == 1)
    }

    @Test func `one that is stopped ends where all is stored and the server does not end the session`() {
        var run = Run()
        run.take(.fragment(fragment(1000)), .opened(isKept: true), .stopped, .sourceEnded, .acknowledged(.persisted(1000)), .ticked)
        #expect(run.takeAsked() == [.takeMore, .takeMore, .open, .endBody])
        run.now = 30
        run.take(.ticked)
        #expect(run.takeAsked() == [.finish(failure: nil)])
    }

    @Test func `one that goes on waits for as long as it takes`() {
        var run = Run()
        run.take(.fragment(fragment(1000)), .opened(isKept: true))
        _ = run.takeAsked()
        run.now = 100_000
        run.take(.ticked)
        #expect(run.takeAsked().isEmpty)
    }

    @Test func `a refused fragment is lost and told, and the others go on`() {
        var run = Run()
        for timecode in [1000, 2000, 3000] { run.take(.fragment(fragment(timecode))) }
        run.take(.opened(isKept: true), .acknowledged(.persisted(1000)))
        _ = run.takeAsked()
        run.take(.acknowledged(.error(timecode: 2000, id: 4002, code: "MAX_FRAGMENT_DURATION_REACHED")))
        #expect(
            run.takeAsked() == [.tell("the fragment of 2000 was refused and is lost: 4002 MAX_FRAGMENT_DURATION_REACHED"), .endBody])
        // What the service tells of the stream after that is about the same fragment.
        run.take(.acknowledged(.error(timecode: nil, id: 4006, code: "INVALID_MKV_DATA")), .closed(.complete), .waited, .reconciled([]))
        run.take(.opened(isKept: true))
        #expect(run.sent.last == [Self.header, fragment(3000).bytes])
        _ = run.takeAsked()
        run.take(.sourceEnded, .acknowledged(.persisted(3000)), .closed(.complete))
        #expect(run.takeAsked() == [.endBody, .finish(failure: "1 fragments were refused")])
    }

    @Test func `where one fragment after the other is refused it gives up`() {
        var run = Run()
        for timecode in 1...9 { run.take(.fragment(fragment(timecode * 1000))) }
        var finished: [Upload.Action] = []
        for _ in 1...9 where finished.isEmpty {
            run.take(.opened(isKept: true), .acknowledged(.error(timecode: nil, id: 4006, code: "INVALID_MKV_DATA")))
            run.take(.closed(.complete), .waited, .reconciled([]))
            finished = run.takeAsked().filter { if case .finish = $0 { true } else { false } }
        }
        #expect(finished == [.finish(failure: "5 fragments in a row were refused, last: 4006 INVALID_MKV_DATA")])
    }

    @Test func `the end of a session that is nobody's fault loses nothing`() {
        var run = Run()
        run.take(.fragment(fragment(1000)), .opened(isKept: true))
        run.take(.acknowledged(.error(timecode: 1000, id: 4003, code: "MAX_CONNECTION_DURATION_REACHED")), .closed(.complete), .waited)
        run.take(.reconciled([]), .opened(isKept: true))
        #expect(run.sent.last == [Self.header, fragment(1000).bytes])
    }

    @Test func `what the server will never take ends it at once`() {
        var run = Run()
        run.take(.fragment(fragment(1000)), .closed(.refused("404 ResourceNotFoundException")))
        #expect(run.asked.last == .finish(failure: "404 ResourceNotFoundException"))
        #expect(run.upload.take(.fragment(fragment(2000)), at: 0).isEmpty)
    }

    @Test func `another header takes another session, once the first one has all of its own`() {
        var run = Run()
        run.take(.fragment(fragment(1000)), .fragment(fragment(2000, header: [2])), .opened(isKept: true))
        #expect(run.sent == [[Self.header, fragment(1000).bytes]] && run.asked.last == .endBody)
        run.take(.acknowledged(.persisted(1000)), .closed(.complete))
        #expect(run.asked.last == .open, "without a wait: nothing went wrong")
        run.take(.opened(isKept: true))
        #expect(run.sent.last == [[2], fragment(2000).bytes])
    }

    @Test func `a pause of the source lets the server close, and that is no trouble`() {
        var run = Run()
        run.take(.fragment(fragment(1000)), .opened(isKept: true), .acknowledged(.persisted(1000)))
        _ = run.takeAsked()
        run.take(.closed(.complete))
        #expect(run.takeAsked() == [])
        run.take(.fragment(fragment(60_000)))
        #expect(run.takeAsked() == [.takeMore, .open])
    }

    @Test func `a stream that keeps nothing tells RECEIVED, and that is all there is to wait for`() {
        var run = Run()
        run.take(.fragment(fragment(1000)), .opened(isKept: false), .sourceEnded, .acknowledged(.received(1000)), .closed(.complete))
        #expect(run.asked.last == .finish(failure: nil))
    }

    @Test func `the source waits while there is no room`() {
        var rules = Upload.Rules()
        rules.room = 25
        var run = Run(rules)
        for timecode in [1000, 2000, 3000] { run.take(.fragment(fragment(timecode))) }
        #expect(run.takeAsked().filter { $0 == .takeMore }.count == 3)
        run.take(.opened(isKept: true), .acknowledged(.persisted(1000)))
        #expect(run.takeAsked() == [.takeMore])
    }

    @Test func `a source without a frame is stored at once`() {
        var run = Run()
        run.take(.sourceEnded)
        #expect(run.takeAsked() == [.takeMore, .finish(failure: nil)])
    }
}

@Suite struct AcknowledgementTests {
    @Test func `lines are read as they are sent, in pieces of any size`() {
        let text = """
            {"EventType":"BUFFERING","FragmentTimecode":1631530102146,"FragmentNumber":"913"}
            {"EventType":"RECEIVED","FragmentTimecode":0,"FragmentNumber":"913"}\r
            {"EventType":"PERSISTED","FragmentTimecode":152148,"FragmentNumber":"913","More":[1]}

            {"EventType":"IDLE"}
            nonsense
            {"EventType":"PERSISTED"}
            {"EventType":"ERROR","FragmentTimecode":152148,"FragmentNumber":"9134","ErrorCode":"MAX_FRAGMENT_DURATION_REACHED","ErrorId":4002}
            {"EventType":"ERROR","ErrorCode":"INVALID_MKV_DATA","ErrorId":4006}

            """
        let expected: [Acknowledgement] = [
            .buffering(1_631_530_102_146), .received(0), .persisted(152_148), .idle,
            .error(timecode: 152_148, id: 4002, code: "MAX_FRAGMENT_DURATION_REACHED"),
            .error(timecode: nil, id: 4006, code: "INVALID_MKV_DATA"),
        ]
        for size in [1, 7, 1000] {
            var lines = AcknowledgementLines()
            var found: [Acknowledgement] = []
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                found += lines.read(rest.prefix(size))
                rest = rest.dropFirst(size)
            }
            #expect(found == expected)
        }
    }
}
