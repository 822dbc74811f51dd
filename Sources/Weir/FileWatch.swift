import Logging
import SQLiteDriver
import ServiceLifecycle

/// Tells the operator, once each time, that the file of the database is not in its place any more, and that it is back. The database itself refuses
/// everything meanwhile.
struct FileWatch: Service {
    let database: SQLiteDatabase
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var isMissing = false
            repeat {
                let fault = database.checkFiles()
                if let fault, !isMissing {
                    logger.critical(
                        """
                        the database has gone from under the server: nothing is read and no change is taken until the file is back. Put it back, \
                        or stop the server and then restore a backup
                        """, metadata: ["why": "\(fault)"])
                } else if fault == nil, isMissing {
                    logger.notice("the database is in its place again")
                }
                isMissing = fault != nil
                try? await Task.sleep(for: .seconds(1))
            } while !Task.isCancelled
        }
    }
}
