import Testing

@testable import Policies

/// What a policy means, by tables made from IAM's documentation: "IAM JSON policy elements reference".
@Suite struct PolicyTests {
    private static let stream = "arn:aws:kinesisvideo:eu-west-1:111122223333:stream/gate/1705489836421"

    /// A statement that allows everything, where a member is not given otherwise.
    private static func document(
        _ members: String = "", effect: String = "Allow", action: String = #""Action":"*""#, resource: String = #""Resource":"*""#
    ) -> String {
        #"{"Version":"2012-10-17","Statement":{"Effect":"\#(effect)",\#(action),\#(resource)\#(members.isEmpty ? "" : "," + members)}}"#
    }

    private static func decision(
        _ documents: [String], _ action: String = "kinesisvideo:DescribeStream", _ resource: String = stream,
        _ context: KeyValuePairs<String, [String]> = [:]
    ) throws -> Decision {
        let policies = try documents.enumerated().map { try Policy("p\($0)", $1) }
        return PolicySet(policies).decision(action, on: resource, GivenContext(context.map { ($0.key, $0.value) }))
    }

    private static func holds(_ condition: String, _ context: KeyValuePairs<String, [String]>) throws -> Bool {
        try decision([document(#""Condition":\#(condition)"#)], context: context)
    }

    private static func decision(_ documents: [String], context: KeyValuePairs<String, [String]>) throws -> Bool {
        try decision(documents, "kinesisvideo:DescribeStream", stream, context).isAllowed
    }

    @Test func `what nothing allows is refused, and a denial overrules`() throws {
        let (allow, deny) = (Self.document(#""Sid":"A""#), Self.document(effect: "Deny"))
        let none = Self.document(action: #""Action":"kinesisvideo:ListStreams""#)
        #expect(try Self.decision([]) == .notAllowed)
        #expect(try Self.decision([none]) == .notAllowed)
        #expect(try Self.decision([none, allow]) == .allowed(by: .init(policy: "p1", index: 0, sid: "A")))
        for documents in [[allow, deny], [deny, allow], [deny]] {
            #expect(
                try Self.decision(documents) == .denied(by: .init(policy: "p\(documents.firstIndex(of: deny) ?? 0)", index: 0, sid: nil)))
        }
    }

    @Test(arguments: [
        (#""Action":"kinesisvideo:DescribeStream""#, true), (#""Action":"KinesisVideo:describestream""#, true),
        (#""Action":"kinesisvideo:Describe*""#, true), (#""Action":"kinesisvideo:D?scribeStrea?""#, true),
        (#""Action":"kinesisvideo:Describe""#, false), (#""Action":"kinesisvideo:DescribeStream?""#, false),
        (#""Action":"s3:*""#, false), (#""Action":["s3:*","kinesisvideo:*"]"#, true), (#""NotAction":"kinesisvideo:Delete*""#, true),
        (#""NotAction":["kinesisvideo:Delete*","kinesisvideo:Describe*"]"#, false), (#""NotAction":"*""#, false),
    ])
    func actions(_ action: String, _ isAllowed: Bool) throws {
        #expect(try Self.decision([Self.document(action: action)]).isAllowed == isAllowed)
    }

    @Test(arguments: [
        (#""Resource":"arn:aws:kinesisvideo:*:*:stream/gate/*""#, true), (#""Resource":"arn:aws:kinesisvideo:*:*:stream/gat/*""#, false),
        (#""Resource":"arn:aws:kinesisvideo:*:*:stream/Gate/*""#, false), (#""Resource":"arn:aws:kinesisvideo:*:*:channel/*""#, false),
        (#""Resource":"arn:aws:*:*:*:*""#, true), (#""Resource":"arn:aws:kinesisvideo:eu-west-?:111122223333:stream/g*e/170*""#, true),
        (#""NotResource":"arn:aws:kinesisvideo:*:*:channel/*""#, true), (#""NotResource":"arn:aws:kinesisvideo:*:*:stream/*""#, false),
    ])
    func resources(_ resource: String, _ isAllowed: Bool) throws {
        #expect(try Self.decision([Self.document(resource: resource)]).isAllowed == isAllowed)
    }

    @Test func `an action on no single resource is one on the star`() throws {
        func isAllowed(_ resource: String) throws -> Bool {
            try Self.decision([Self.document(resource: #""Resource":"\#(resource)""#)], "kinesisvideo:ListStreams", "*").isAllowed
        }
        #expect(try isAllowed("*"))
        #expect(try !isAllowed("arn:aws:kinesisvideo:*:*:*"))
    }

    /// Each operator with a value that satisfies it, one that does not, and what it says where the key is missing.
    @Test(arguments: [
        (#"{"StringEquals":{"k:k":["a","b*"]}}"#, ["b*"], ["bc", "A"], false),
        (#"{"StringNotEquals":{"k:k":["a","b"]}}"#, ["c", "A"], ["a", "b"], true),
        (#"{"StringEqualsIgnoreCase":{"k:k":"aÉ"}}"#, ["Aé"], ["a", "*"], false),
        (#"{"StringNotEqualsIgnoreCase":{"k:k":"a"}}"#, ["b"], ["A"], true),
        (#"{"StringLike":{"k:k":["a*c","?"]}}"#, ["abbc", "ac", "x"], ["Ac", "acd"], false),
        (#"{"StringNotLike":{"k:k":["a*c","?"]}}"#, ["Ac", "acd"], ["abbc", "x"], true),
        (#"{"NumericEquals":{"k:k":5}}"#, ["5", "5.0"], ["6", "five", "0x5"], false),
        (#"{"NumericNotEquals":{"k:k":["5",6]}}"#, ["7"], ["5", "6.0"], true),
        (#"{"NumericLessThan":{"k:k":"5"}}"#, ["4.9", "-1e3"], ["5", "nan"], false),
        (#"{"NumericLessThanEquals":{"k:k":"5"}}"#, ["5"], ["5.1"], false),
        (#"{"NumericGreaterThan":{"k:k":"5"}}"#, ["5.1"], ["5"], false),
        (#"{"NumericGreaterThanEquals":{"k:k":"5"}}"#, ["5"], ["4"], false),
        (#"{"DateEquals":{"k:k":"2026-01-31T12:00:00Z"}}"#, ["2026-01-31T13:00:00+01:00", "1769860800"], ["2026-01-31"], false),
        (#"{"DateNotEquals":{"k:k":"2026-01-31"}}"#, ["2026-02-01"], ["2026-01-31T00:00:00Z"], true),
        (#"{"DateLessThan":{"k:k":"2026-01-31"}}"#, ["2026-01-30T23:59:59.999Z"], ["2026-01-31", "never"], false),
        (#"{"DateLessThanEquals":{"k:k":"2024-02-29"}}"#, ["2024-02-29"], ["2024-03-01"], false),
        (#"{"DateGreaterThan":{"k:k":"1969-12-31T23:59:59Z"}}"#, ["0", "1970-01-01T00:00Z"], ["-2"], false),
        (#"{"DateGreaterThanEquals":{"k:k":1000}}"#, ["1970-01-01T00:16:40Z"], ["999"], false),
        (#"{"Bool":{"k:k":true}}"#, ["true", "True"], ["false", "1"], false),
        (#"{"Bool":{"k:k":"false"}}"#, ["false"], ["true"], false),
        (
            #"{"IpAddress":{"k:k":["10.0.0.0/8","2001:db8::/32"]}}"#, ["10.255.0.1", "2001:db8:1::5", "::ffff:10.1.2.3"],
            ["11.0.0.1", "2001:db9::"],
            false
        ),
        (#"{"IpAddress":{"k:k":"203.0.113.7"}}"#, ["203.0.113.7"], ["203.0.113.8", "x"], false),
        (#"{"NotIpAddress":{"k:k":"10.0.0.0/8"}}"#, ["11.0.0.1"], ["10.0.0.1"], true),
        (#"{"IpAddress":{"k:k":"0.0.0.0/0"}}"#, ["1.2.3.4", "::ffff:1.2.3.4"], ["2001:db8::1"], false),
        (#"{"IpAddress":{"k:k":"::/0"}}"#, ["2001:db8::1"], ["1.2.3.4", "::ffff:1.2.3.4"], false),
        (
            #"{"ArnLike":{"k:k":"arn:aws:iot:*:*:thing/h*"}}"#, ["arn:aws:iot:eu-west-1:1:thing/hub"],
            ["arn:aws:iot:a:b:c:thing/hub", "hub"], false
        ),
        (#"{"ArnEquals":{"k:k":"arn:aws:iot:*:1?:thing/*"}}"#, ["arn:aws:iot::12:thing/a:b"], ["arn:aws:iot::1:thing/a"], false),
        (#"{"ArnNotLike":{"k:k":"arn:aws:iot:*:*:thing/*"}}"#, ["arn:aws:iot:a:b:other"], ["arn:aws:iot:a:b:thing/"], true),
        (#"{"ArnNotEquals":{"k:k":"arn:aws:iot:*:*:*"}}"#, ["arn:aws:s3:::b"], ["arn:aws:iot:a:b:c"], true),
    ])
    func operators(_ condition: String, _ like: [String], _ unlike: [String], _ whereMissing: Bool) throws {
        for value in like { #expect(try Self.holds(condition, ["k:k": [value]]), "\(value)") }
        for value in unlike { #expect(try !Self.holds(condition, ["k:k": [value]]), "\(value)") }
        #expect(try Self.holds(condition, [:]) == whereMissing)
        #expect(try Self.holds(condition, ["k:k": []]) == whereMissing)
        let name = try #require(condition.firstMatch(of: /"(\w+)"/)).1
        let ifExists = condition.replacing("\"\(name)\"", with: "\"\(name)IfExists\"")
        #expect(try Self.holds(ifExists, [:]))
        for value in like { #expect(try Self.holds(ifExists, ["K:K": [value]])) }
        for value in unlike { #expect(try !Self.holds(ifExists, ["k:k": [value]])) }
    }

    @Test func `null asks whether there is a key`() throws {
        for (wanted, present, missing) in [("true", false, true), ("false", true, false), (#"["true",false]"#, true, true)] {
            #expect(try Self.holds(#"{"Null":{"k:k":\#(wanted)}}"#, ["k:k": [""]]) == present)
            #expect(try Self.holds(#"{"Null":{"k:k":\#(wanted)}}"#, [:]) == missing)
        }
    }

    @Test(arguments: [
        // No values, some that match and some that do not, all that match, none that matches.
        ("ForAllValues:StringEquals", [true, false, true, false]), ("ForAnyValue:StringEquals", [false, true, true, false]),
        ("ForAllValues:StringNotEquals", [true, false, false, true]), ("ForAnyValue:StringNotEquals", [false, true, false, true]),
        ("ForAnyValue:StringLikeIfExists", [true, true, true, false]), ("ForAllValues:StringLikeIfExists", [true, false, true, false]),
        ("StringEquals", [false, true, true, false]), ("StringNotEquals", [true, false, false, true]),
    ])
    func quantifiers(_ name: String, _ expected: [Bool]) throws {
        let condition = #"{"\#(name)":{"aws:TagKeys":["a","b"]}}"#
        let values: [[String]] = [[], ["a", "c"], ["b", "a"], ["c", "d"]]
        for (values, expected) in zip(values, expected) {
            #expect(try Self.holds(condition, ["aws:TagKeys": values]) == expected, "\(values)")
        }
    }

    @Test func `all operators and all keys must hold`() throws {
        let both = #"{"StringEquals":{"k:a":"1","k:b":"2"},"Bool":{"k:c":"true"}}"#
        #expect(try Self.holds(both, ["k:a": ["1"], "k:b": ["2"], "k:c": ["true"]]))
        #expect(try !Self.holds(both, ["k:a": ["1"], "k:b": ["3"], "k:c": ["true"]]))
        #expect(try !Self.holds(both, ["k:a": ["1"], "k:b": ["2"], "k:c": ["false"]]))
    }

    @Test func variables() throws {
        func isAllowed(_ pattern: String, _ name: String, _ context: KeyValuePairs<String, [String]>, version: String = "2012-10-17") throws
            -> Bool
        {
            let document = Self.document(resource: #""Resource":"arn:aws:kinesisvideo:*:*:stream/\#(pattern)/*""#)
                .replacing("2012-10-17", with: version)
            return try Self.decision([document], "kinesisvideo:PutMedia", "arn:aws:kinesisvideo:r:1:stream/\(name)/5", context).isAllowed
        }
        #expect(try isAllowed("${aws:username}", "gate", ["aws:username": ["gate"]]))
        #expect(try isAllowed("a-${AWS:UserName}-*", "a-gate-1", ["aws:username": ["gate"]]))
        #expect(try !isAllowed("${aws:username}", "door", ["aws:username": ["gate"]]))
        #expect(try isAllowed("${aws:PrincipalTag/Site}", "north", ["aws:PrincipalTag/site": ["north"]]))
        // What a variable stands for is no pattern.
        #expect(try !isAllowed("${aws:username}", "gate", ["aws:username": ["*"]]))
        #expect(try isAllowed("${aws:username}", "*", ["aws:username": ["*"]]))
        // Without a value, or with several, nothing matches.
        #expect(try !isAllowed("${aws:username}", "", [:]))
        #expect(try !isAllowed("${aws:username}", "gate", ["aws:username": ["gate", "door"]]))
        #expect(try isAllowed("${aws:username, 'nobody'}", "nobody", [:]))
        #expect(try !isAllowed("${aws:username, 'nobody'}", "nobody", ["aws:username": ["gate"]]))
        #expect(try isAllowed("${*}${?}${$}", "*?$", [:]))
        #expect(try !isAllowed("${*}", "gate", [:]))
        // The older version has none.
        #expect(try isAllowed("${aws:username}", "${aws:username}", ["aws:username": ["gate"]], version: "2008-10-17"))
        let condition =
            #"{"StringEquals":{"aws:ResourceTag/owner":"${aws:username}"},"ArnLike":{"k:arn":"arn:aws:iot:*:*:thing/${aws:username}"}}"#
        #expect(
            try Self.holds(condition, ["aws:resourcetag/Owner": ["a:b"], "aws:username": ["a:b"], "k:arn": ["arn:aws:iot:r:1:thing/a:b"]]))
        #expect(try !Self.holds(condition, ["aws:ResourceTag/owner": ["gate"], "k:arn": ["arn:aws:iot:r:1:thing/"]]))
        #expect(
            try Self.holds(
                #"{"StringEqualsIgnoreCase":{"k:k":"X${aws:username}"}}"#, ["k:k": ["xGATE"], "aws:username": ["Gate"]]))
    }

    /// A mistake, and where it is: the text has a caret before the place.
    @Test(arguments: [
        ("^[]", "a policy is an object"), (#"^{"Version":"2012-10-17"}"#, "Statement is missing"), (#"{"Statement":^[]}"#, "an empty list"),
        (#"{"Version":^"2012","Statement":[]}"#, "Version is 2012-10-17"), (#"{^"Statements":[]}"#, "no Statements"),
        ("{\n \"Statement\" : [ {},\n^]}", "not JSON"), (#"{"Statement":[^{"Effect":"Allow"}]}"#, "Action, or NotAction, is missing"),
        (#"{"Statement":{"Effect":^"allow"}}"#, "Effect is Allow or Deny"),
        (#"{"Statement":^{"Action":"*","Resource":"*"}}"#, "Effect is missing"),
        (#"{"Statement":[{"Effect":"Allow","Action":["*",^"kinesisvideo"],"Resource":"*"}]}"#, "an action is *"),
        (#"{"Statement":[{"Effect":"Allow","Action":"*",^"NotAction":"*","Resource":"*"}]}"#, "either Action or NotAction"),
        (#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":{"a":[1,{"b":"\""}]} , ^"Principal":"*"}]}"#, "no Principal"),
        (#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":[^"arn:aws:kinesisvideo:*"]}]}"#, "an ARN of six parts"),
        (#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":^"arn:aws:a:b:c:${aws:username"}}"#, "has no }"),
        (#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":^"arn:aws:a:b:c:${}"}}"#, "names no variable"),
        (#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{^"StringEqual":{"a:b":"c"}}}]}"#, "no operator"),
        (#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{^"NullIfExists":{"a:b":"true"}}}]}"#, "no operator"),
        (#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{^"secure":"true"}}}]}"#, "no key of a request"),
        (
            #"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"a:b":["::1",^"10.0.0.0/33"]}}}]}"#,
            "not an address"
        ),
        (
            #"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateLessThan":{"a:b":^"2023-02-29"}}}]}"#,
            "not a date"
        ),
        (
            #"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"a:b":[true,^null]}}}]}"#,
            "a string, a number"
        ),
        (
            #"{"Statement":[{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"},^{"Sid":"a","Effect":"Deny","Action":"*","Resource":"*"}]}"#,
            "twice"
        ),
    ])
    func mistakes(_ marked: String, _ message: String) throws {
        let before = marked.prefix { $0 != "^" }
        let document = marked.replacing("^", with: "")
        let mistake = #expect(throws: PolicyMistake.self) { try Policy("p", document) }
        #expect(mistake?.message.contains(message) == true, "\(String(describing: mistake))")
        let lines = before.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(mistake?.line == lines.count && mistake?.column == (lines.last?.utf8.count ?? 0) + 1, "\(String(describing: mistake))")
    }

    @Test func `a mistake has the way to it`() {
        let mistake = #expect(throws: PolicyMistake.self) {
            try Policy("p", Self.document(#""Condition":{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","x"]}}"#))
        }
        #expect(mistake?.path == "Statement.Condition.IpAddress.aws:SourceIp[1]")
    }

    @Test func `documents are bounded`() {
        let long = Self.document(action: #""Action":["kinesisvideo:"# + String(repeating: "a", count: Policy.maximumCharacters) + #""]"#)
        #expect(throws: PolicyMistake.self) { try Policy("p", long) }
        #expect(throws: Never.self) { try Policy("p", Self.document() + String(repeating: " ", count: 20_000)) }
        #expect(throws: PolicyMistake.self) { try Policy("p", Self.document() + String(repeating: " ", count: 40_000)) }
        #expect(throws: PolicyMistake.self) { try Policy("p", String(repeating: "[", count: 6000)) }
    }

    @Test func `what is asked of a resource is known before`() throws {
        func needs(_ document: String, of action: String = "kinesisvideo:PutMedia") throws -> PolicySet.Needs {
            PolicySet([try Policy("p", document)]).needs(of: action)
        }
        #expect(try needs(Self.document()) == PolicySet.Needs())
        let tagged = Self.document(#""Condition":{"StringEquals":{"aws:ResourceTag/a":"b"}}"#, action: #""Action":"kinesisvideo:Put*""#)
        #expect(try needs(tagged).resourceTags)
        #expect(try !needs(tagged, of: "kinesisvideo:GetMedia").resourceTags)
        #expect(try needs(Self.document(#""Condition":{"StringEquals":{"k:k":"${aws:ResourceTag/a}"}}"#)).resourceTags)
        for (pattern, looks) in [
            ("stream/gate/*", false), ("stream/g*", false), ("*", false), ("stream/gate/1*", true), ("stream/gate/17", true),
            ("stream/gate/?*", true),
            ("stream/${aws:username}*", true), ("stream/${aws:username}/*", false), ("stream/gate7*", true),
        ] {
            let document = Self.document(resource: #""Resource":"arn:aws:kinesisvideo:*:*:\#(pattern)""#)
            #expect(try needs(document).creationTime == looks, "\(pattern)")
        }
    }
}
