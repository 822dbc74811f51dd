import Contract
import SQL
import Store
import TestSupport
import Testing

@testable import ControlPlane

/// The tag operations that take the ARN of any resource.
@Suite struct ResourceTagOperationTests {
    private static func with(_ kind: ResourceKind, _ body: (Plane, _ arn: String) async throws -> Void) async throws {
        try await Plane.with { plane in
            for kind in ResourceKind.allCases { try await plane.store.createActive(.named("gate", kind: kind)) }
            plane.faults.reset()
            try await body(plane, Wire.arn(kind, "gate"))
        }
    }

    @Test(arguments: ResourceKind.allCases) func `tags change while the resource lives`(_ kind: ResourceKind) async throws {
        try await Self.with(kind) { plane, arn in
            let key = ResourceKey.named("gate", kind: kind)
            let version = try await plane.store.state(key)?.version
            for status in [ResourceStatus.creating, .active, .updating] {
                try plane.setStatus(status, of: kind)
                let tags = #"[{"Key":"b","Value":"2"},{"Key":"a","Value":"1"}]"#
                #expect(try await plane.call(.tagResource, #"{"ResourceARN":"\#(arn)","Tags":\#(tags)}"#) == "")
                #expect(try await plane.call(.untagResource, #"{"ResourceARN":"\#(arn)","TagKeyList":["b","x"]}"#) == "")
                #expect(try await plane.call(.listTagsForResource, #"{"ResourceARN":"\#(arn)"}"#) == #"{"Tags":{"a":"1"}}"#)
            }
            #expect(try await plane.store.state(key)?.version == version)
            try plane.setStatus(.deleting, of: kind)
            for (operation, member) in [
                (OperationID.tagResource, #""Tags":[{"Key":"b","Value":"2"}]"#), (.untagResource, #""TagKeyList":["a"]"#),
            ] {
                let refusal = try await plane.refusal(operation, #"{"ResourceARN":"\#(arn)",\#(member)}"#)
                #expect(refusal.code == .resourceNotFound)
                #expect(refusal.publicMessage == "The requested \(kind) is not found or not active.")
            }
            #expect(try await plane.call(.listTagsForResource, #"{"ResourceARN":"\#(arn)"}"#) == #"{"Tags":{"a":"1"}}"#)
            // The one of the other kind has nothing to do with it, and tags leave no work.
            for other in ResourceKind.allCases where other != kind {
                #expect(
                    try await plane.call(.listTagsForResource, #"{"ResourceARN":"\#(Wire.arn(other, "gate"))"}"#) == #"{"Tags":{}}"#)
            }
            #expect(plane.hintCount == 0)
        }
    }

    @Test(arguments: ResourceKind.allCases) func `more than 50 tags, a reserved key and a key twice are refused`(_ kind: ResourceKind)
        async throws
    {
        try await Self.with(kind) { plane, arn in
            func tag(_ keys: [String]) -> String {
                let tags = keys.map { #"{"Key":"\#($0)","Value":"v"}"# }.joined(separator: ",")
                return #"{"ResourceARN":"\#(arn)","Tags":[\#(tags)]}"#
            }
            #expect(try await plane.call(.tagResource, tag((0..<50).map { "k\($0)" })) == "")
            let tooMany = try await plane.refusal(.tagResource, tag(["one more"]))
            #expect(tooMany.code == .tagsPerResourceExceededLimit)
            #expect(
                tooMany.publicMessage == "The \(kind) gate would have more than 50 tags, the most that a \(kind) may have.")
            let calls = plane.callCount
            let reserved = try await plane.refusal(.tagResource, tag(["AwS:k"]))
            #expect(reserved.code == .invalidArgument)
            #expect(reserved.publicMessage == "The tag key AwS:k begins with aws:, which is reserved.")
            let twice = try await plane.refusal(.tagResource, tag(["k1", "k2", "k1"]))
            #expect(twice.code == .invalidArgument)
            #expect(twice.publicMessage == "The tag key k1 is given twice: give each key once.")
            #expect(plane.callCount == calls)
            #expect(try await plane.call(.tagResource, tag(["k1", "k2"])) == "")
        }
    }

    private static let calls: [(OperationID, String)] = [
        (.tagResource, #","Tags":[{"Key":"a","Value":"1"}]"#), (.untagResource, #","TagKeyList":["a"]"#), (.listTagsForResource, ""),
    ]

    @Test(arguments: ResourceKind.allCases, calls) func `an ARN names one resource of the caller's`(
        _ kind: ResourceKind, _ sample: (OperationID, String)
    ) async throws {
        let (operation, members) = sample
        try await Self.with(kind) { plane, arn in
            func refusal(_ arn: String) async throws -> OperationError {
                try await plane.refusal(operation, #"{"ResourceARN":"\#(arn)"\#(members)}"#)
            }
            for absent in [Wire.arn(kind, "gate", time: 1), Wire.arn(kind, "absent")] {
                let missing = try await refusal(absent)
                #expect(missing.code == .resourceNotFound)
                #expect(missing.publicMessage == "The requested \(kind) is not found or not active.")
            }
            let calls = plane.callCount
            let foreign = Wire.arn(kind, "gate", account: "999988887777")
            let denied = try await refusal(foreign)
            #expect(denied.code == .accessDenied)
            #expect(denied.publicMessage.hasSuffix("kinesisvideo:\(operation.rawValue) on resource: \(foreign)"))
            let abroad = Wire.arn(kind, "gate", region: "eu-west-2")
            let otherRegion = try await refusal(abroad)
            #expect(otherRegion.code == .invalidArgument)
            #expect(
                otherRegion.publicMessage
                    == "ResourceARN \(abroad) is not of the region eu-west-1, which the request was signed for: call the \(kind)'s own region."
            )
            let other = arn.replacing(":\(kind)/", with: ":archive/")
            let otherType = try await refusal(other)
            #expect(otherType.code == .invalidArgument)
            #expect(otherType.publicMessage == "ResourceARN \(other) is not the ARN of a stream or a channel.")
            #expect(plane.callCount == calls)
            _ = try await plane.call(operation, #"{"ResourceARN":"\#(arn)"\#(members)}"#)
        }
    }

    @Test func `no page of tags follows`() async throws {
        try await Self.with(.channel) { plane, arn in
            #expect(try await plane.call(.listTagsForResource, #"{"ResourceARN":"\#(arn)","NextToken":""}"#) == #"{"Tags":{}}"#)
            let refusal = try await plane.refusal(.listTagsForResource, #"{"ResourceARN":"\#(arn)","NextToken":"AAAA"}"#)
            #expect(refusal.code == .invalidArgument)
            #expect(refusal.publicMessage.hasPrefix("NextToken is not valid for this call"))
        }
    }
}
