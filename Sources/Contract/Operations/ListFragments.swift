/// Answers which fragments of a stream are kept.
public enum ListFragments: Operation {
    public struct Input: Sendable, NamesStream {
        public let fragmentSelector: FragmentSelector?
        public let maxResults: Int?
        public let nextToken: String?
        public let streamARN: String?
        public let streamName: String?
    }

    public struct Output: Sendable {
        public let fragments: [Fragment]
        public let nextToken: String?

        public init(fragments: [Fragment], nextToken: String?) {
            self.fragments = fragments
            self.nextToken = nextToken
        }
    }

    public static let input = structure(
        "ListFragmentsInput", Input.init,
        optional(
            "FragmentSelector", FragmentSelector.shape, \.fragmentSelector, "Which fragments; absent: all that are kept."),
        optional("MaxResults", .long(minimum: 1, maximum: 1000), \.maxResults, "How many the page may have at most; 100 unless given."),
        optional(
            "NextToken", .mediaNextToken, \.nextToken, "Where the page starts: the NextToken of the page before. Absent for the first page."
        ),
        optional("StreamARN", .resourceARN, \.streamARN, Text.mediaStreamARN),
        optional("StreamName", .resourceName, \.streamName, Text.mediaStreamName))

    public static let output: Shape<Output>? = structure(
        "ListFragmentsOutput", Output.init,
        required("Fragments", .list(Fragment.shape), \.fragments, "The fragments of the page, in the order of their numbers."),
        optional("NextToken", .mediaNextToken, \.nextToken, Text.nextTokenOut))

    public static let contract = OperationContract(
        of: Self.self, .archivedMedia, .post("/listFragments"), .reads, area: .archivedMedia, needs: .notDeleting,
        rate: RequestRate(perResource: 5),
        summary: "List the fragments that are kept",
        documentation: """
            Lists the fragments of a stream that start within a range of time, by the clock of the server or of the producer. A fragment is \
            listed from the moment on in which its producer is told PERSISTED, until its retention ends. A range that ends before it starts, \
            and one of server timestamps that ends before the retention begins, are an InvalidArgumentException. A stream that keeps nothing \
            has an empty list. FragmentSelector may be left out with a NextToken, which holds it.
            """,
        errors: [.clientLimitExceeded, .invalidArgument, .notAuthorized, .resourceNotFound],
        links: [
            Link(.listFragments, named: "NextPage", ["NextToken": "$response.body#/NextToken"])
        ],
        exampleRequest: """
            {"FragmentSelector":{"FragmentSelectorType":"SERVER_TIMESTAMP","TimestampRange":{"EndTimestamp":1705489896,\
            "StartTimestamp":1705489836}},"MaxResults":1,"StreamName":"gate-7"}
            """,
        exampleResponse: """
            {"Fragments":[{"FragmentLengthInMilliseconds":1960,\
            "FragmentNumber":"91343852333181432412489103236310005892133364608","FragmentSizeInBytes":251904,\
            "ProducerTimestamp":1705489836.312,"ServerTimestamp":1705489836.421}],"NextToken":"cGFnZS0y"}
            """)
}
