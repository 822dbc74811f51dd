import Contract
import Identity
import Planes
import Policies
import SQL
import Store
import TestSupport
import Testing

@testable import ControlPlane

/// Every operation by everybody whom policies limit: what they allow is done, and nothing else.
@Suite struct PolicyMatrixTests {
    private static let otherAccount = "999988887777"

    /// Whose policies they are.
    enum Holder: CaseIterable {
        case user
        case role
        /// The role may do everything, and the session has the policies: it has exactly one, so there is one document.
        case session
        /// The role has the policies, and that of the session allows everything.
        case roleOfSession

        func reach(_ documents: [String], tags: [TagRecord] = []) throws -> Principal.Reach {
            func set(_ documents: [String]) throws -> PolicySet {
                PolicySet(try documents.enumerated().map { try Policy("p\($0)", $1) })
            }
            func role(_ own: [String], limit: [String]? = nil) throws -> Principal.Reach {
                .role(
                    RoleSession(
                        role: "watch", roleID: "AROAEXAMPLE", name: "ada", tags: tags, policies: try set(own), limit: try limit.map(set)))
            }
            return switch self {
            case .user: .user(User(name: "ada", tags: tags, policies: try set(documents)))
            case .role: try role(documents)
            case .session: try role([PolicyMatrixTests.everything], limit: documents)
            case .roleOfSession: try role(documents, limit: [PolicyMatrixTests.everything])
            }
        }

        /// What a denial calls the caller.
        var arn: String {
            switch self {
            case .user: "arn:aws:iam::\(Fixture.account):user/ada"
            case .role, .session, .roleOfSession: "arn:aws:sts::\(Fixture.account):assumed-role/watch/ada"
            }
        }
    }

    private static func user(_ documents: [String], tags: [TagRecord] = []) throws -> Principal.Reach {
        try Holder.user.reach(documents, tags: tags)
    }

    private static func statement(_ members: String, effect: String = "Allow") -> String {
        #"{"Version":"2012-10-17","Statement":{"Effect":"\#(effect)",\#(members)}}"#
    }

    fileprivate static let everything = statement(#""Action":"*","Resource":"*""#)

    private static func denial(_ operation: String, _ resource: String, _ holder: Holder = .user) -> String {
        "User: \(holder.arn) is not authorized to perform: kinesisvideo:\(operation) on resource: \(resource)"
    }

    /// Why a call is refused before it is made; nil where it may be made.
    private static func refusal(
        _ sample: SampleCall, _ plane: Plane, _ reach: Principal.Reach, body: String, account: String = Fixture.account
    ) async throws -> String? {
        do {
            _ = try await plane.ready(sample.operation, body, .test(account: account, reach: reach))
            return nil
        } catch let error as OperationError {
            #expect(error.code == .accessDenied, "\(error.publicMessage)")
            return error.publicMessage
        }
    }

    private static func access(_ sample: SampleCall, _ plane: Plane, body: String) throws -> Access {
        try Array(body.utf8).withUnsafeBytes { try plane.control.prepare(sample.operation, $0, .test()).access }
    }

    /// How a call names a resource, and a pattern for the ARN of it.
    private static func named(_ resource: Access.Resource) -> (name: String, pattern: String)? {
        switch resource {
        case .arn(let arn): (arn, arn)
        case .own(let kind, let name), .new(let kind, let name):
            (name, "arn:aws:kinesisvideo:\(Fixture.region):\(Fixture.account):\(kind)/\(name)/*")
        case .thing, .role: nil
        }
    }

    @Test(arguments: SampleCall.all, Engine.allCases)
    func `what policies allow is done, and nothing else`(_ sample: SampleCall, _ engine: Engine) async throws {
        try await Plane.with(engine) { plane in
            let body = try await sample.prepare(plane)
            let access = try Self.access(sample, plane, body: body)
            let resources = access.resources.compactMap(Self.named)
            let (operation, first) = (sample.operation.rawValue, resources.first?.name ?? "*")
            let action = #""Action":"kinesisvideo:\#(operation)""#
            for holder in Holder.allCases {
                func refusal(_ documents: String...) async throws -> String? {
                    try await Self.refusal(sample, plane, try holder.reach(documents), body: body)
                }
                guard sample.operation.api == .controlPlane else {
                    #expect(try await refusal(Self.everything) == Self.denial(operation, "*", holder))
                    continue
                }
                let denied = Self.denial(operation, first, holder)
                #expect(try await refusal() == denied)
                #expect(try await refusal(Self.everything) == nil)
                #expect(try await refusal(Self.statement(action + #","Resource":"*""#)) == nil)
                #expect(try await refusal(Self.statement("\"Not" + action.dropFirst() + #","Resource":"*""#)) == denied)
                #expect(try await refusal(Self.everything, Self.statement(action + #","Resource":"*""#, effect: "Deny")) == denied)

                // Resources that are named: each must be allowed, and one is not another.
                let patterns = resources.map { "\"\($0.pattern)\"" }.joined(separator: ",")
                if resources.isEmpty {
                    #expect(try await refusal(Self.statement(action + #","Resource":"arn:aws:kinesisvideo:*:*:*""#)) == denied)
                } else {
                    #expect(try await refusal(Self.statement(action + ",\"Resource\":[\(patterns)]")) == nil)
                    #expect(try await refusal(Self.statement(action + ",\"NotResource\":[\(patterns)]")) == denied)
                    for resource in resources {
                        let without = Self.statement(action + ",\"NotResource\":\"\(resource.pattern)\"")
                        #expect(try await refusal(without) == Self.denial(operation, resource.name, holder))
                    }
                }
            }
            #expect(plane.callCount == 0, "nothing was to be read for these policies")
            guard sample.operation.api == .controlPlane else { return }
            _ = try await plane.call(sample.operation, body, .test(reach: try Self.user([Self.statement(action + #","Resource":"*""#)])))
        }
    }

    @Test(arguments: SampleCall.all.filter { $0.operation.api == .controlPlane }, Engine.allCases)
    func `tags of what is there are read where a policy asks for them`(_ sample: SampleCall, _ engine: Engine) async throws {
        try await Plane.with(engine) { plane in
            let body = try await sample.prepare(plane)
            let access = try Self.access(sample, plane, body: body)
            let action = #""Action":"kinesisvideo:\#(sample.operation.rawValue)","Resource":"*""#
            let condition = Self.statement(action + #","Condition":{"StringEquals":{"aws:ResourceTag/Site":"${aws:PrincipalTag/site}"}}"#)
            func refusal(_ holder: Holder, _ body: String) async throws -> String? {
                try await Self.refusal(
                    sample, plane, try holder.reach([condition], tags: [TagRecord(key: "site", value: "north")]), body: body)
            }
            func denied(_ holder: Holder) -> String {
                Self.denial(sample.operation.rawValue, access.resources.compactMap(Self.named).first?.name ?? "*", holder)
            }
            for holder in Holder.allCases { #expect(try await refusal(holder, body) == denied(holder)) }
            for (value, isAllowed) in [("south", false), ("north", true)] {
                for (kind, name) in [(ResourceKind.stream, "gate"), (.channel, "door")] {
                    _ = try await plane.store.setTags(
                        .named(name, kind: kind), [TagRecord(key: "site", value: value)], .fresh("TagResource"))
                }
                let isThere = access.resources.contains { if case .new = $0 { false } else { Self.named($0) != nil } }
                for holder in Holder.allCases {
                    #expect(try await refusal(holder, body) == (isAllowed && isThere ? nil : denied(holder)), "\(value) \(holder)")
                }
            }
            // What is not there is refused like what has no such tag.
            let absent = body.replacing("gate", with: "lost").replacing("door", with: "lost")
            for holder in Holder.allCases {
                #expect(
                    try await refusal(holder, absent)
                        == denied(holder).replacing("gate", with: "lost").replacing("door", with: "lost"))
            }
        }
    }

    /// Whether what is named is there makes no difference.
    @Test(arguments: SampleCall.all, Engine.allCases)
    func `nobody reaches another account, whatever its policies say`(_ sample: SampleCall, _ engine: Engine) async throws {
        try await Plane.with(engine) { plane in
            let there = try await sample.prepare(plane)
            let absent = there.replacing("gate", with: "lost").replacing("door", with: "lost")
            let isControl = sample.operation.api == .controlPlane
            let reaches: [Principal.Reach] =
                isControl
                ? [.account] + (try Holder.allCases.map { try $0.reach([Self.everything]) }) : [.thing(Fixture.hub)]
            let foreign = try Self.access(sample, plane, body: there).resources.contains { resource in
                switch resource {
                case .arn, .thing: true
                case .own, .new, .role: false
                }
            }
            guard foreign else { return }
            for reach in reaches {
                var refusals: [String] = []
                for body in [there, absent] {
                    let refusal = try await Self.refusal(sample, plane, reach, body: body, account: Self.otherAccount)
                    refusals.append(
                        try #require(refusal, "\(reach)").replacing("lost", with: "*").replacing("gate", with: "*").replacing(
                            "door", with: "*"))
                }
                #expect(refusals[0] == refusals[1])
            }
            #expect(plane.callCount == 0, "nothing was to be read of another account")
        }
    }

    @Test func `who gives tags must be allowed to tag`() async throws {
        let calls: [(OperationID, tagging: String, kind: String, body: String)] = [
            (.createStream, "TagStream", "stream", #"{"StreamName":"new","Tags":{"Site":"north"}}"#),
            (.createSignalingChannel, "TagResource", "channel", #"{"ChannelName":"new","Tags":[{"Key":"Site","Value":"north"}]}"#),
        ]
        for (operation, tagging, kind, tagged) in calls {
            try await Plane.with { plane in
                let sample = try #require(SampleCall.all.first { $0.operation == operation })
                func refusal(_ documents: String..., body: String? = nil) async throws -> String? {
                    try await Self.refusal(sample, plane, try Self.user(documents), body: body ?? tagged)
                }
                func allows(_ actions: String, _ condition: String = "") -> String {
                    Self.statement("\"Action\":[\(actions)],\"Resource\":\"arn:aws:kinesisvideo:*:*:\(kind)/new/*\"" + condition)
                }
                let (create, tag) = ("\"kinesisvideo:\(operation.rawValue)\"", "\"kinesisvideo:\(tagging)\"")
                #expect(try await refusal(allows(create)) == Self.denial(tagging, "new"))
                #expect(try await refusal(allows(tag)) == Self.denial(operation.rawValue, "new"))
                #expect(try await refusal(allows("\(create),\(tag)")) == nil)
                #expect(try await refusal(allows(create), body: sample.body) == nil)
                // The tags that the request sets.
                for (value, isAllowed) in [("north", true), ("south", false)] {
                    let both = allows("\(create),\(tag)", ",\"Condition\":{\"StringEquals\":{\"aws:RequestTag/site\":\"\(value)\"}}")
                    #expect(try await (refusal(both) == nil) == isAllowed)
                }
                for (keys, isAllowed) in [(#"["Site","Use"]"#, true), (#"["Use"]"#, false)] {
                    let both = allows("\(create),\(tag)", ",\"Condition\":{\"ForAllValues:StringEquals\":{\"aws:TagKeys\":\(keys)}}")
                    #expect(try await (refusal(both) == nil) == isAllowed)
                }
            }
        }
    }

    @Test(arguments: [OperationID.tagStream, .tagResource, .untagStream, .untagResource])
    func `keys of tags that are set or removed can be told`(_ operation: OperationID) async throws {
        try await Plane.with { plane in
            let sample = try #require(SampleCall.all.first { $0.operation == operation })
            for (key, isAllowed) in [("a", true), ("b", false)] {
                let reach = try Self.user([
                    Self.statement(#""Action":"*","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"aws:TagKeys":"\#(key)"}}"#)
                ])
                #expect(try await (Self.refusal(sample, plane, reach, body: sample.body) == nil) == isAllowed)
            }
        }
    }

    /// A policy may name one incarnation: a call by name is one on that which is there.
    @Test(arguments: Engine.allCases) func `a denial by ARN holds for calls by name`(_ engine: Engine) async throws {
        try await Plane.with(engine) { plane in
            let stream = try await plane.active()
            let deny = Self.statement("\"Action\":\"*\",\"Resource\":\"\(stream.arn)\"", effect: "Deny")
            let byName = #"{"StreamName":"gate"}"#
            let sample = try #require(SampleCall.all.first { $0.operation == .describeStream })
            #expect(
                try await Self.refusal(sample, plane, Self.user([Self.everything, deny]), body: byName)
                    == Self.denial("DescribeStream", "gate"))
            let allow = Self.statement("\"Action\":\"*\",\"Resource\":\"\(stream.arn)\"")
            #expect(try await Self.refusal(sample, plane, Self.user([allow]), body: byName) == nil)
            let other = Self.statement("\"Action\":\"*\",\"Resource\":\"\(stream.arn)0\"")
            #expect(try await Self.refusal(sample, plane, Self.user([other]), body: byName) == Self.denial("DescribeStream", "gate"))
            #expect(try await Self.refusal(sample, plane, Self.user([Self.everything, other]), body: byName) == nil)
        }
    }

    @Test func `what a policy asks of a request it gets`() async throws {
        try await Plane.with { plane async throws in
            func isAllowed(_ condition: String, _ circumstances: Caller.Circumstances) async throws -> Bool {
                let reach = try Self.user([Self.statement(#""Action":"*","Resource":"*","Condition":{\#(condition)}"#)])
                let caller = Caller(
                    principal: Principal(account: Fixture.account, keyID: "AKIATEST", reach: reach), region: Fixture.region, requestID: "r",
                    invocation: nil, origin: nil, circumstances: circumstances)
                do throws(OperationError) {
                    try await Authorizer(store: plane.store).authorize(caller, Access(.controlPlane, "ListStreams"))
                    return true
                } catch {
                    return false
                }
            }
            // 2026-01-31T12:00:00Z.
            let here = Caller.Circumstances(sourceAddress: "10.1.2.3", isTLS: true, time: 1_769_860_800_000)
            for (condition, wanted) in [
                (#""IpAddress":{"aws:SourceIp":"10.0.0.0/8"}"#, true), (#""IpAddress":{"aws:SourceIp":"11.0.0.0/8"}"#, false),
                (#""Bool":{"aws:SecureTransport":true}"#, true), (#""Bool":{"aws:SecureTransport":false}"#, false),
                (#""DateGreaterThan":{"aws:CurrentTime":"2026-01-31T11:59:59Z"}"#, true),
                (#""DateGreaterThan":{"aws:CurrentTime":"2026-01-31T12:00:00Z"}"#, false),
                (#""NumericEquals":{"aws:EpochTime":1769860800}"#, true), (#""StringEquals":{"aws:username":"ada"}"#, true),
                (#""StringEquals":{"aws:username":"Ada"}"#, false), (#""StringEquals":{"aws:RequestedRegion":"eu-west-1"}"#, true),
                (#""StringEquals":{"aws:PrincipalAccount":"111122223333"}"#, true),
                (#""ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::*:user/ada"}"#, true), (#""Null":{"aws:TagKeys":true}"#, true),
                (#""Null":{"aws:MultiFactorAuthPresent":true}"#, true), (#""StringLike":{"aws:userid":"AIDA*"}"#, true),
            ] {
                #expect(try await isAllowed(condition, here) == wanted, "\(condition)")
            }
            // The address of a proxy is nobody's.
            #expect(try await isAllowed(#""Null":{"aws:SourceIp":true}"#, Caller.Circumstances()))
            #expect(try await !isAllowed(#""IpAddress":{"aws:SourceIp":"0.0.0.0/0"}"#, Caller.Circumstances()))
        }
    }
}
