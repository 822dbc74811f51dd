import Dispatch

/// Runs the jobs of the folder one after the other, on a thread of its own: a slow disk must not hold up anything else, least of all the stop.
final class FolderQueue: SerialExecutor {
    private let queue = DispatchQueue(label: "weir.edge-agent.folder")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
