import Contract
import Identity
import Planes
import Policies
import SQL
import Store
import TestSupport
import Testing

@testable import ControlPlane
@testable import SignalingPlane
@testable import TokenPlane

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

    private static func denial(_ action: String, _ resource: String, _ holder: Holder = .user) -> String {
        "User: \(holder.arn) is not authorized to perform: \(action) on resource: \(resource)"
    }

    /// Why a call is refused before it is made; nil where it may be made.
    private static func refusal(
        _ call: MatrixCall, _ plane: Plane, _ reach: Principal.Reach, _ request: MatrixCall.Request, account: String = Fixture.account
    ) async throws -> String? {
        let caller = Caller.test(account: account, reach: reach)
        do {
            let requested = try plane.requested(call, request, caller)
            try await Authorizer(store: plane.store).authorize(caller, requested.access)
            _ = try requested.checked()
            return nil
        } catch let error as OperationError {
            #expect(error.code == .accessDenied, "\(error.publicMessage)")
            return error.publicMessage
        }
    }

    /// The same of an operation of the control plane, by its body.
    private static func refusal(
        _ sample: SampleCall, _ plane: Plane, _ reach: Principal.Reach, body: String
    ) async throws -> String? {
        let call = try #require(MatrixCall.all.first { $0.id == sample.operation })
        return try await refusal(call, plane, reach, MatrixCall.Request(uri: call.route.path, headers: [], body: body))
    }

    /// How a call names a resource, and a pattern for the ARN of it.
    private static func named(_ resource: Access.Resource) -> (name: String, pattern: String)? {
        switch resource {
        case .arn(let arn), .role(let arn): (arn, arn)
        case .own(let kind, let name), .new(let kind, let name):
            (name, "arn:aws:kinesisvideo:\(Fixture.region):\(Fixture.account):\(kind)/\(name)/*")
        case .thing: nil
        }
    }

    /// A plane that offers an operation of which there is no row here is a plane of which nobody knows who may call it.
    @Test func `each operation has a row, under the action that its plane asks for`() async throws {
        try await Plane.with { plane in
            let offered = try plane.everyOperation()
            for operation in offered { #expect(MatrixCall.all.contains { $0.route == operation.route }, "\(operation.route)") }
            #expect(Set(MatrixCall.all.map(\.route)) == Set(offered.map(\.route)))
            #expect(Set(MatrixCall.all.compactMap(\.id)) == Set(OperationID.allCases))
            #expect(Set(offered.compactMap(\.id)) == Set(OperationID.allCases))
            #expect(
                Set(MatrixCall.all.filter { !$0.isOfVideo }.map(\.operation)) == Set(TokenPlane.Action.allCases.map(\.rawValue)))
            for route in ConnectRoute.allCases {
                let actions = Set(MatrixCall.all.filter { $0.route == .get(route.rawValue) }.map(\.operation))
                let wanted: Set<String> =
                    switch route {
                    case .any: ["ConnectAsMaster", "ConnectAsViewer"]
                    case .master: ["ConnectAsMaster"]
                    case .viewer: ["ConnectAsViewer"]
                    }
                #expect(actions == wanted)
            }
        }
        for call in MatrixCall.all {
            try await Plane.with { plane in
                let access = try plane.requested(call, try await call.prepare(plane)).access
                #expect(access.operation == call.operation, "\(call.testDescription)")
                switch access.service {
                case .video(let api):
                    #expect(call.isOfVideo && api == call.id?.api ?? (call.kind == .player ? .archivedMedia : .signaling))
                case .tokens: #expect(!call.isOfVideo)
                }
            }
        }
    }

    /// Nobody's policies have a say here: a column for each principal, a row for each operation.
    @Test(arguments: MatrixCall.all) func `each kind of key reaches the operations that it is for`(_ call: MatrixCall) async throws {
        try await Plane.with { plane in
            let request = try await call.prepare(plane)
            // By account, nobody, user, role, agent, agent of another thing, playback session.
            let wanted: [Bool] =
                switch call.kind {
                case .policies: [true, true, false, false, false, false, false]
                case .agent: [false, true, false, false, true, false, false]
                case .everybody: [true, true, true, true, true, true, false]
                case .player: [true, true, true, true, false, false, true]
                case .session: [true, false, true, false, false, false, false]
                }
            let reaches: [Principal.Reach] = [
                .account, .anything, try Holder.user.reach([]), try Holder.role.reach([]), .thing(Fixture.hub), .thing(Fixture.hub + "2"),
                .session,
            ]
            for (reach, isAllowed) in zip(reaches, wanted) {
                #expect(try await (Self.refusal(call, plane, reach, request) == nil) == isAllowed, "\(reach)")
            }
        }
    }

    @Test(arguments: MatrixCall.all, Engine.allCases)
    func `what policies allow is done, and nothing else`(_ call: MatrixCall, _ engine: Engine) async throws {
        try await Plane.with(engine) { plane in
            let request = try await call.prepare(plane)
            let resources = try plane.requested(call, request).access.resources.compactMap(Self.named)
            let first = resources.first?.name ?? "*"
            let action = #""Action":"\#(call.action)""#
            for holder in Holder.allCases {
                func refusal(_ documents: String...) async throws -> String? {
                    try await Self.refusal(call, plane, try holder.reach(documents), request)
                }
                let denied = Self.denial(call.action, first, holder)
                let denial = Self.statement(action + #","Resource":"*""#, effect: "Deny")
                switch call.kind {
                case .policies: break
                case .agent:
                    #expect(try await refusal(Self.everything) == Self.denial(call.action, "*", holder))
                    continue
                case .everybody, .player:
                    #expect(try await refusal(denial) == nil)
                    continue
                case .session:
                    #expect(try await refusal(denial) == (holder == .user ? nil : denied))
                    let refusal = try await refusal(Self.everything)
                    #expect(refusal == (holder == .user ? nil : "Cannot call GetSessionToken with session credentials"))
                    continue
                }
                #expect(try await refusal() == denied)
                #expect(try await refusal(Self.everything) == nil)
                #expect(try await refusal(Self.statement(action + #","Resource":"*""#)) == nil)
                #expect(try await refusal(Self.statement("\"Not" + action.dropFirst() + #","Resource":"*""#)) == denied)
                #expect(try await refusal(Self.everything, denial) == denied)

                // Resources that are named: each must be allowed, and one is not another.
                let patterns = resources.map { "\"\($0.pattern)\"" }.joined(separator: ",")
                if resources.isEmpty {
                    #expect(try await refusal(Self.statement(action + #","Resource":"arn:aws:kinesisvideo:*:*:*""#)) == denied)
                } else {
                    #expect(try await refusal(Self.statement(action + ",\"Resource\":[\(patterns)]")) == nil)
                    #expect(try await refusal(Self.statement(action + ",\"NotResource\":[\(patterns)]")) == denied)
                    for resource in resources {
                        let without = Self.statement(action + ",\"NotResource\":\"\(resource.pattern)\"")
                        #expect(try await refusal(without) == Self.denial(call.action, resource.name, holder))
                    }
                }
            }
            #expect(plane.callCount == 0 || call.operation == "AssumeRole", "nothing was to be read for these policies")
            guard let id = call.id, id.api == .controlPlane else { return }
            _ = try await plane.call(id, request.body, .test(reach: try Self.user([Self.statement(action + #","Resource":"*""#)])))
        }
    }

    @Test(arguments: MatrixCall.all.filter { $0.kind == .policies && $0.isOfVideo }, Engine.allCases)
    func `tags of what is there are read where a policy asks for them`(_ call: MatrixCall, _ engine: Engine) async throws {
        try await Plane.with(engine) { plane in
            let request = try await call.prepare(plane)
            let resources = try plane.requested(call, request).access.resources
            let action = #""Action":"\#(call.action)","Resource":"*""#
            let condition = Self.statement(action + #","Condition":{"StringEquals":{"aws:ResourceTag/Site":"${aws:PrincipalTag/site}"}}"#)
            func refusal(_ holder: Holder, _ request: MatrixCall.Request) async throws -> String? {
                try await Self.refusal(call, plane, try holder.reach([condition], tags: [TagRecord(key: "site", value: "north")]), request)
            }
            func denied(_ holder: Holder) -> String {
                Self.denial(call.action, resources.compactMap(Self.named).first?.name ?? "*", holder)
            }
            for holder in Holder.allCases { #expect(try await refusal(holder, request) == denied(holder)) }
            for (value, isAllowed) in [("south", false), ("north", true)] {
                for (kind, name) in [(ResourceKind.stream, "gate"), (.channel, "door")] {
                    _ = try await plane.store.setTags(
                        .named(name, kind: kind), [TagRecord(key: "site", value: value)], .fresh("TagResource"))
                }
                let isThere = resources.contains { if case .new = $0 { false } else { Self.named($0) != nil } }
                for holder in Holder.allCases {
                    #expect(try await refusal(holder, request) == (isAllowed && isThere ? nil : denied(holder)), "\(value) \(holder)")
                }
            }
            // What is not there is refused like what has no such tag.
            for holder in Holder.allCases {
                #expect(
                    try await refusal(holder, request.aboutAbsent)
                        == denied(holder).replacing("gate", with: "lost").replacing("door", with: "lost"))
            }
        }
    }

    /// Whether what is named is there makes no difference.
    @Test(arguments: MatrixCall.all, Engine.allCases)
    func `nobody reaches another account, whatever its policies say`(_ call: MatrixCall, _ engine: Engine) async throws {
        try await Plane.with(engine) { plane in
            let there = try await call.prepare(plane)
            let foreign = try plane.requested(call, there).access.resources.contains { resource in
                switch resource {
                case .arn, .thing: true
                case .own, .new, .role: false
                }
            }
            guard foreign else { return }
            let reaches: [Principal.Reach] =
                call.kind == .agent
                ? [.anything, .thing(Fixture.hub)] : [.account, .anything] + (try Holder.allCases.map { try $0.reach([Self.everything]) })
            for reach in reaches {
                var refusals: [String] = []
                for request in [there, there.aboutAbsent] {
                    let refusal = try await Self.refusal(call, plane, reach, request, account: Self.otherAccount)
                    refusals.append(
                        try #require(refusal, "\(reach)").replacing("lost", with: "*").replacing("gate", with: "*").replacing(
                            "door", with: "*"))
                }
                #expect(refusals[0] == refusals[1])
            }
            #expect(plane.callCount == 0, "nothing was to be read of another account")
        }
    }

    /// Who trusts whom: by account, or by name. Roles of another account need a word of both.
    @Test(arguments: Engine.allCases) func `a role is taken on where its trust and the caller's policies say so`(_ engine: Engine)
        async throws
    {
        try await Plane.with(engine) { plane in
            let call = try #require(MatrixCall.all.first { $0.operation == "AssumeRole" })
            let request = try await call.prepare(plane)
            let allow = Self.statement(#""Action":"sts:AssumeRole","Resource":"*""#)
            let deny = Self.statement(#""Action":"sts:AssumeRole","Resource":"*""#, effect: "Deny")
            let (root, ada) = ("arn:aws:iam::\(Fixture.account):root", "arn:aws:iam::\(Fixture.account):user/ada")
            // The account of the role, whom it trusts, and whether ada may without a policy, with one, and with a denial; then a key of the account.
            for (account, trusted, wanted) in [
                (Fixture.account, root, [false, true, false, true]), (Fixture.account, ada, [true, true, false, false]),
                (Fixture.account, "arn:aws:iam::\(Self.otherAccount):root", [false, false, false, false]),
                (Self.otherAccount, root, [false, true, false, true]), (Self.otherAccount, ada, [false, true, false, false]),
                (Self.otherAccount, "arn:aws:iam::\(Self.otherAccount):root", [false, false, false, false]),
            ] {
                let name = "role-\(UInt32.random(in: 0 ... .max))"
                #expect(
                    try await plane.store.addRole(
                        account: account, name: name, id: "AROA\(name)", trust: MatrixCall.trust(in: trusted), longestSession: 3600)
                        == .done)
                let arn = "arn:aws:iam::\(account):role/\(name)"
                var asked = request
                asked.body = request.body.replacing(MatrixCall.role, with: arn)
                for (reach, isAllowed) in zip([try Self.user([]), try Self.user([allow]), try Self.user([allow, deny]), .account], wanted) {
                    #expect(
                        try await (Self.refusal(call, plane, reach, asked) == nil) == isAllowed, "\(account) \(trusted) \(reach)")
                }
                // What limits a session limits what its role is trusted with.
                let session = Principal.Reach.role(
                    RoleSession(
                        role: "watch", roleID: "AROAEXAMPLE", name: "ada", policies: PolicySet([try Policy("p", allow)]),
                        limit: PolicySet([])))
                #expect(try await Self.refusal(call, plane, session, asked) == Self.denial("sts:AssumeRole", arn, .role))
            }
            // Within an account trust by name needs no policy of the caller, but nothing lifts a session's limit.
            let byRole = MatrixCall.trust(in: "arn:aws:iam::\(Fixture.account):role/watch")
            #expect(
                try await plane.store.addRole(
                    account: Fixture.account, name: "named", id: "AROANAMED", trust: byRole, longestSession: 3600) == .done)
            var named = request
            named.body = request.body.replacing("role/guard", with: "role/named")
            #expect(try await Self.refusal(call, plane, Holder.role.reach([]), named) == nil)
            #expect(try await Self.refusal(call, plane, Holder.role.reach([deny]), named) != nil)
            #expect(try await Self.refusal(call, plane, Holder.session.reach([]), named) != nil)
            #expect(try await Self.refusal(call, plane, Holder.session.reach([allow]), named) == nil)
            // A denial in trust, a session that is named, and what the request says of itself.
            func trust(_ members: String, effect: String = "Allow") -> String {
                #"{"Effect":"\#(effect)","Action":"sts:AssumeRole",\#(members)}"#
            }
            let byRoot = #""Principal":{"AWS":"\#(root)"}"#
            let bySession = #""Principal":{"AWS":"arn:aws:sts::\#(Fixture.account):assumed-role/watch/ada"}"#
            let roles = [
                ("denied", trust(byRoot) + "," + trust(#""Principal":{"AWS":"\#(ada)"}"#, effect: "Deny")), ("session", trust(bySession)),
                ("external", trust(byRoot + #","Condition":{"StringEquals":{"sts:ExternalId":"x1"}}"#)),
                ("called", trust(byRoot + #","Condition":{"StringEquals":{"sts:RoleSessionName":"bob"}}"#)),
            ]
            for (name, statements) in roles {
                #expect(
                    try await plane.store.addRole(
                        account: Fixture.account, name: name, id: "AROA\(name)",
                        trust: #"{"Version":"2012-10-17","Statement":[\#(statements)]}"#, longestSession: 3600) == .done)
            }
            for (role, holder, documents, more, isAllowed) in [
                ("denied", Holder.user, [allow], "", false), ("denied", .role, [allow], "", true), ("session", .role, [], "", true),
                ("session", .user, [allow], "", false), ("external", .user, [allow], "", false),
                ("external", .user, [allow], "&ExternalId=x2", false), ("external", .user, [allow], "&ExternalId=x1", true),
                ("called", .user, [allow], "", false),
            ] {
                var asked = request
                asked.body = request.body.replacing("role/guard", with: "role/\(role)") + more
                #expect(
                    try await (Self.refusal(call, plane, holder.reach(documents), asked) == nil) == isAllowed, "\(role) \(holder) \(more)")
            }
            // What is not there is refused alike, and so is what cannot be read.
            var absent = request
            absent.body = request.body.replacing("role/guard", with: "role/absent")
            #expect(
                try await Self.refusal(call, plane, Self.user([allow]), absent)
                    == Self.denial("sts:AssumeRole", MatrixCall.role.replacing("guard", with: "absent")))
            // Tags of a session need the right to set them, of the same role.
            var tagged = request
            tagged.body += "&Tags.member.1.Key=site&Tags.member.1.Value=north"
            #expect(try await Self.refusal(call, plane, Self.user([allow]), tagged) == Self.denial("sts:TagSession", MatrixCall.role))
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
                #expect(try await refusal(allows(create)) == Self.denial("kinesisvideo:\(tagging)", "new"))
                #expect(try await refusal(allows(tag)) == Self.denial("kinesisvideo:\(operation.rawValue)", "new"))
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
            let allow = Self.statement("\"Action\":\"*\",\"Resource\":\"\(stream.arn)\"")
            let other = Self.statement("\"Action\":\"*\",\"Resource\":\"\(stream.arn)0\"")
            for holder in Holder.allCases {
                let denied = Self.denial("kinesisvideo:DescribeStream", "gate", holder)
                #expect(try await Self.refusal(sample, plane, holder.reach([Self.everything, deny]), body: byName) == denied)
                #expect(try await Self.refusal(sample, plane, holder.reach([allow]), body: byName) == nil)
                #expect(try await Self.refusal(sample, plane, holder.reach([other]), body: byName) == denied)
                #expect(try await Self.refusal(sample, plane, holder.reach([Self.everything, other]), body: byName) == nil)
            }
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
            // Of who has taken a role on.
            func isAllowedToRole(_ condition: String) async throws -> Bool {
                let session = RoleSession(
                    role: "watch", roleID: "AROAEXAMPLE", name: "ada",
                    policies: PolicySet([try Policy("p", Self.statement(#""Action":"*","Resource":"*","Condition":{\#(condition)}"#))]),
                    context: ["credentials-iot:thingname": "door"])
                do throws(OperationError) {
                    try await Authorizer(store: plane.store).authorize(.test(reach: .role(session)), Access(.controlPlane, "ListStreams"))
                    return true
                } catch {
                    return false
                }
            }
            for (condition, wanted) in [
                (#""StringEquals":{"credentials-iot:ThingName":"door"}"#, true),
                (#""StringEquals":{"credentials-iot:ThingName":"gate"}"#, false),
                (#""ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::\#(Fixture.account):role/watch"}"#, true),
                (#""StringEquals":{"aws:userid":"AROAEXAMPLE:ada"}"#, true), (#""Null":{"aws:username":true}"#, true),
            ] {
                #expect(try await isAllowedToRole(condition) == wanted, "\(condition)")
            }
            // The address of a proxy is nobody's.
            #expect(try await isAllowed(#""Null":{"aws:SourceIp":true}"#, Caller.Circumstances()))
            #expect(try await !isAllowed(#""IpAddress":{"aws:SourceIp":"0.0.0.0/0"}"#, Caller.Circumstances()))
        }
    }
}
