import Contract
import FoundationEssentials
public import Identity
public import Planes
import Policies
import SQL
public import Store

/// Temporary credentials by the Query API of AWS Security Token Service: GetCallerIdentity, GetSessionToken and AssumeRole.
///
/// AWS Security Token Service API reference, version 2011-06-15.
///
/// Threads: a value without state of its own; any task may use it at any time.
public struct TokenPlane: Sendable {
    private let store: Store
    private let keys: AccessKeys

    public init(store: Store, keys: AccessKeys) {
        self.store = store
        self.keys = keys
    }

    /// What a form may ask for.
    enum Action: String, CaseIterable {
        case callerIdentity = "GetCallerIdentity"
        case sessionToken = "GetSessionToken"
        case assumeRole = "AssumeRole"
    }

    /// One route: the form says which operation it is.
    public var operations: [RoutedOperation] {
        [
            RoutedOperation(.post("/"), name: "SecurityTokenService", id: nil, payload: .document, isMutation: false, service: .tokens) {
                input, caller throws(OperationError) in
                let form = try QueryForm(input.body)
                guard form["Version"] == QueryForm.version else {
                    throw OperationError(.unknownOperation, "Version must be \(QueryForm.version).")
                }
                let name = form["Action"] ?? ""
                switch Action(rawValue: name) {
                case .callerIdentity: return try callerIdentity(form, caller)
                case .sessionToken: return try sessionToken(form, caller)
                case .assumeRole: return try assumeRole(form, caller)
                case nil:
                    throw OperationError(
                        .unknownOperation,
                        "Could not find operation \(name.prefix(64)): there are GetCallerIdentity, GetSessionToken and AssumeRole.")
                }
            }
        ]
    }

    private func callerIdentity(_ form: QueryForm, _ caller: Caller) throws(OperationError) -> RequestedCall {
        try form.require(only: [])
        var access = Access(.tokens, Action.callerIdentity.rawValue)
        access.isFree = true
        return RequestedCall(access) { [access] in
            let identity = caller.identity
            let document = document(
                access, caller, [.text("Arn", identity.arn), .text("UserId", identity.userID), .text("Account", caller.account)])
            return RoutedCall(resourceName: nil, answer: .bytes { document })
        }
    }

    private func sessionToken(_ form: QueryForm, _ caller: Caller) throws(OperationError) -> RequestedCall {
        try form.require(only: ["DurationSeconds"])
        let asked = try form.seconds("DurationSeconds", 900...129_600)
        var access = Access(.tokens, Action.sessionToken.rawValue)
        switch caller.principal.reach {
        // What a user may do goes with the session.
        case .account, .user: access.isFree = true
        case .role, .thing, .session, .anything: access.isFree = false
        }
        let isOffered = access.isFree && !caller.principal.isSession
        let audited = JSONValue.members([("durationSeconds", asked.map { .integer($0) })])
        return RequestedCall(access, auditedInput: audited) { [access] () throws(OperationError) in
            guard isOffered else {
                throw OperationError(.accessDenied, "Cannot call GetSessionToken with session credentials")
            }
            return granting(access, caller) { () throws(OperationError) in
                Granted(try keys.credentials(of: caller, lifetime: asked ?? 43_200))
            }
        }
    }

    private func assumeRole(_ form: QueryForm, _ caller: Caller) throws(OperationError) -> RequestedCall {
        try form.require(only: ["RoleArn", "RoleSessionName", "DurationSeconds", "Policy", "ExternalId", "Tags.member."])
        let arn = try form.text("RoleArn", 20...2048)
        let name = try form.text("RoleSessionName", 2...64, characters: "=,.@-_+")
        guard let arn, let name else {
            throw OperationError(.validation, "RoleArn and RoleSessionName are required.")
        }
        guard let role = RoleARN(arn) else { throw OperationError(.validation, "\(arn.prefix(128)) is invalid") }
        let asked = try form.seconds("DurationSeconds", 900...43_200)
        let externalID = try form.text("ExternalId", 2...1224, characters: "=,.@-_+:/")
        let tags = try form.tags()
        let policy = try form.text("Policy", 1...2048)
        if let policy {
            do throws(PolicyMistake) {
                _ = try Policy("Policy", policy)
            } catch {
                throw OperationError(.invalidArgument, "Policy: \(error)")
            }
        }
        var access = Access(.tokens, Action.assumeRole.rawValue)
        access.resources = [.role(arn)]
        access.tags = tags.map { MapEntry(key: $0.key, value: $0.value) }
        access.taggingOperation = "TagSession"
        access.context = ["sts:rolesessionname": name]
        if let externalID { access.context["sts:externalid"] = externalID }
        let audited = JSONValue.members([
            ("roleArn", .string(arn)), ("roleSessionName", .string(name)), ("durationSeconds", asked.map { .integer($0) }),
            ("policy", policy.map { .string($0) }), ("tagKeys", tags.isEmpty ? nil : .array(tags.map { .string($0.key) })),
        ])
        let terms = SessionTerms(lifetime: asked ?? 3600, name: name, policy: policy, tags: tags)
        return RequestedCall(access, auditedInput: audited) { [access] in
            granting(access, caller) { () throws(OperationError) in try await assume(role, of: arn, terms, caller) }
        }
    }

    /// Gives out credentials of a role that the caller may take on.
    private func assume(_ role: RoleARN, of arn: String, _ terms: SessionTerms, _ caller: Caller) async throws(OperationError) -> Granted {
        let record: RoleRecord?
        do throws(DatabaseError) {
            record = try await store.role(account: role.account, name: role.name)
        } catch {
            throw OperationError(error)
        }
        // It was there a moment ago, when the call was allowed.
        guard let record else { throw OperationError(.accessDenied, "The role was removed while it was asked for.") }
        guard terms.lifetime <= record.longestSession else {
            throw OperationError(
                .validation, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
        }
        guard !caller.principal.isSession || terms.lifetime <= 3600 else {
            throw OperationError(
                .validation, "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
        }
        let partition = arn.split(separator: ":")[1]
        return Granted(
            try keys.credentials(of: record, terms),
            to: Granted.RoleUser(
                id: "\(record.id):\(terms.name)",
                arn: "arn:\(partition):sts::\(record.account):assumed-role/\(record.name)/\(terms.name)"))
    }

    private func granting(
        _ access: Access, _ caller: Caller, _ grant: @escaping @Sendable () async throws(OperationError) -> Granted
    ) -> RoutedCall {
        RoutedCall(
            resourceName: nil,
            answer: .grant { () async throws(OperationError) in
                let granted = try await grant()
                return RoutedCall.Grant(document: document(access, caller, granted.elements), audited: granted.audited)
            })
    }

    /// Returns the answer of a call as the Query API writes it.
    private func document(_ access: Access, _ caller: Caller, _ result: [XML]) -> [UInt8] {
        XML.element(
            "\(access.operation)Response",
            [.element("\(access.operation)Result", result), .element("ResponseMetadata", [.text("RequestId", caller.requestID)])]
        ).document
    }
}

/// Credentials that are given out, as the caller and the audit log are told of them.
private struct Granted {
    /// Who calls by them, where that is somebody in a role.
    struct RoleUser {
        let id: String
        let arn: String
    }

    private let made: TemporaryCredentials
    private let user: RoleUser?
    private let expiration: String

    init(_ made: TemporaryCredentials, to user: RoleUser? = nil) {
        self.made = made
        self.user = user
        expiration = Date(timeIntervalSince1970: Double(made.expiresAt / 1000)).formatted(.iso8601)
    }

    /// What the caller gets.
    var elements: [XML] {
        let credentials = XML.element(
            "Credentials",
            [
                .text("AccessKeyId", made.id), .text("SecretAccessKey", made.secret), .text("SessionToken", made.token),
                .text("Expiration", expiration),
            ])
        guard let user else { return [credentials] }
        return [.element("AssumedRoleUser", [.text("AssumedRoleId", user.id), .text("Arn", user.arn)]), credentials]
    }

    /// Which key was given out, and as whom: without secret and token.
    var audited: JSONValue {
        .members([
            ("assumedRoleUser", user.map { .members([("assumedRoleId", .string($0.id)), ("arn", .string($0.arn))]) }),
            ("credentials", .members([("accessKeyId", .string(made.id)), ("expiration", .string(expiration))])),
        ])
    }
}

extension JSONValue {
    /// An object of the members that there are; null where there is none.
    fileprivate static func members(_ members: [(key: String, value: JSONValue?)]) -> JSONValue {
        let present = members.compactMap { key, value in value.map { (key: key, value: $0) } }
        return present.isEmpty ? .null : .object(JSONObject(present))
    }
}
