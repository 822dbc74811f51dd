import SQL
import TestSupport
import Testing

@testable import Store

/// The configurations of streams that are kept as documents.
@Suite struct ConfigurationTests {
    /// One of the two, by what sets it and what reads it.
    enum Kind: String, CaseIterable, Sendable {
        case imageGeneration
        case notification

        func set(
            _ store: Store, _ text: String?, on key: ResourceKey = .named("gate"), needsRetention: Bool = false
        ) async throws(DatabaseError) -> String {
            switch self {
            case .imageGeneration:
                try await store.setImageGeneration(key, text, needsRetention: needsRetention, .fresh(rawValue)).word
            case .notification:
                try await store.setNotification(key, text, destination: nil, needsRetention: needsRetention, .fresh(rawValue)).word
            }
        }

        func text(_ store: Store) async throws(DatabaseError) -> String? {
            let found = try await store.configurations(.named("gate"))
            return switch self {
            case .imageGeneration: found?.imageGeneration
            case .notification: found?.notification
            }
        }

        /// The other's text, which no change of this one may touch.
        func otherText(_ store: Store) async throws(DatabaseError) -> String? {
            switch self {
            case .imageGeneration: try await Kind.notification.text(store)
            case .notification: try await Kind.imageGeneration.text(store)
            }
        }
    }

    @Test(arguments: Engine.allCases, Kind.allCases) func `a configuration is set, replaced and removed by itself`(
        _ engine: Engine, _ kind: Kind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            #expect(try await store.configurations(.named("gate")) == nil)
            #expect(try await kind.set(store, "{}") == "not found")
            let stream = try await store.createActive("gate")
            _ = try await store.createActive("other")
            #expect(try await kind.text(store) == nil)
            for text in ["{\"a\":\"é 日本 🎏\"}", "{}"] {
                #expect(try await kind.set(store, text) == "accepted")
                #expect(try await kind.text(store) == text)
                #expect(try await kind.otherText(store) == nil)
            }
            #expect(
                try await store.configurations(.named("other")) == StreamConfigurations(imageGeneration: nil, notification: nil))
            #expect(try await kind.set(store, nil) == "accepted")
            #expect(try await kind.text(store) == nil)
            // Neither status nor version changes.
            #expect(try await store.stream(.named("gate")) == stream)
            #expect(try await store.history(stream.arn).suffix(3) == Array(repeating: "\(kind.rawValue) ACTIVE", count: 3))
            #expect(try database.rows("SELECT event_sequence FROM stream WHERE name = 'gate'") == [[5]])
        }
    }

    @Test(arguments: Engine.allCases, Kind.allCases) func `only an ACTIVE stream is configured, which keeps media where that is needed`(
        _ engine: Engine, _ kind: Kind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let stream = try await store.createActive("gate")
            #expect(try await kind.set(store, "before") == "accepted")
            for status in ["CREATING", "UPDATING", "DELETING"] {
                try database.execute("UPDATE stream SET status = '\(status)'")
                for text in ["{}", nil] { #expect(try await kind.set(store, text) == "refused: \(status)") }
            }
            try database.execute("UPDATE stream SET status = 'ACTIVE', data_retention_in_hours = 0")
            #expect(try await kind.set(store, "{}", needsRetention: true) == "refused: ACTIVE")
            let old = ResourceKey.named("gate", creationTime: stream.creationTime - 1)
            #expect(try await kind.set(store, "{}", on: old) == "not found")
            #expect(try await store.configurations(old) == nil)
            #expect(try await kind.text(store) == "before")
            #expect(try await store.history(stream.arn).count == 3)
            #expect(try await kind.set(store, "disabled") == "accepted")
            try database.execute("UPDATE stream SET data_retention_in_hours = 1")
            #expect(try await kind.set(store, "enabled", needsRetention: true) == "accepted")
            #expect(try await kind.text(store) == "enabled")
        }
    }

    @Test(arguments: Engine.allCases, Kind.allCases) func `what needs media is not enabled after the retention went to zero`(
        _ engine: Engine, _ kind: Kind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            for number in 0..<10 {
                let name = "gate\(number)"
                let key = ResourceKey.named(name)
                let stream = try await store.createActive(name)
                let words = try await atOnce(2) { call in
                    if call == number % 2 { return try await kind.set(store, "{}", on: key, needsRetention: true) }
                    let update = StreamUpdate.expecting(stream.version, retentionChangeInHours: -24)
                    return try await store.updateStream(key, update, activationDelay: 0, .fresh("UpdateDataRetention")).word
                }
                let order = try await store.history(stream.arn).dropFirst(2)
                if words.contains("refused: UPDATING") {
                    #expect(order == ["UpdateDataRetention UPDATING"])
                } else {
                    #expect(words == ["accepted", "accepted"])
                    #expect(order == ["\(kind.rawValue) ACTIVE", "UpdateDataRetention UPDATING"])
                }
                try await store.finishTasks()
                #expect(try await kind.set(store, "{}", on: key, needsRetention: true) == "refused: ACTIVE")
            }
        }
    }

    @Test(arguments: Kind.allCases) func `a configuration sees the retention that it had to wait for`(_ kind: Kind) async throws {
        try await TestDatabase.with(.postgres) { database in
            let store = Store(database.database)
            _ = try await store.createActive("gate")
            let blocker = try Blocker(database, "UPDATE stream SET data_retention_in_hours = 0")
            async let word = kind.set(store, "{}", needsRetention: true)
            try await blocker.blocksOne(in: database)
            try blocker.release()
            #expect(try await word == "refused: ACTIVE")
            #expect(try await kind.text(store) == nil)
        }
    }
}
