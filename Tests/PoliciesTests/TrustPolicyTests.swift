import Testing

@testable import Policies

/// Who may take a role on, by tables made from IAM's documentation: "AWS JSON policy elements: Principal".
@Suite struct TrustPolicyTests {
    private static let ada = "arn:aws:iam::111122223333:user/ada"

    private static func trust(_ principal: String, effect: String = "Allow", _ more: String = "") -> String {
        #"{"Effect":"\#(effect)","Principal":\#(principal),"Action":"sts:AssumeRole"\#(more)}"#
    }

    private static func decision(
        _ statements: [String], by subject: TrustSubject = .principal(account: "111122223333", arns: [ada]),
        action: String = "sts:AssumeRole",
        _ context: KeyValuePairs<String, [String]> = [:]
    ) throws -> TrustPolicy.Decision {
        let policy = try TrustPolicy(#"{"Version":"2012-10-17","Statement":[\#(statements.joined(separator: ","))]}"#)
        return policy.decision(action, by: subject, GivenContext(context.map { ($0.key, $0.value) }))
    }

    @Test(arguments: [
        (#"{"AWS":"arn:aws:iam::111122223333:user/ada"}"#, TrustPolicy.Decision.caller), (#""*""#, .caller), (#"{"AWS":"*"}"#, .caller),
        (#"{"AWS":["999988887777","111122223333"]}"#, .account), (#"{"AWS":"arn:aws:iam::111122223333:root"}"#, .account),
        (#"{"AWS":"arn:aws:iam::111122223333:user/Ada"}"#, .notAllowed), (#"{"AWS":"arn:aws:iam::999988887777:user/ada"}"#, .notAllowed),
        (#"{"AWS":"999988887777"}"#, .notAllowed), (#"{"Service":"credentials.iot.amazonaws.com"}"#, .notAllowed),
        (#"{"AWS":["111122223333","arn:aws:iam::111122223333:user/ada"]}"#, .caller),
    ])
    func principals(_ principal: String, _ expected: TrustPolicy.Decision) throws {
        #expect(try Self.decision([Self.trust(principal)]) == expected)
        // What is denied is denied to whomever it names.
        let denied: TrustPolicy.Decision = expected == .notAllowed ? .caller : .denied
        #expect(try Self.decision([Self.trust(#""*""#), Self.trust(principal, effect: "Deny")]) == denied)
    }

    @Test func `sessions are named by their role or by themselves, services by their name`() throws {
        let session = TrustSubject.principal(
            account: "111122223333",
            arns: ["arn:aws:sts::111122223333:assumed-role/watch/ada", "arn:aws:iam::111122223333:role/watch"])
        for name in ["arn:aws:sts::111122223333:assumed-role/watch/ada", "arn:aws:iam::111122223333:role/watch"] {
            #expect(try Self.decision([Self.trust(#"{"AWS":"\#(name)"}"#)], by: session) == .caller)
            #expect(try Self.decision([Self.trust(#"{"AWS":"\#(name)"}"#)]) == .notAllowed)
        }
        let service = TrustSubject.service("credentials.iot.amazonaws.com")
        #expect(try Self.decision([Self.trust(#"{"Service":"credentials.iot.amazonaws.com"}"#)], by: service) == .caller)
        #expect(try Self.decision([Self.trust(#"{"Service":"ec2.amazonaws.com"}"#)], by: service) == .notAllowed)
        // Whoever signs may be anyone; a service is named.
        #expect(try Self.decision([Self.trust(#""*""#)], by: service) == .notAllowed)
    }

    @Test func `conditions and actions are looked at`() throws {
        let trust = Self.trust(#"{"AWS":"111122223333"}"#, #","Condition":{"StringEquals":{"sts:ExternalId":"x7"}}"#)
        #expect(try Self.decision([trust], ["sts:ExternalId": ["x7"]]) == .account)
        #expect(try Self.decision([trust], ["sts:ExternalId": ["x8"]]) == .notAllowed)
        #expect(try Self.decision([trust]) == .notAllowed)
        #expect(try Self.decision([trust], action: "sts:TagSession", ["sts:ExternalId": ["x7"]]) == .notAllowed)
    }

    @Test(arguments: [
        (#"{"Effect":"Allow","Action":"sts:AssumeRole"}"#, "Principal is missing"),
        (#"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::111122223333:user/*"}}"#, "without wildcards"),
        (#"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"1111"}}"#, "twelve digits"),
        (#"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Federated":"x"}}"#, "no Federated"),
        (#"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"*","Resource":"*"}"#, "has no Resource"),
        (#"{"Effect":"Allow","Action":"sts:AssumeRole","NotPrincipal":"*"}"#, "no NotPrincipal"),
    ])
    func mistakes(_ statement: String, _ message: String) throws {
        let mistake = try #require(throws: PolicyMistake.self) { _ = try TrustPolicy(#"{"Statement":\#(statement)}"#) }
        #expect(mistake.description.contains(message), "\(mistake)")
    }
}
