/// What an HTTP/1.1 connection does next. A value without I/O: each method takes what happened and returns what is to be done, in order.
///
/// One request at a time is looked at: what a client sends ahead of its answer waits. A call begins when its request is there as a whole, or
/// when nothing more of it is there to be read, so that nearly every small call has its body before it begins.
struct ConnectionMachine {
    /// What is to be done.
    enum Action: Equatable {
        /// Read from the socket.
        case read
        /// Begin the call of the request whose head came last.
        case startCall
        /// Tell the client to send its body.
        case sendContinue
        /// Give the call, which waits for the whole body, what became of it.
        case completeBody(WholeBody)
        /// Hand the bytes that came last to the stream that the call reads.
        case passOn
        /// End that stream: as it should end, or for a reason.
        case endStream(StreamEnd)
        /// Forget the bytes that came last.
        case drop
        /// The client is gone, or will not read what the call is waiting to tell.
        case cancelCall
        /// Tell the call that the instance stops.
        case tellDraining
        /// Answer what no call can answer, and read on no more.
        case refuse(Refusal)
        /// Take what the client sent ahead.
        case takeNext
        /// Send the client the end of the connection, and read no more than its end.
        case shutDownOutput
        case close
    }

    /// What became of a body that a call waits for as a whole.
    enum WholeBody: Equatable { case arrived, tooLarge, timedOut, malformed, clientLeft, overloaded }
    /// How a streamed body ends.
    enum StreamEnd: Equatable { case complete, malformed, clientLeft, silent, draining }
    /// What is answered without a call.
    enum Refusal: Equatable { case malformed }

    /// What the connection waits for, if not for its own server, and so only for a time.
    enum Wait: Equatable {
        /// A request.
        case request
        /// The rest of a small body.
        case body
        /// More of a streamed body.
        case stream
        /// The end, after the last answer.
        case end
    }

    private enum State: Equatable {
        /// No request is at hand. A head leads to `request`; draining, or a wait that is too long, to `closed`.
        case idle
        /// A request is at hand. Its answer leads back to `idle`, or to `ending` where the connection cannot be used again.
        case request(Request)
        /// The last answer is out and the client is told so; the client's own end leads to `closed`.
        case ending
        case closed
    }

    private struct Request: Equatable {
        var input: Input
        var hasCall = false
        /// Whether the connection may be used again after this request.
        var keepsAlive: Bool
        /// Whether the client holds its body back until it is told to go on.
        var awaitsContinue: Bool
        /// Whether the answer is streamed, so that draining concerns it.
        var streams = false
        /// Whether its streamed body goes on when the instance stops, until the call has enough of it.
        var outlastsDraining = false
        /// Whether the call only waits for something to tell: it ends with the client's side of the connection.
        var waits = false
    }

    /// Where the body of the request stands.
    private enum Input: Equatable {
        /// Nobody asked for it: what came with the head is kept, and nothing more is read.
        case held
        /// The call waits for all of it, `limit` bytes at most.
        case gathered(limit: Int)
        /// It is too large, and is read to its end, though not for more than so many bytes: a client that reads only after it has written is
        /// to get its answer.
        case dropped(left: Int)
        /// The call reads it as it comes. `isWanted` while the call can take more.
        case streamed(isWanted: Bool)
        /// All of it is there, or has been taken.
        case ended
        /// The rest is not read: the connection ends after the answer.
        case abandoned
    }

    /// How many times the limit of a body is read of one that is larger.
    private static let droppedLimits = 16

    private var state = State.idle
    /// Bytes of the body that are kept for the call.
    private(set) var held = 0
    private(set) var isDraining = false
    /// The client has ended its side of the connection.
    private var isInputClosed = false
    /// What followed the request at hand is not HTTP.
    private var isSpoilt = false

    /// What the connection waits for now; nil while it is the server's turn.
    var wait: Wait? {
        switch state {
        case .idle: .request
        case .ending: .end
        case .closed: nil
        case .request(let request):
            switch request.input {
            case .gathered, .dropped: .body
            case .streamed(isWanted: true): .stream
            case .streamed(isWanted: false), .held, .ended, .abandoned: nil
            }
        }
    }

    /// Whether the next part that arrives belongs to the request at hand, or may begin one. Else it has to wait for `takeNext`.
    var takesParts: Bool {
        switch state {
        case .idle, .ending, .closed: true
        case .request(let request): request.input != .ended
        }
    }

    /// Whether the connection can be used for another request after the one at hand, as far as is known.
    var keepsAlive: Bool {
        guard case .request(let request) = state else { return false }
        return request.keepsAlive && !isDraining && request.input == .ended
    }

    /// Whether it could be used again if the body that is still being read came to its end.
    var mayKeepAlive: Bool {
        guard case .request(let request) = state else { return false }
        return request.keepsAlive && !isDraining && request.input != .abandoned
    }

    /// Whether the call waits for what nobody will be told.
    var waitsForNobody: Bool {
        guard case .request(let request) = state else { return false }
        return request.waits && isInputClosed && request.input == .ended
    }

    /// Whether all of the request is there and its answer is not.
    var isAnswering: Bool {
        guard case .request(let request) = state else { return false }
        return request.hasCall && request.input == .ended
    }

    /// Whether the whole body is there and has no more than `limit` bytes.
    func hasWholeBody(limit: Int) -> Bool {
        guard case .request(let request) = state else { return false }
        return request.input == .ended && held <= limit
    }

    var isClosed: Bool { state == .closed }

    // MARK: What the client does

    mutating func head(keepsAlive: Bool, awaitsContinue: Bool) -> [Action] {
        guard state == .idle else { return [.drop] }
        held = 0
        state = .request(Request(input: .held, keepsAlive: keepsAlive, awaitsContinue: awaitsContinue))
        return []
    }

    mutating func body(_ count: Int) -> [Action] {
        guard case .request(var request) = state else { return [.drop] }
        defer { if case .request = state { state = .request(request) } }
        switch request.input {
        case .held:
            held += count
            return []
        case .gathered(let limit):
            held += count
            guard held > limit else { return [] }
            request.input = .dropped(left: Self.droppedLimits * limit)
            held = 0
            return [.drop]
        case .dropped(let left):
            guard left < count else {
                request.input = .dropped(left: left - count)
                return [.drop]
            }
            request.input = .abandoned
            return [.drop, .completeBody(.tooLarge)]
        case .streamed: return [.passOn]
        case .ended, .abandoned: return [.drop]
        }
    }

    mutating func end() -> [Action] {
        guard case .request(var request) = state else { return [] }
        let before = request.input
        if before != .abandoned { request.input = .ended }
        request.awaitsContinue = false
        let starts = before == .held && !request.hasCall
        if starts { request.hasCall = true }
        state = .request(request)
        switch before {
        case .held: return starts ? [.startCall] : []
        case .gathered: return [.completeBody(.arrived)]
        case .dropped: return [.completeBody(.tooLarge)]
        case .streamed: return [.endStream(.complete)]
        case .ended, .abandoned: return []
        }
    }

    /// All that was there to be read has been read.
    mutating func readComplete() -> [Action] {
        switch state {
        case .idle, .ending: return [.read]
        case .closed: return []
        case .request(var request):
            switch request.input {
            case .held:
                guard !request.hasCall else { return [] }
                request.hasCall = true
                state = .request(request)
                return [.startCall]
            case .gathered, .dropped, .streamed(isWanted: true): return [.read]
            case .streamed(isWanted: false), .ended, .abandoned: return []
            }
        }
    }

    /// What arrived is not HTTP, and nothing that follows can be understood. `ahead`: whole requests that came before it still wait.
    mutating func malformed(ahead: Bool = false) -> [Action] {
        switch state {
        case .idle:
            if ahead {
                isSpoilt = true
                return []
            }
            state = .ending
            return [.refuse(.malformed), .shutDownOutput]
        case .ending, .closed: return []
        case .request(var request):
            let before = request.input
            if before == .ended {
                isSpoilt = true
                return []
            }
            request.input = .abandoned
            let hadCall = request.hasCall
            state = hadCall ? .request(request) : .ending
            guard hadCall else { return [.refuse(.malformed), .shutDownOutput] }
            return switch before {
            case .gathered, .dropped: [.completeBody(.malformed)]
            case .streamed: [.endStream(.malformed)]
            case .held, .ended, .abandoned: []
            }
        }
    }

    /// The client will send nothing more, in the middle of a message. Where a call reads the body that is how the client left, and no fault of what it
    /// sent. `ahead`: as above.
    mutating func cutShort(ahead: Bool = false) -> [Action] {
        guard case .request(let request) = state, request.hasCall, request.input != .ended else { return malformed(ahead: ahead) }
        return inputClosed(ahead: ahead)
    }

    /// The client will send nothing more; it may still read. `ahead`: whole requests that it sent before still wait.
    mutating func inputClosed(ahead: Bool = false) -> [Action] {
        isInputClosed = true
        switch state {
        case .idle where ahead: return []
        case .idle, .ending:
            state = .closed
            return [.close]
        case .closed: return []
        case .request(var request):
            let before = request.input
            guard request.hasCall else {
                // A body that was cut short, which the parser has not complained of.
                state = .closed
                return [.close]
            }
            if before != .ended { request.input = .abandoned }
            state = .request(request)
            switch before {
            case .gathered, .dropped: return [.completeBody(.clientLeft)]
            case .streamed: return [.endStream(.clientLeft)]
            case .held, .abandoned: return []
            case .ended: return request.waits ? [.cancelCall] : []
            }
        }
    }

    /// The connection is gone.
    mutating func inactive() -> [Action] {
        defer { state = .closed }
        guard case .request(let request) = state, request.hasCall else { return [] }
        switch request.input {
        case .gathered, .dropped: return [.completeBody(.clientLeft), .cancelCall]
        case .streamed: return [.endStream(.clientLeft), .cancelCall]
        case .held, .ended, .abandoned: return [.cancelCall]
        }
    }

    // MARK: What the call does

    /// The call waits for the whole body, of `limit` bytes at most.
    mutating func wantsWholeBody(limit: Int) -> [Action] {
        guard case .request(var request) = state else { return [.completeBody(.clientLeft)] }
        defer { state = .request(request) }
        switch request.input {
        case .ended: return [.completeBody(held > limit ? .tooLarge : .arrived)]
        case .held:
            var actions: [Action] = []
            if request.awaitsContinue {
                request.awaitsContinue = false
                actions.append(.sendContinue)
            }
            request.input = .gathered(limit: limit)
            if held > limit {
                request.input = .dropped(left: Self.droppedLimits * limit)
                held = 0
                actions.append(.drop)
            }
            return actions + [.read]
        case .abandoned: return [.completeBody(isInputClosed ? .clientLeft : .malformed)]
        case .gathered, .dropped, .streamed: return []
        }
    }

    /// There is no memory for the rest of the body that the call waits for.
    mutating func bodyOverloads() -> [Action] {
        guard case .request(var request) = state else { return [] }
        request.input = .abandoned
        state = .request(request)
        return [.drop, .completeBody(.overloaded)]
    }

    /// The call reads the body as it comes, and what was kept of it at once.
    mutating func wantsStream(continues: Bool = true) -> [Action] {
        guard case .request(var request) = state else { return [.endStream(.clientLeft)] }
        request.streams = true
        defer { state = .request(request) }
        if isDraining {
            request.input = .abandoned
            return [.endStream(.draining)]
        }
        switch request.input {
        case .ended: return [.passOn, .endStream(.complete)]
        case .held:
            request.input = .streamed(isWanted: false)
            guard request.awaitsContinue, continues else { return [.passOn] }
            request.awaitsContinue = false
            return [.sendContinue, .passOn]
        case .abandoned: return [.endStream(isInputClosed ? .clientLeft : .malformed)]
        case .gathered, .dropped, .streamed: return []
        }
    }

    /// The call can take more of the streamed body, or cannot for now.
    mutating func streamIs(wanted: Bool) -> [Action] {
        guard case .request(var request) = state, case .streamed(let before) = request.input else { return [] }
        request.input = .streamed(isWanted: wanted)
        state = .request(request)
        return wanted && !before ? [.read] : []
    }

    /// Nobody takes the rest of the streamed body.
    mutating func streamAbandoned() -> [Action] {
        guard case .request(var request) = state, case .streamed = request.input else { return [] }
        request.input = .abandoned
        state = .request(request)
        return []
    }

    /// Whether the streamed body goes on when the instance stops: the call then ends it, by taking no more.
    mutating func bodyOutlastsDraining(_ outlasts: Bool) {
        guard case .request(var request) = state else { return }
        request.outlastsDraining = outlasts
        state = .request(request)
    }

    /// The call waits for something to happen, and then tells the client, who may have left already.
    mutating func waits() -> [Action] {
        guard case .request(var request) = state else { return [] }
        request.waits = true
        state = .request(request)
        return waitsForNobody ? [.cancelCall] : []
    }

    /// The answer is a stream that has begun.
    mutating func answerBegan() -> [Action] {
        guard case .request(var request) = state else { return [] }
        request.streams = true
        request.waits = true
        state = .request(request)
        return isDraining ? [.tellDraining] : []
    }

    /// The answer is out, as a whole.
    mutating func answered() -> [Action] {
        guard case .request = state else { return [] }
        guard keepsAlive else {
            state = isInputClosed ? .closed : .ending
            return isInputClosed ? [.close] : [.shutDownOutput]
        }
        state = .idle
        return [.takeNext]
    }

    /// The client is to have a WebSocket in place of an answer. Returns whether the connection is one from now on: then HTTP is over here.
    mutating func upgrade() -> Bool {
        guard case .request(let request) = state, request.input == .ended, !isInputClosed else { return false }
        state = .closed
        return true
    }

    /// The answer cannot be brought to its end: the client must not take what it has for the whole.
    mutating func answerBroken() -> [Action] {
        state = .closed
        return [.close]
    }

    // MARK: What the server does

    /// What `wait` says has been waited for long enough.
    mutating func waitedTooLong() -> [Action] {
        switch state {
        case .idle, .ending:
            state = .closed
            return [.close]
        case .closed: return []
        case .request(var request):
            let before = request.input
            request.input = .abandoned
            switch before {
            case .gathered, .dropped:
                state = .request(request)
                return [.completeBody(.timedOut)]
            case .streamed:
                state = .request(request)
                return [.endStream(.silent)]
            case .held, .ended, .abandoned: return []
            }
        }
    }

    /// All that was sent ahead has been taken. What is not HTTP has its answer now; else more is read.
    mutating func nothingAhead() -> [Action] {
        guard state == .idle else { return [] }
        guard isSpoilt else { return isInputClosed ? inputClosed() : [.read] }
        state = .ending
        return [.refuse(.malformed), .shutDownOutput]
    }

    /// The instance stops: requests that have begun are answered, and no others.
    mutating func drain() -> [Action] {
        isDraining = true
        switch state {
        case .idle:
            state = .closed
            return [.close]
        case .ending, .closed: return []
        case .request(var request):
            guard request.streams else { return [] }
            guard case .streamed = request.input, !request.outlastsDraining else { return [.tellDraining] }
            request.input = .abandoned
            state = .request(request)
            return [.tellDraining, .endStream(.draining)]
        }
    }
}
