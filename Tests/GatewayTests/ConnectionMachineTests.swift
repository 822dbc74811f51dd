import Testing

@testable import Gateway

/// What a connection does next, without any connection.
@Suite struct ConnectionMachineTests {
    private typealias Action = ConnectionMachine.Action

    /// A machine with a request at hand whose head has come, and so many bytes of its body.
    private func begun(keepsAlive: Bool = true, awaitsContinue: Bool = false, body: Int? = nil) -> ConnectionMachine {
        var machine = ConnectionMachine()
        #expect(machine.head(keepsAlive: keepsAlive, awaitsContinue: awaitsContinue).isEmpty)
        if let body { #expect(machine.body(body).isEmpty) }
        return machine
    }

    /// The same, with the call running that the request leads to.
    private func running(keepsAlive: Bool = true, awaitsContinue: Bool = false) -> ConnectionMachine {
        var machine = begun(keepsAlive: keepsAlive, awaitsContinue: awaitsContinue)
        #expect(machine.readComplete() == [.startCall])
        return machine
    }

    @Test func `a request that is there as a whole is called once, and the next may follow`() {
        var machine = begun(body: 10)
        #expect(machine.takesParts)
        #expect(machine.end() == [.startCall])
        #expect(!machine.takesParts)
        #expect(machine.hasWholeBody(limit: 10))
        #expect(!machine.hasWholeBody(limit: 9))
        #expect(machine.readComplete().isEmpty)
        #expect(machine.wait == nil)
        #expect(machine.keepsAlive)
        #expect(machine.answered() == [.takeNext])
        #expect(machine.wait == .request)
        #expect(machine.nothingAhead() == [.read])
    }

    @Test func `a body that has not come is waited for only once the call asks for it`() {
        var machine = running()
        #expect(machine.wait == nil)
        #expect(machine.readComplete().isEmpty)
        #expect(machine.wantsWholeBody(limit: 100) == [.read])
        #expect(machine.wait == .body)
        #expect(machine.body(60).isEmpty)
        #expect(machine.readComplete() == [.read])
        #expect(machine.end() == [.completeBody(.arrived)])
        #expect(machine.answered() == [.takeNext])
    }

    @Test func `a client that waits is told to go on when the body is asked for, and once`() {
        var machine = running(awaitsContinue: true)
        #expect(machine.wantsWholeBody(limit: 100) == [.sendContinue, .read])
        #expect(machine.end() == [.completeBody(.arrived)])
        var streaming = running(awaitsContinue: true)
        #expect(streaming.wantsStream() == [.sendContinue, .passOn])
    }

    @Test func `a client that waits and is refused is not told to go on, and the connection ends`() {
        var machine = running(awaitsContinue: true)
        #expect(!machine.keepsAlive)
        #expect(machine.answered() == [.shutDownOutput])
        #expect(machine.wait == .end)
        #expect(machine.waitedTooLong() == [.close])
    }

    @Test func `a body that is too large is read to its end, so that its client gets the refusal`() {
        var machine = running()
        _ = machine.wantsWholeBody(limit: 100)
        #expect(machine.body(101) == [.drop])
        #expect(machine.body(900) == [.drop])
        #expect(machine.end() == [.completeBody(.tooLarge)])
        #expect(machine.answered() == [.takeNext])
    }

    @Test func `a body without an end is read for sixteen times the limit, and no further`() {
        var machine = running()
        _ = machine.wantsWholeBody(limit: 100)
        _ = machine.body(101)
        #expect(machine.body(1600) == [.drop])
        #expect(machine.body(1) == [.drop, .completeBody(.tooLarge)])
        #expect(machine.readComplete().isEmpty)
        #expect(machine.answered() == [.shutDownOutput])
    }

    @Test func `what came before the body was asked for counts too`() {
        var machine = begun(body: 101)
        #expect(machine.readComplete() == [.startCall])
        #expect(machine.wantsWholeBody(limit: 100) == [.drop, .read])
        #expect(machine.end() == [.completeBody(.tooLarge)])
        var ended = begun(body: 101)
        #expect(ended.end() == [.startCall])
        #expect(ended.wantsWholeBody(limit: 100) == [.completeBody(.tooLarge)])
    }

    @Test func `a body that takes too long is given up, with the connection`() {
        var machine = running()
        _ = machine.wantsWholeBody(limit: 100)
        #expect(machine.waitedTooLong() == [.completeBody(.timedOut)])
        #expect(machine.body(10) == [.drop])
        #expect(!machine.keepsAlive)
        #expect(machine.answered() == [.shutDownOutput])
    }

    @Test func `a body for which there is no memory is given up, with the connection`() {
        var machine = running()
        _ = machine.wantsWholeBody(limit: 100)
        #expect(machine.bodyOverloads() == [.drop, .completeBody(.overloaded)])
        #expect(machine.answered() == [.shutDownOutput])
    }

    @Test func `a stream is read only while its reader can take more`() {
        var machine = running()
        #expect(machine.wantsStream() == [.passOn])
        #expect(machine.wait == nil)
        #expect(machine.streamIs(wanted: true) == [.read])
        #expect(machine.wait == .stream)
        #expect(machine.body(10) == [.passOn])
        #expect(machine.streamIs(wanted: false).isEmpty)
        #expect(machine.readComplete().isEmpty)
        #expect(machine.streamIs(wanted: true) == [.read])
        #expect(machine.readComplete() == [.read])
        #expect(machine.end() == [.endStream(.complete)])
        #expect(machine.answerBegan().isEmpty)
        #expect(machine.answered() == [.takeNext])
    }

    @Test func `a stream that nobody reads on is not read, and ends the connection`() {
        var machine = running()
        _ = machine.wantsStream()
        _ = machine.streamIs(wanted: true)
        #expect(machine.streamAbandoned().isEmpty)
        #expect(machine.body(10) == [.drop])
        #expect(machine.readComplete().isEmpty)
        #expect(machine.answered() == [.shutDownOutput])
    }

    @Test func `a stream that is silent for too long ends`() {
        var machine = running()
        _ = machine.wantsStream()
        _ = machine.streamIs(wanted: true)
        #expect(machine.waitedTooLong() == [.endStream(.silent)])
        #expect(machine.wait == nil)
    }

    @Test func `what is not HTTP is refused where no call can tell`() {
        var fresh = ConnectionMachine()
        #expect(fresh.malformed() == [.refuse(.malformed), .shutDownOutput])
        var early = begun()
        #expect(early.malformed() == [.refuse(.malformed), .shutDownOutput])
        var gathering = running()
        _ = gathering.wantsWholeBody(limit: 100)
        #expect(gathering.malformed() == [.completeBody(.malformed)])
        #expect(gathering.answered() == [.shutDownOutput])
        var streaming = running()
        _ = streaming.wantsStream()
        #expect(streaming.malformed() == [.endStream(.malformed)])
    }

    @Test func `a body that is cut short is a client that left, where a call reads it`() {
        var early = begun()
        #expect(early.cutShort() == [.refuse(.malformed), .shutDownOutput])
        var gathering = running()
        _ = gathering.wantsWholeBody(limit: 100)
        #expect(gathering.cutShort() == [.completeBody(.clientLeft)])
        #expect(gathering.inputClosed().isEmpty)
        var streaming = running()
        _ = streaming.wantsStream()
        #expect(streaming.cutShort() == [.endStream(.clientLeft)])
        #expect(streaming.inputClosed().isEmpty)
        var answered = running()
        _ = answered.end()
        #expect(answered.cutShort().isEmpty)
    }

    @Test func `what is not HTTP and follows a request is refused after its answer`() {
        var machine = begun()
        _ = machine.end()
        #expect(machine.malformed().isEmpty)
        #expect(machine.answered() == [.takeNext])
        #expect(machine.nothingAhead() == [.refuse(.malformed), .shutDownOutput])
        #expect(machine.malformed().isEmpty)
    }

    @Test func `a client that has sent all it wants to still gets its answers`() {
        var machine = begun()
        _ = machine.end()
        #expect(machine.inputClosed().isEmpty)
        #expect(machine.answered() == [.takeNext])
        #expect(machine.nothingAhead() == [.close])
        var idle = ConnectionMachine()
        #expect(idle.inputClosed(ahead: true).isEmpty)
        #expect(idle.head(keepsAlive: true, awaitsContinue: false).isEmpty)
        #expect(idle.end() == [.startCall])
    }

    @Test func `a call that only waits ends with its client's side of the connection`() {
        var machine = begun()
        _ = machine.end()
        #expect(machine.waits().isEmpty && !machine.waitsForNobody)
        #expect(machine.inputClosed() == [.cancelCall])
        // One that comes to wait after that.
        var late = begun()
        _ = late.end()
        #expect(late.inputClosed().isEmpty && !late.waitsForNobody)
        #expect(late.waits() == [.cancelCall] && late.waitsForNobody)
        var stream = begun()
        _ = stream.end()
        _ = stream.answerBegan()
        #expect(stream.inputClosed() == [.cancelCall])
    }

    @Test func `a connection that is lost ends whatever runs over it`() {
        var idle = ConnectionMachine()
        #expect(idle.inactive().isEmpty)
        var calling = begun()
        _ = calling.end()
        #expect(calling.inactive() == [.cancelCall])
        #expect(calling.answered().isEmpty)
        var gathering = running()
        _ = gathering.wantsWholeBody(limit: 100)
        #expect(gathering.inactive() == [.completeBody(.clientLeft), .cancelCall])
        var streaming = running()
        _ = streaming.wantsStream()
        #expect(streaming.inactive() == [.endStream(.clientLeft), .cancelCall])
        #expect(streaming.wantsStream() == [.endStream(.clientLeft)])
    }

    @Test func `a body that is cut short is told to who waits for it`() {
        var gathering = running()
        _ = gathering.wantsWholeBody(limit: 100)
        #expect(gathering.inputClosed() == [.completeBody(.clientLeft)])
        #expect(gathering.answered() == [.close])
        var late = running()
        #expect(late.inputClosed().isEmpty)
        #expect(late.wantsWholeBody(limit: 100) == [.completeBody(.clientLeft)])
    }

    @Test func `draining closes what is idle and answers what has begun`() {
        var idle = ConnectionMachine()
        #expect(idle.drain() == [.close])
        var calling = begun()
        #expect(calling.drain().isEmpty)
        #expect(calling.end() == [.startCall])
        #expect(!calling.keepsAlive)
        #expect(calling.answered() == [.shutDownOutput])
    }

    @Test func `draining tells streams to end`() {
        var both = running()
        _ = both.wantsStream()
        _ = both.answerBegan()
        #expect(both.drain() == [.tellDraining, .endStream(.draining)])
        var out = begun()
        _ = out.end()
        _ = out.answerBegan()
        #expect(out.drain() == [.tellDraining])
        var late = begun()
        _ = late.end()
        #expect(late.drain().isEmpty)
        #expect(late.answerBegan() == [.tellDraining])
        var later = running()
        #expect(later.drain().isEmpty)
        #expect(later.wantsStream() == [.endStream(.draining)])
    }

    @Test func `a body that outlasts draining goes on until the call has enough of it`() {
        var both = running()
        _ = both.wantsStream()
        _ = both.answerBegan()
        both.bodyOutlastsDraining(true)
        #expect(both.drain() == [.tellDraining])
        #expect(both.body(10) == [.passOn])
        #expect(both.streamAbandoned().isEmpty)
        #expect(both.body(10) == [.drop])
        #expect(!both.keepsAlive)
        #expect(both.answered() == [.shutDownOutput])
    }

    @Test func `who waits for permission gets none where the head of the answer is to do`() {
        var streaming = running(awaitsContinue: true)
        #expect(streaming.wantsStream(continues: false) == [.passOn])
        #expect(streaming.streamIs(wanted: true) == [.read])
    }

    @Test func `an answer that cannot be brought to its end cuts the connection`() {
        var machine = begun()
        _ = machine.end()
        _ = machine.answerBegan()
        #expect(machine.answerBroken() == [.close])
        #expect(machine.isClosed)
    }

    @Test func `an idle connection is closed after a while`() {
        var machine = ConnectionMachine()
        #expect(machine.wait == .request)
        #expect(machine.waitedTooLong() == [.close])
        #expect(machine.wait == nil)
    }
}
