import DequeModule
import NIOCore

/// Gives the connections of an event loop their turns: each goes on by one request, and between the turns the loop looks at its sockets.
///
/// An event loop runs what is submitted while it runs before it looks at its sockets again, so connections that submitted themselves again and again
/// would keep everybody else out.
///
/// Threads: on its event loop only.
final class Turns {
    /// Where the calls of the connections run.
    let executor: EventLoopExecutor
    private let loop: any EventLoop
    private var waiting = Deque<ConnectionHandler>()
    private var isUnderWay = false

    /// For how long turns follow each other without a look at the sockets.
    private static let stretch = TimeAmount.milliseconds(5)
    /// Any time that is not over yet: sockets are looked at first.
    private static let pause = TimeAmount.microseconds(20)

    init(_ loop: any EventLoop) {
        self.loop = loop
        executor = EventLoopExecutor(loop)
    }

    /// Has a connection go on soon.
    func ask(_ connection: ConnectionHandler) {
        waiting.append(connection)
        guard !isUnderWay else { return }
        isUnderWay = true
        schedule()
    }

    private func schedule() {
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: Self.pause) { bound.value.run() }
    }

    private func run() {
        let end = NIODeadline.now() + Self.stretch
        // Those who ask again have their next turn in the next stretch.
        var left = waiting.count
        while left > 0, NIODeadline.now() < end, let connection = waiting.popFirst() {
            connection.takeTurn()
            left -= 1
        }
        isUnderWay = !waiting.isEmpty
        if isUnderWay { schedule() }
    }
}
