import Contract
import Identity
import SQL
import Store
import TestSupport
import Testing

@testable import ControlPlane

/// What the operations on signaling channels answer, called with a request body.
@Suite struct ChannelOperationTests {
    private static let arn = Wire.channelARN
    private static let otherAccount = Wire.arn(.channel, "door", account: "999988887777")
    private static let key = ResourceKey.named("door", kind: .channel)

    // MARK: Creating

    @Test func `CreateSignalingChannel answers the ARN, and the channel has what was given`() async throws {
        try await Plane.with { plane in
            let answer = try await plane.call(
                .createSignalingChannel,
                """
                {"ChannelName":"door","ChannelType":"SINGLE_MASTER","SingleMasterConfiguration":{"MessageTtlSeconds":120},
                "Tags":[{"Key":"site","Value":"north"},{"Key":"é","Value":""}]}
                """)
            #expect(answer == #"{"ChannelARN":"\#(Self.arn)"}"#)
            #expect(plane.hintCount == 1)
            let version = try #require(try await plane.store.channel(Self.key)?.version)
            #expect(version.wholeMatch(of: /[a-z][A-Za-z0-9]{19}/) != nil)
            for body in [#"{"ChannelName":"door"}"#, #"{"ChannelARN":"\#(Self.arn)"}"#] {
                #expect(
                    try await plane.call(.describeSignalingChannel, body)
                        == #"{"ChannelInfo":{"ChannelARN":"\#(Self.arn)","ChannelName":"door","ChannelStatus":"CREATING","#
                        + #""ChannelType":"SINGLE_MASTER","CreationTime":1705489836.421,"#
                        + #""SingleMasterConfiguration":{"MessageTtlSeconds":120},"Version":"\#(version)"}}"#)
            }
            #expect(
                try await plane.call(.listTagsForResource, #"{"ResourceARN":"\#(Self.arn)"}"#) == #"{"Tags":{"site":"north","é":""}}"#)
        }
    }

    @Test(arguments: [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
    func `CreateSignalingChannel has defaults, in the region's partition`(_ region: String, _ partition: String) async throws {
        try await Plane.with { plane in
            let answer = try await plane.call(.createSignalingChannel, #"{"ChannelName":"door"}"#, .test(region: region))
            #expect(answer == #"{"ChannelARN":"arn:\#(partition):kinesisvideo:\#(region):111122223333:channel/door/1705489836421"}"#)
            let channel = try #require(try await plane.store.channel(.named("door", kind: .channel, region: region)))
            #expect(channel.messageTtlSeconds == 60)
            #expect(channel.channelType == "SINGLE_MASTER")
            #expect(channel.mediaStorageStreamARN == nil)
        }
    }

    @Test func `CreateSignalingChannel refuses what only its prose forbids`() async throws {
        try await Plane.with { plane in
            for (members, message) in [
                (#""ChannelType":"FULL_MESH""#, "ChannelType is FULL_MESH: SINGLE_MASTER is the only type that is supported."),
                (#""Tags":[{"Key":"aws:x","Value":"1"}]"#, "The tag key aws:x begins with aws:, which is reserved."),
                (#""Tags":[{"Key":"a","Value":"1"},{"Key":"a","Value":"2"}]"#, "The tag key a is given twice: give each key once."),
            ] {
                let refusal = try await plane.refusal(.createSignalingChannel, #"{"ChannelName":"door",\#(members)}"#)
                #expect(refusal.code == .invalidArgument)
                #expect(refusal.publicMessage == message)
            }
            #expect(plane.callCount == 0)
            #expect(plane.hintCount == 0)
            // By scalars, as everywhere: these are two keys.
            _ = try await plane.call(
                .createSignalingChannel,
                #"{"ChannelName":"door","Tags":[{"Key":"\u00c5","Value":"1"},{"Key":"\u212b","Value":"2"}]}"#)
            #expect(try await plane.store.tags(Self.key)?.tags.count == 2)
        }
    }

    @Test func `CreateSignalingChannel refuses a name in use and a channel over the quota`() async throws {
        try await Plane.with(quota: 1) { plane in
            _ = try await plane.activeChannel()
            for status in ResourceStatus.allCases {
                try plane.setStatus(status, of: .channel)
                let inUse = try await plane.refusal(.createSignalingChannel, #"{"ChannelName":"door"}"#)
                #expect(inUse.code == .resourceInUse)
                #expect(
                    inUse.publicMessage
                        == "The channel door already exists in this account and region, since 2024-01-17T11:10:36Z. "
                        + "A deleted channel's name is free once it is gone.")
            }
            let over = try await plane.refusal(.createSignalingChannel, #"{"ChannelName":"other"}"#)
            #expect(over.code == .accountChannelLimitExceeded)
            #expect(
                over.publicMessage
                    == "The account has 1 channels in eu-west-1, as many as it may have: delete some or have the quota raised.")
            #expect(plane.hintCount == 0)
            // A stream of the name is no matter.
            #expect(try await plane.call(.createStream, #"{"StreamName":"door"}"#).hasPrefix(#"{"StreamARN""#))
        }
    }

    @Test func `the quota is that of the region`() async throws {
        #expect(LimitProfile.relaxed.channelQuota("eu-west-1") == .max)
        #expect(LimitProfile.aws.channelQuota("us-east-1") == 10_000)
        #expect(LimitProfile.aws.channelQuota("us-west-2") == 10_000)
        #expect(LimitProfile.aws.channelQuota("eu-west-1") == 5_000)
    }

    @Test func `a repeated CreateSignalingChannel has the first answer`() async throws {
        try await Plane.with { plane in
            let body = #"{"ChannelName":"door"}"#
            let first = try await plane.call(.createSignalingChannel, body, .test(invocation: "i"))
            #expect(try await plane.call(.createSignalingChannel, body, .test(invocation: "i")) == first)
            #expect(try await plane.refusal(.createSignalingChannel, body, .test(invocation: "j")).code == .resourceInUse)
        }
    }

    // MARK: Describing and listing

    @Test(arguments: ResourceStatus.allCases) func `describing and listing show every status`(_ status: ResourceStatus) async throws {
        try await Plane.with { plane in
            _ = try await plane.activeChannel()
            try plane.setStatus(status, of: .channel)
            for (operation, body) in [
                (OperationID.describeSignalingChannel, #"{"ChannelName":"door"}"#),
                (.describeSignalingChannel, #"{"ChannelARN":"\#(Self.arn)"}"#), (.listSignalingChannels, "{}"),
                (.listSignalingChannels, ""),
            ] {
                #expect(try await plane.call(operation, body).contains(#""ChannelStatus":"\#(status.rawValue)""#))
            }
            #expect(try await plane.call(.listTagsForResource, #"{"ResourceARN":"\#(Self.arn)"}"#) == #"{"Tags":{}}"#)
            #expect(
                try await plane.call(.describeMediaStorageConfiguration, #"{"ChannelName":"door"}"#)
                    == #"{"MediaStorageConfiguration":{"Status":"DISABLED"}}"#)
        }
    }

    /// Operations on one channel: what they need besides it, and whether they take a name too.
    private static let onOneChannel: [(OperationID, String, Bool)] = [
        (.describeSignalingChannel, "", true), (.describeMediaStorageConfiguration, "", true), (.getSignalingChannelEndpoint, "", false),
        (.updateSignalingChannel, #","CurrentVersion":"v","SingleMasterConfiguration":{"MessageTtlSeconds":5}"#, false),
        (.updateMediaStorageConfiguration, #","MediaStorageConfiguration":{"Status":"DISABLED"}"#, false),
        (.updateMediaStorageConfiguration, #","MediaStorageConfiguration":{"Status":"ENABLED","StreamARN":"\#(Wire.streamARN)"}"#, false),
        (.deleteSignalingChannel, "", false),
    ]

    @Test(arguments: onOneChannel) func `a channel that is not there is not found, one of another account denied`(
        _ operation: OperationID, _ members: String, _ takesName: Bool
    ) async throws {
        try await Plane.with { plane in
            _ = try await plane.activeChannel()
            _ = try await plane.active()
            var bodies = [
                #"{"ChannelARN":"\#(Wire.arn(.channel, "door", time: 1))"\#(members)}"#,
                #"{"ChannelARN":"\#(Wire.arn(.channel, "gate"))"\#(members)}"#,
            ]
            if takesName { bodies.append(#"{"ChannelName":"gate"\#(members)}"#) }
            for body in bodies {
                let missing = try await plane.refusal(operation, body)
                #expect(missing.code == .resourceNotFound)
                #expect(missing.publicMessage == "The requested channel is not found or not active.")
            }
            let calls = plane.callCount
            let denied = try await plane.refusal(operation, #"{"ChannelARN":"\#(Self.otherAccount)"\#(members)}"#)
            #expect(denied.code == .accessDenied)
            #expect(denied.publicMessage.contains("kinesisvideo:\(operation.rawValue) on resource: \(Self.otherAccount)"))
            let wrong = Wire.arn(.stream, "door")
            let wrongForm = try await plane.refusal(operation, #"{"ChannelARN":"\#(wrong)"\#(members)}"#)
            #expect(wrongForm.code == .invalidArgument)
            #expect(wrongForm.publicMessage == "ChannelARN \(wrong) is not the ARN of a channel.")
            if takesName {
                let neither = try await plane.refusal(operation, "{}")
                #expect(neither.code == .invalidArgument)
                #expect(neither.publicMessage == "ChannelName or ChannelARN is required: name the channel by one of them.")
                let both = try await plane.refusal(operation, #"{"ChannelName":"other","ChannelARN":"\#(Self.arn)"}"#)
                #expect(both.publicMessage == "ChannelName other and ChannelARN \(Self.arn) mean different channels: give one of them.")
            }
            // What the input alone shows costs the database nothing.
            #expect(plane.callCount == calls)
            #expect(plane.hintCount == 0)
        }
    }

    @Test func `ListSignalingChannels goes through all pages of what a condition names`() async throws {
        try await Plane.with { plane in
            for name in ["b", "a-2", "B", "a-1", "a-3", "a", "c"] { _ = try await plane.store.createChannel(.named(name)) }
            _ = try await plane.store.create(.named("a-stream"))
            func pages(_ members: String) async throws -> [[String]] {
                var pages: [[String]] = []
                var token: String? = ""
                while let next = token, pages.count < 10 {
                    let answer = try await plane.call(.listSignalingChannels, #"{"NextToken":"\#(next)"\#(members)}"#)
                    pages.append(try Wire.values("ChannelName", in: answer))
                    token = try Wire.values("NextToken", in: answer).first
                }
                return pages
            }
            #expect(try await pages("") == [["B", "a", "a-1", "a-2", "a-3", "b", "c"]])
            #expect(try await pages(#","MaxResults":3"#) == [["B", "a", "a-1"], ["a-2", "a-3", "b"], ["c"]])
            let condition = #","ChannelNameCondition":{"ComparisonOperator":"BEGINS_WITH","ComparisonValue":"a-"}"#
            #expect(try await pages(condition + #","MaxResults":2"#) == [["a-1", "a-2"], ["a-3"]])
            #expect(try await pages(#","ChannelNameCondition":{"ComparisonValue":"x"}"#) == [[]])
            #expect(
                try await plane.call(.listSignalingChannels, "{}", .test(account: "999988887777")) == #"{"ChannelInfoList":[]}"#)
            // A token serves the operation, filter, account and region that it was given for.
            let page = try await plane.call(.listSignalingChannels, #"{"MaxResults":1}"#)
            let token = try #require(try Wire.values("NextToken", in: page).first)
            let elsewhere: [(OperationID, String, Caller)] = [
                (.listStreams, "", .test()), (.listSignalingChannels, condition, .test()),
                (.listSignalingChannels, "", .test(region: "eu-west-2")), (.listSignalingChannels, "", .test(account: "999988887777")),
            ]
            for (operation, members, caller) in elsewhere {
                let refusal = try await plane.refusal(operation, #"{"NextToken":"\#(token)"\#(members)}"#, caller)
                #expect(refusal.code == .invalidArgument)
                #expect(refusal.publicMessage.hasPrefix("NextToken is not valid for this call"))
            }
        }
    }

    // MARK: Changing

    private static let changes: [(OperationID, String)] = [
        (.updateSignalingChannel, #","SingleMasterConfiguration":{"MessageTtlSeconds":5}"#), (.deleteSignalingChannel, ""),
    ]

    @Test(arguments: changes) func `a change needs an ACTIVE channel of the expected version`(_ operation: OperationID, _ members: String)
        async throws
    {
        try await Plane.with { plane in
            let version = try await plane.activeChannel().version
            func body(_ version: String) -> String { #"{"ChannelARN":"\#(Self.arn)","CurrentVersion":"\#(version)"\#(members)}"# }
            for status in [ResourceStatus.creating, .updating, .deleting] {
                try plane.setStatus(status, of: .channel)
                for expected in [version, "other"] {
                    let refusal = try await plane.refusal(operation, body(expected))
                    #expect(refusal.code == .resourceInUse)
                    #expect(refusal.publicMessage == "The channel door is \(status.rawValue): try again once it is ACTIVE.")
                }
            }
            try plane.setStatus(.active, of: .channel)
            let mismatch = try await plane.refusal(operation, body("other"))
            #expect(mismatch.code == .versionMismatch)
            #expect(
                mismatch.publicMessage
                    == "The channel door does not have the version other any more: describe it and use its present version.")
            #expect(plane.hintCount == 0)
            #expect(try await plane.call(operation, body(version)) == "")
            #expect(plane.hintCount == 1)
            let changed = try #require(try await plane.store.channel(Self.key))
            #expect(changed.status == (operation == .deleteSignalingChannel ? .deleting : .updating))
            #expect((changed.version == version) == (operation == .deleteSignalingChannel))
            #expect(changed.messageTtlSeconds == (operation == .deleteSignalingChannel ? 60 : 5))
            #expect(try await plane.store.events(of: Self.arn).last?.type == operation.rawValue)
        }
    }

    @Test(arguments: ["", #","SingleMasterConfiguration":{}"#, #","SingleMasterConfiguration":null"#])
    func `UpdateSignalingChannel needs something to change`(_ members: String) async throws {
        try await Plane.with { plane in
            let version = try await plane.activeChannel().version
            let refusal = try await plane.refusal(
                .updateSignalingChannel, #"{"ChannelARN":"\#(Self.arn)","CurrentVersion":"\#(version)"\#(members)}"#)
            #expect(refusal.code == .invalidArgument)
            #expect(
                refusal.publicMessage
                    == "SingleMasterConfiguration.MessageTtlSeconds is required: it is all that can be changed of a channel.")
            #expect(plane.callCount == 0)
        }
    }

    @Test func `DeleteSignalingChannel without a version deletes any, and the name is free once the channel is gone`() async throws {
        try await Plane.with { plane in
            _ = try await plane.activeChannel()
            #expect(try await plane.call(.deleteSignalingChannel, #"{"ChannelARN":"\#(Self.arn)"}"#) == "")
            #expect(try await plane.refusal(.createSignalingChannel, #"{"ChannelName":"door"}"#).code == .resourceInUse)
            try await plane.store.finishTasks()
            let answer = try await plane.call(.createSignalingChannel, #"{"ChannelName":"door"}"#)
            #expect(answer != #"{"ChannelARN":"\#(Self.arn)"}"#)
            #expect(
                try await plane.refusal(.describeSignalingChannel, #"{"ChannelARN":"\#(Self.arn)"}"#).code == .resourceNotFound)
        }
    }

    @Test func `transitions of channels take as long as configured`() async throws {
        try await Plane.with(durations: MinimumDurations(creating: 100, updating: 200, deleting: 300)) { plane in
            func take(_ duration: Int64) async throws {
                #expect(try await plane.store.nextTaskDue() == duration)
                try plane.database.clock.advance(by: duration)
                try await plane.store.finishTasks()
            }
            _ = try await plane.call(.createSignalingChannel, #"{"ChannelName":"door"}"#)
            try await take(100)
            let version = try #require(try await plane.store.channel(Self.key)?.version)
            _ = try await plane.call(
                .updateSignalingChannel,
                #"{"ChannelARN":"\#(Self.arn)","CurrentVersion":"\#(version)","SingleMasterConfiguration":{"MessageTtlSeconds":5}}"#)
            try await take(200)
            _ = try await plane.call(.deleteSignalingChannel, #"{"ChannelARN":"\#(Self.arn)"}"#)
            try await take(300)
            #expect(try await plane.store.channel(Self.key) == nil)
        }
    }

    // MARK: GetSignalingChannelEndpoint

    private static func endpoint(_ configuration: String?) -> String {
        #"{"ChannelARN":"\#(arn)"\#(configuration.map { #","SingleMasterChannelEndpointConfiguration":\#($0)"# } ?? "")}"#
    }

    @Test func `GetSignalingChannelEndpoint answers what is advertised for each protocol, once`() async throws {
        let endpoints = AdvertisedEndpoints(wss: .fixed("wss://w:1"), https: .fixed("https://h:2"), webrtc: .fixed("https://r:3"))
        try await Plane.with(endpoints: endpoints) { plane in
            let stream = try await plane.active()
            _ = try await plane.activeChannel()
            _ = try await plane.store.enableMediaStorage(Self.key, stream: .named("gate"), streamARN: stream.arn, .fresh())
            let items = [
                "WSS": #"{"Protocol":"WSS","ResourceEndpoint":"wss://w:1"}"#,
                "HTTPS": #"{"Protocol":"HTTPS","ResourceEndpoint":"https://h:2"}"#,
                "WEBRTC": #"{"Protocol":"WEBRTC","ResourceEndpoint":"https://r:3"}"#,
            ]
            for (configuration, names) in [
                (nil, ["WSS", "HTTPS"]), ("{}", ["WSS", "HTTPS"]), (#"{"Role":"MASTER"}"#, ["WSS", "HTTPS"]),
                (#"{"Protocols":["HTTPS"],"Role":"VIEWER"}"#, ["HTTPS"]), (#"{"Protocols":["HTTPS","WSS","HTTPS"]}"#, ["WSS", "HTTPS"]),
                (#"{"Protocols":["WEBRTC","HTTPS","WSS"]}"#, ["WSS", "HTTPS", "WEBRTC"]),
            ] as [(String?, [String])] {
                for status in [ResourceStatus.creating, .active, .updating] {
                    try plane.setStatus(status, of: .channel)
                    let answer = try await plane.call(
                        .getSignalingChannelEndpoint, Self.endpoint(configuration), .test(origin: nil))
                    #expect(answer == #"{"ResourceEndpointList":["# + names.compactMap { items[$0] }.joined(separator: ",") + "]}")
                }
            }
            try plane.setStatus(.deleting, of: .channel)
            #expect(try await plane.refusal(.getSignalingChannelEndpoint, Self.endpoint(nil)).code == .resourceNotFound)
        }
    }

    @Test func `masters and viewers are told apart by the host, or else by the path`() async throws {
        for (endpoints, master, viewer, either) in [
            (
                AdvertisedEndpoints(wss: .fixed("wss://{role}-w.example.com")), "wss://m-w.example.com", "wss://v-w.example.com",
                "wss://v-w.example.com"
            ),
            (AdvertisedEndpoints(), "wss://here:8443/master", "wss://here:8443/viewer", "wss://here:8443"),
        ] {
            try await Plane.with(endpoints: endpoints) { plane in
                _ = try await plane.activeChannel()
                for (role, socket) in [(#","Role":"MASTER""#, master), (#","Role":"VIEWER""#, viewer), ("", either)] {
                    #expect(
                        try await plane.call(
                            .getSignalingChannelEndpoint, Self.endpoint(#"{"Protocols":["WSS"]\#(role)}"#),
                            .test(origin: "https://here:8443"))
                            == #"{"ResourceEndpointList":[{"Protocol":"WSS","ResourceEndpoint":"\#(socket)"}]}"#)
                }
            }
        }
    }

    @Test func `GetSignalingChannelEndpoint echoes what the client called, with the scheme of a web socket`() async throws {
        try await Plane.with { plane in
            _ = try await plane.activeChannel()
            for (origin, socket) in [("https://here:8443", "wss://here:8443"), ("http://here:8080", "ws://here:8080")] {
                #expect(
                    try await plane.call(.getSignalingChannelEndpoint, Self.endpoint(nil), .test(origin: origin))
                        == #"{"ResourceEndpointList":[{"Protocol":"WSS","ResourceEndpoint":"\#(socket)"},"#
                        + #"{"Protocol":"HTTPS","ResourceEndpoint":"\#(origin)"}]}"#)
            }
            let refusal = try await plane.refusal(.getSignalingChannelEndpoint, Self.endpoint(nil), .test(origin: nil))
            #expect(refusal.code == .invalidArgument)
        }
    }

    @Test func `WEBRTC needs media storage`() async throws {
        try await Plane.with { plane in
            _ = try await plane.activeChannel()
            let refusal = try await plane.refusal(.getSignalingChannelEndpoint, Self.endpoint(#"{"Protocols":["WSS","WEBRTC"]}"#))
            #expect(refusal.code == .invalidArgument)
            #expect(
                refusal.publicMessage
                    == "Protocols has WEBRTC, which needs media storage: enable it for the channel door with UpdateMediaStorageConfiguration."
            )
        }
    }
}
