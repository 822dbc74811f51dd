import Contract
import Identity
import Planes
import SQL
import Store
import TestSupport
import Testing

@testable import ControlPlane

/// What each operation answers, called with a request body.
@Suite struct OperationTests {
    private static let arn = "arn:aws:kinesisvideo:eu-west-1:111122223333:stream/gate/1705489836421"
    private static let otherAccount = "arn:aws:kinesisvideo:eu-west-1:999988887777:stream/gate/1705489836421"

    @Test func `each operation of the control plane and of agents is offered`() async throws {
        try await Plane.with { plane in
            #expect(plane.control.operations.map(\.id) == OperationID.allCases.filter { [.controlPlane, .edgeAgent].contains($0.api) })
        }
    }

    // MARK: CreateStream

    @Test func `CreateStream answers the ARN, and the stream has what was given`() async throws {
        try await Plane.with { plane in
            let answer = try await plane.call(
                .createStream,
                """
                {"StreamName":"gate","DataRetentionInHours":87600,"DeviceName":"camera","MediaType":"video/h264","KmsKeyId":"my-key",
                "StreamStorageConfiguration":{"DefaultStorageTier":"WARM"},"Tags":{"site":"north"}}
                """)
            #expect(answer == #"{"StreamARN":"\#(Self.arn)"}"#)
            #expect(plane.hintCount == 1)
            let version = try #require(try await plane.store.stream(.named("gate"))?.version)
            #expect(version.wholeMatch(of: /[a-z][A-Za-z0-9]{19}/) != nil)
            #expect(
                try await plane.call(.describeStream, #"{"StreamName":"gate"}"#)
                    == #"{"StreamInfo":{"CreationTime":1705489836.421,"DataRetentionInHours":87600,"DeviceName":"camera","KmsKeyId":"my-key","#
                    + #""MediaType":"video/h264","Status":"CREATING","StreamARN":"\#(Self.arn)","StreamName":"gate","Version":"\#(version)"}}"#
            )
            #expect(try await plane.call(.listTagsForStream, #"{"StreamName":"gate"}"#) == #"{"Tags":{"site":"north"}}"#)
            #expect(
                try await plane.call(.describeStreamStorageConfiguration, #"{"StreamName":"gate"}"#)
                    == #"{"StreamARN":"\#(Self.arn)","StreamName":"gate","StreamStorageConfiguration":{"DefaultStorageTier":"WARM"}}"#)
        }
    }

    @Test(arguments: [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
    func `CreateStream has defaults, in the region's partition`(_ region: String, _ partition: String) async throws {
        try await Plane.with { plane in
            let answer = try await plane.call(.createStream, #"{"StreamName":"gate"}"#, .test(region: region))
            #expect(answer == #"{"StreamARN":"arn:\#(partition):kinesisvideo:\#(region):111122223333:stream/gate/1705489836421"}"#)
            let stream = try #require(try await plane.store.stream(.named("gate", region: region)))
            #expect(stream.kmsKeyID == "arn:\(partition):kms:\(region):111122223333:alias/aws/kinesisvideo")
            #expect(stream.dataRetentionInHours == 0)
            #expect(stream.defaultStorageTier == "HOT")
            #expect(stream.deviceName == nil && stream.mediaType == nil)
            #expect(try await plane.call(.listTagsForStream, #"{"StreamName":"gate"}"#, .test(region: region)) == #"{"Tags":{}}"#)
        }
    }

    @Test func `CreateStream refuses what only its prose forbids`() async throws {
        try await Plane.with { plane in
            for (body, message) in [
                (#""DataRetentionInHours":87601"#, "DataRetentionInHours is 87601, which is more than 87600, the most that is possible."),
                (#""KmsKeyId":"a\u0000b""#, "KmsKeyId must not contain the character U+0000."),
                (#""Tags":{"aws:x":"1"}"#, "The tag key aws:x begins with aws:, which is reserved."),
                (#""Tags":{"ok":"1","AwS:":"1"}"#, "The tag key AwS: begins with aws:, which is reserved."),
            ] {
                let refusal = try await plane.refusal(.createStream, #"{"StreamName":"gate",\#(body)}"#)
                #expect(refusal.code == .invalidArgument)
                #expect(refusal.publicMessage == message)
            }
            #expect(plane.faults.writes.isEmpty && plane.faults.reads.isEmpty)
            #expect(plane.hintCount == 0)
        }
    }

    @Test func `CreateStream refuses a name in use and a stream over the quota`() async throws {
        try await Plane.with(quota: 1) { plane in
            _ = try await plane.active()
            for status in ResourceStatus.allCases {
                try plane.setStatus(status)
                let inUse = try await plane.refusal(.createStream, #"{"StreamName":"gate"}"#)
                #expect(inUse.code == .resourceInUse)
                #expect(
                    inUse.publicMessage
                        == "The stream gate already exists in this account and region, since 2024-01-17T11:10:36Z. "
                        + "A deleted stream's name is free once it is gone.")
            }
            let over = try await plane.refusal(.createStream, #"{"StreamName":"other"}"#)
            #expect(over.code == .accountStreamLimitExceeded)
            #expect(
                over.publicMessage
                    == "The account has 1 streams in eu-west-1, as many as it may have: delete some or have the quota raised.")
            #expect(plane.hintCount == 0)
            #expect(try await plane.call(.createStream, #"{"StreamName":"other"}"#, .test(region: "eu-west-2")).hasPrefix(#"{"StreamARN""#))
        }
    }

    @Test func `a repeated CreateStream has the first answer`() async throws {
        try await Plane.with { plane in
            let first = try await plane.call(.createStream, #"{"StreamName":"gate"}"#, .test(invocation: "i"))
            #expect(try await plane.call(.createStream, #"{"StreamName":"gate"}"#, .test(invocation: "i")) == first)
            #expect(try await plane.refusal(.createStream, #"{"StreamName":"gate"}"#, .test(invocation: "j")).code == .resourceInUse)
        }
    }

    // MARK: Describing and listing

    @Test(arguments: ResourceStatus.allCases) func `describing and listing show every status`(_ status: ResourceStatus) async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            try plane.setStatus(status)
            for (operation, body) in [
                (OperationID.describeStream, #"{"StreamName":"gate"}"#), (.describeStream, #"{"StreamARN":"\#(Self.arn)"}"#),
                (.listStreams, "{}"),
                (.listStreams, ""),
            ] {
                #expect(try await plane.call(operation, body).contains(#""Status":"\#(status.rawValue)""#))
            }
            #expect(try await plane.call(.listTagsForStream, #"{"StreamName":"gate"}"#) == #"{"Tags":{}}"#)
            #expect(try await plane.call(.describeStreamStorageConfiguration, #"{"StreamARN":"\#(Self.arn)"}"#).contains("HOT"))
        }
    }

    private static let onOneStream: [(OperationID, String)] = [
        (.describeStream, ""), (.describeStreamStorageConfiguration, ""), (.listTagsForStream, ""),
        (.getDataEndpoint, #","APIName":"PUT_MEDIA""#), (.tagStream, #","Tags":{"a":"1"}"#), (.untagStream, #","TagKeyList":["a"]"#),
        (.updateStream, #","CurrentVersion":"v""#),
        (.updateDataRetention, #","CurrentVersion":"v","Operation":"INCREASE_DATA_RETENTION","DataRetentionChangeInHours":1"#),
        (.updateStreamStorageConfiguration, #","CurrentVersion":"v","StreamStorageConfiguration":{"DefaultStorageTier":"HOT"}"#),
        (.deleteStream, ""),
    ]

    @Test(arguments: onOneStream) func `a stream that is not there is not found, one of another account denied`(
        _ operation: OperationID, _ members: String
    ) async throws {
        try await Plane.with { plane in
            let stale = "arn:aws:kinesisvideo:eu-west-1:111122223333:stream/gate/1"
            _ = try await plane.active()
            var bodies = [#"{"StreamARN":"\#(stale)"\#(members)}"#, #"{"StreamARN":"\#(Self.arn.dropLast())0001"\#(members)}"#]
            if operation != .deleteStream { bodies.append(#"{"StreamName":"other"\#(members)}"#) }
            for body in bodies {
                let missing = try await plane.refusal(operation, body)
                #expect(missing.code == .resourceNotFound)
                #expect(missing.publicMessage == "The requested stream is not found or not active.")
            }
            let calls = plane.faults.reads.count + plane.faults.writes.count
            let denied = try await plane.refusal(operation, #"{"StreamARN":"\#(Self.otherAccount)"\#(members)}"#)
            #expect(denied.code == .accessDenied)
            #expect(denied.publicMessage.contains("kinesisvideo:\(operation.rawValue) on resource: \(Self.otherAccount)"))
            let channel = Self.arn.replacing(":stream/", with: ":channel/")
            let wrongForm = try await plane.refusal(operation, #"{"StreamARN":"\#(channel)"\#(members)}"#)
            let isTagging = [.tagStream, .untagStream, .listTagsForStream].contains(operation)
            #expect(wrongForm.code == (isTagging ? .invalidResourceFormat : .invalidArgument))
            if operation != .deleteStream {
                #expect(
                    try await plane.refusal(operation, "{\(members.dropFirst())}").publicMessage.hasPrefix(
                        "StreamName or StreamARN is required"))
            }
            // What the input alone shows costs the database nothing.
            #expect(plane.faults.reads.count + plane.faults.writes.count == calls)
            #expect(plane.hintCount == 0)
        }
    }

    @Test func `ListStreams goes through all pages of what a condition names`() async throws {
        try await Plane.with { plane in
            for name in ["b", "a-2", "B", "a-1", "a-3", "a", "c"] { _ = try await plane.store.create(.named(name)) }
            func pages(_ members: String) async throws -> [[String]] {
                var pages: [[String]] = []
                var token: String? = ""
                while let next = token, pages.count < 10 {
                    let answer = try await plane.call(.listStreams, #"{"NextToken":"\#(next)"\#(members)}"#)
                    pages.append(answer.matches(of: /"StreamName":"([^"]*)"/).map { String($0.1) })
                    token = answer.firstMatch(of: /"NextToken":"([^"]*)"/).map { String($0.1) }
                }
                return pages
            }
            #expect(try await pages("") == [["B", "a", "a-1", "a-2", "a-3", "b", "c"]])
            #expect(try await pages(#","MaxResults":3"#) == [["B", "a", "a-1"], ["a-2", "a-3", "b"], ["c"]])
            #expect(try await pages(#","MaxResults":7"#) == [["B", "a", "a-1", "a-2", "a-3", "b", "c"]])
            let condition = #","StreamNameCondition":{"ComparisonOperator":"BEGINS_WITH","ComparisonValue":"a-"}"#
            #expect(try await pages(condition + #","MaxResults":2"#) == [["a-1", "a-2"], ["a-3"]])
            #expect(try await pages(#","StreamNameCondition":{"ComparisonValue":"x"}"#) == [[]])
            #expect(try await plane.call(.listStreams, "{}", .test(account: "999988887777")) == #"{"StreamInfoList":[]}"#)
        }
    }

    @Test func `a page token serves the call that it was given for`() async throws {
        try await Plane.with { plane in
            for name in ["a", "b", "c"] { _ = try await plane.store.create(.named(name)) }
            let page = try await plane.call(.listStreams, #"{"MaxResults":1}"#)
            let token = try #require(page.firstMatch(of: /"NextToken":"([^"]*)"/).map { String($0.1) })
            // The page before may be gone: the next one begins after its last name.
            try plane.database.execute("DELETE FROM stream WHERE name = 'a'")
            #expect(try await plane.call(.listStreams, #"{"MaxResults":1,"NextToken":"\#(token)"}"#).contains(#""StreamName":"b""#))
            let elsewhere: [(OperationID, String, Caller)] = [
                (.listStreams, #""StreamNameCondition":{"ComparisonValue":"a"}"#, .test()),
                (.listStreams, #""MaxResults":2"#, .test(region: "eu-west-2")),
                (.listStreams, #""MaxResults":2"#, .test(account: "999988887777")), (.listTagsForStream, #""StreamName":"b""#, .test()),
            ]
            for (operation, member, caller) in elsewhere {
                let refusal = try await plane.refusal(operation, #"{\#(member),"NextToken":"\#(token)"}"#, caller)
                #expect(refusal.code == .invalidArgument)
                #expect(refusal.publicMessage.hasPrefix("NextToken is not valid for this call"))
            }
            #expect(try await plane.call(.listTagsForStream, #"{"StreamName":"b","NextToken":""}"#) == #"{"Tags":{}}"#)
        }
    }

    // MARK: Tags

    @Test func `TagStream and UntagStream change tags while the stream lives`() async throws {
        try await Plane.with { plane in
            let version = try await plane.active().version
            for status in [ResourceStatus.creating, .active, .updating] {
                try plane.setStatus(status)
                #expect(try await plane.call(.tagStream, #"{"StreamName":"gate","Tags":{"b":"2","a":"1"}}"#) == "")
                #expect(try await plane.call(.untagStream, #"{"StreamARN":"\#(Self.arn)","TagKeyList":["b","x"]}"#) == "")
                #expect(try await plane.call(.listTagsForStream, #"{"StreamARN":"\#(Self.arn)"}"#) == #"{"Tags":{"a":"1"}}"#)
            }
            #expect(try await plane.store.stream(.named("gate"))?.version == version)
            try plane.setStatus(.deleting)
            for (operation, member) in [(OperationID.tagStream, #""Tags":{"b":"2"}"#), (.untagStream, #""TagKeyList":["a"]"#)] {
                #expect(try await plane.refusal(operation, #"{"StreamName":"gate",\#(member)}"#).code == .resourceNotFound)
            }
            // Tags leave no work to do.
            #expect(plane.hintCount == 0)
        }
    }

    @Test func `TagStream refuses more than 50 tags and keys that are reserved`() async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            let tags = (0..<50).map { #""k\#($0)":"v""# }.joined(separator: ",")
            #expect(try await plane.call(.tagStream, #"{"StreamName":"gate","Tags":{\#(tags)}}"#) == "")
            let refusal = try await plane.refusal(.tagStream, #"{"StreamName":"gate","Tags":{"one more":"v"}}"#)
            #expect(refusal.code == .tagsPerResourceExceededLimit)
            #expect(refusal.publicMessage == "The stream gate would have more than 50 tags, the most that a stream may have.")
            let reserved = try await plane.refusal(.tagStream, #"{"StreamName":"gate","Tags":{"AWS:k":"v"}}"#)
            #expect(reserved.code == .invalidArgument)
            #expect(try await plane.call(.untagStream, #"{"StreamName":"gate","TagKeyList":["k7"]}"#) == "")
            #expect(try await plane.call(.tagStream, #"{"StreamName":"gate","Tags":{"one more":"v"}}"#) == "")
        }
    }

    // MARK: Changes

    private static let changes: [(OperationID, String)] = [
        (.updateStream, ""), (.updateDataRetention, #","Operation":"INCREASE_DATA_RETENTION","DataRetentionChangeInHours":1"#),
        (.updateStreamStorageConfiguration, #","StreamStorageConfiguration":{"DefaultStorageTier":"WARM"}"#), (.deleteStream, ""),
    ]

    @Test(arguments: changes) func `a change needs an ACTIVE stream of the expected version`(_ operation: OperationID, _ members: String)
        async throws
    {
        try await Plane.with { plane in
            let version = try await plane.active().version
            func body(_ version: String) -> String { #"{"StreamARN":"\#(Self.arn)","CurrentVersion":"\#(version)"\#(members)}"# }
            for status in [ResourceStatus.creating, .updating, .deleting] {
                try plane.setStatus(status)
                for expected in [version, "other"] {
                    let refusal = try await plane.refusal(operation, body(expected))
                    #expect(refusal.code == .resourceInUse)
                    #expect(refusal.publicMessage == "The stream gate is \(status.rawValue): try again once it is ACTIVE.")
                }
            }
            try plane.setStatus(.active)
            let mismatch = try await plane.refusal(operation, body("other"))
            #expect(mismatch.code == .versionMismatch)
            #expect(
                mismatch.publicMessage
                    == "The stream gate does not have the version other any more: describe it and use its present version.")
            #expect(plane.hintCount == 0)
            #expect(try await plane.call(operation, body(version)) == "")
            #expect(plane.hintCount == 1)
            let changed = try #require(try await plane.store.stream(.named("gate")))
            #expect(changed.status == (operation == .deleteStream ? .deleting : .updating))
            #expect((changed.version == version) == (operation == .deleteStream))
            #expect(try await plane.store.events(of: Self.arn).last?.type == operation.rawValue)
        }
    }

    @Test func `UpdateStream changes what is given`() async throws {
        try await Plane.with { plane in
            func update(_ members: String) async throws -> StreamRecord {
                let version = try #require(try await plane.store.stream(.named("gate"))?.version)
                #expect(try await plane.call(.updateStream, #"{"StreamName":"gate","CurrentVersion":"\#(version)"\#(members)}"#) == "")
                try await plane.store.finishTasks()
                return try #require(try await plane.store.stream(.named("gate")))
            }
            _ = try await plane.active()
            let first = try await update(#","DeviceName":"lens""#)
            #expect(first.deviceName == "lens" && first.mediaType == "video/h264")
            let second = try await update(#","MediaType":"audio/aac""#)
            #expect(second.deviceName == "lens" && second.mediaType == "audio/aac")
            let third = try await update("")
            #expect(third.deviceName == "lens" && third.mediaType == "audio/aac" && third.version != second.version)
        }
    }

    @Test func `UpdateDataRetention adds and takes away within the range`() async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            func update(_ operation: String, by hours: Int) async throws -> String {
                let version = try #require(try await plane.store.stream(.named("gate"))?.version)
                let body =
                    #"{"StreamName":"gate","CurrentVersion":"\#(version)","Operation":"\#(operation)","DataRetentionChangeInHours":\#(hours)}"#
                do {
                    _ = try await plane.call(.updateDataRetention, body)
                } catch let error as OperationError {
                    return "\(error.code): \(error.publicMessage)"
                }
                try await plane.store.finishTasks()
                return String(try #require(try await plane.store.stream(.named("gate"))?.dataRetentionInHours))
            }
            #expect(try await update("INCREASE_DATA_RETENTION", by: 6) == "30")
            #expect(try await update("DECREASE_DATA_RETENTION", by: 10) == "20")
            let message = "The retention of the stream gate is 20 hours: the change would take it out of 0 to 87600."
            for (operation, hours) in [
                ("DECREASE_DATA_RETENTION", 21), ("INCREASE_DATA_RETENTION", 87_581), ("INCREASE_DATA_RETENTION", Int(Int32.max)),
                ("DECREASE_DATA_RETENTION", Int(Int32.max)),
            ] {
                #expect(try await update(operation, by: hours) == "invalidArgument: \(message)")
            }
            #expect(try await update("DECREASE_DATA_RETENTION", by: 20) == "0")
            #expect(try await update("INCREASE_DATA_RETENTION", by: 87_600) == "87600")
        }
    }

    @Test func `UpdateStreamStorageConfiguration changes the tier`() async throws {
        try await Plane.with { plane in
            let version = try await plane.active().version
            let body = #"{"StreamName":"gate","CurrentVersion":"\#(version)","StreamStorageConfiguration":{"DefaultStorageTier":"WARM"}}"#
            #expect(try await plane.call(.updateStreamStorageConfiguration, body) == "")
            #expect(try await plane.store.stream(.named("gate"))?.defaultStorageTier == "WARM")
        }
    }

    @Test func `DeleteStream without a version deletes any, and the name is free once the stream is gone`() async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            #expect(try await plane.call(.deleteStream, #"{"StreamARN":"\#(Self.arn)"}"#) == "")
            #expect(try await plane.refusal(.createStream, #"{"StreamName":"gate"}"#).code == .resourceInUse)
            try await plane.store.finishTasks()
            let arn = try await plane.call(.createStream, #"{"StreamName":"gate"}"#)
            #expect(arn != #"{"StreamARN":"\#(Self.arn)"}"#)
            #expect(try await plane.refusal(.describeStream, #"{"StreamARN":"\#(Self.arn)"}"#).code == .resourceNotFound)
        }
    }

    @Test func `transitions take as long as configured`() async throws {
        try await Plane.with(durations: MinimumDurations(creating: 100, updating: 200, deleting: 300)) { plane in
            func take(_ duration: Int64) async throws {
                #expect(try await plane.store.nextTaskDue() == duration)
                try plane.database.clock.advance(by: duration)
                try await plane.store.finishTasks()
            }
            _ = try await plane.call(.createStream, #"{"StreamName":"gate"}"#)
            try await take(100)
            let version = try #require(try await plane.store.stream(.named("gate"))?.version)
            _ = try await plane.call(.updateStream, #"{"StreamName":"gate","CurrentVersion":"\#(version)"}"#)
            try await take(200)
            _ = try await plane.call(.deleteStream, #"{"StreamARN":"\#(Self.arn)"}"#)
            try await take(300)
            #expect(try await plane.store.stream(.named("gate")) == nil)
        }
    }

    // MARK: GetDataEndpoint

    private static let archived = [
        "LIST_FRAGMENTS", "GET_MEDIA_FOR_FRAGMENT_LIST", "GET_HLS_STREAMING_SESSION_URL", "GET_DASH_STREAMING_SESSION_URL", "GET_CLIP",
        "GET_IMAGES",
    ]

    @Test func `GetDataEndpoint answers what is advertised for the kind of call`() async throws {
        let endpoints = AdvertisedEndpoints(data: .fixed("https://data:1"), archive: .fixed("https://archive:2"))
        try await Plane.with(endpoints: endpoints) { plane in
            _ = try await plane.active()
            for status in [ResourceStatus.creating, .active, .updating] {
                try plane.setStatus(status)
                for (names, expected) in [(["PUT_MEDIA", "GET_MEDIA"], "https://data:1"), (Self.archived, "https://archive:2")] {
                    for name in names {
                        let answer = try await plane.call(
                            .getDataEndpoint, #"{"StreamName":"gate","APIName":"\#(name)"}"#, .test(origin: nil))
                        #expect(answer == #"{"DataEndpoint":"\#(expected)"}"#)
                    }
                }
            }
            try plane.setStatus(.deleting)
            #expect(try await plane.refusal(.getDataEndpoint, #"{"StreamName":"gate","APIName":"PUT_MEDIA"}"#).code == .resourceNotFound)
        }
    }

    @Test func `GetDataEndpoint echoes what the client called`() async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            for name in ["PUT_MEDIA", "GET_CLIP"] {
                let body = #"{"StreamARN":"\#(Self.arn)","APIName":"\#(name)"}"#
                #expect(try await plane.call(.getDataEndpoint, body) == #"{"DataEndpoint":"https://here:8443"}"#)
                let refusal = try await plane.refusal(.getDataEndpoint, body, .test(origin: nil))
                #expect(refusal.code == .invalidArgument)
            }
        }
    }

    @Test(arguments: Engine.allCases) func `GetDataEndpoint tells one of the instances that are there, the same for a stream`(
        engine: Engine
    ) async throws {
        try await Plane.with(engine, endpoints: AdvertisedEndpoints(data: .instance)) { plane in
            func instance(_ number: Int, roles: String = "control,media", status: InstanceStatus = .running, address: String? = nil)
                -> InstanceRecord
            {
                InstanceRecord(
                    id: "i\(number)", host: "h", processID: 1, version: "0", roles: roles, schemaVersion: 1, status: status,
                    requestsPerSecond: 0, leasedTasks: 0, address: address ?? "https://kvs-\(number):1")
            }
            func endpoints() async throws -> [String] {
                var found: [String] = []
                for number in 0..<40 {
                    found.append(
                        try await plane.call(.getDataEndpoint, #"{"StreamName":"gate-\#(number)","APIName":"PUT_MEDIA"}"#))
                }
                return found
            }
            for number in 0..<40 { _ = try await plane.call(.createStream, #"{"StreamName":"gate-\#(number)"}"#) }
            #expect(Set(try await endpoints()) == [#"{"DataEndpoint":"https://here:8443"}"#])

            for number in 1...3 { try await plane.store.beat(instance(number)) }
            try await plane.store.beat(instance(4, roles: "worker"))
            try await plane.store.beat(instance(5, status: .draining))
            let three = try await endpoints()
            #expect(Set(three) == Set((1...3).map { #"{"DataEndpoint":"https://kvs-\#($0):1"}"# }))
            #expect(try await endpoints() == three)

            // Only what was the second's goes elsewhere.
            try await plane.store.beat(instance(2, status: .stopped))
            let two = try await endpoints()
            #expect(Set(two) == [#"{"DataEndpoint":"https://kvs-1:1"}"#, #"{"DataEndpoint":"https://kvs-3:1"}"#])
            #expect(zip(three, two).allSatisfy { before, after in before == after || before.contains("kvs-2") })
        }
    }

    // MARK: All operations

    @Test func `a call reads once at most and writes one batch at most`() async throws {
        try await Plane.with { plane in
            _ = try await plane.call(.createStream, #"{"StreamName":"gate","Tags":{"a":"1"}}"#)
            #expect(plane.faults.writes.count == 1 && plane.faults.reads.isEmpty)
            try await plane.store.finishTasks()
            for (operation, members) in Self.onOneStream {
                let version = try #require(try await plane.store.stream(.named("gate"))?.version)
                plane.faults.reset()
                let own = members.replacing(#""CurrentVersion":"v""#, with: #""CurrentVersion":"\#(version)""#)
                _ = try await plane.call(operation, #"{"StreamARN":"\#(Self.arn)"\#(own)}"#)
                #expect(plane.faults.reads.count + plane.faults.writes.count == 1, "\(operation)")
                try await plane.store.finishTasks()
            }
            plane.faults.reset()
            _ = try await plane.call(.listStreams, "{}")
            #expect(plane.faults.reads.count == 1 && plane.faults.writes.isEmpty)
        }
    }

    @Test func `limits are those that are documented, or none`() {
        #expect(LimitProfile.relaxed.streamQuota == .max)
        #expect(LimitProfile.aws.streamQuota == 10_000)
        #expect(OperationID.listStreams.contract.rate == RequestRate(perAccount: 50, perResource: nil))
        #expect(OperationID.getDataEndpoint.contract.rate == RequestRate(perAccount: 300, perResource: 5))
        #expect(OperationID.updateStream.contract.rate == RequestRate(perAccount: 50, perResource: 5))
    }
}
