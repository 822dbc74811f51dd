extension OpenAPIDocument {
    /// What a client has to know of an API as a whole, in Markdown.
    static func guide(to api: API) -> String {
        switch api {
        case .controlPlane: [requests, refusals, answers, resources, states, paging, retries, edgeStates].joined(separator: "\n\n")
        case .edgeAgent: [agents, requests, refusals, answers, edgeStates].joined(separator: "\n\n")
        case .media: [media, streamedBodies, refusals, answers].joined(separator: "\n\n")
        case .archivedMedia: [media, requests, refusals, answers].joined(separator: "\n\n")
        case .signaling: [webSockets, requests, refusals, answers].joined(separator: "\n\n")
        }
    }

    private static let requests = """
        **Requests.** Every operation is a POST of one JSON object in UTF-8 to its own path; paths are case-sensitive, and any other \
        method is 405 MethodNotAllowedException, any other path 404 UnknownOperationException. An empty body means `{}`, a body may have 1 \
        MiB, and arrays and objects may be 32 deep. Any Content-Type is taken, and none; a Content-Encoding is refused. Members that an \
        operation does not know are ignored. `null` means that a member is absent, although the schemas name one type only; it breaks the \
        rule of a required member, of an element of a list and of a value of a map. Lengths of strings count Unicode scalars, patterns \
        match the whole string, `\\w` and `\\d` are ASCII, and a dot is anything but a line terminator (U+000A, U+000D, U+0085, U+2028, \
        U+2029).
        """

    private static let refusals = """
        **Refusals, in their order.** Size, time and form of the HTTP request; the signature; the path and method; malformed JSON or a \
        wrong JSON type (SerializationException: a member given twice, a number where a boolean is asked for, a fraction or more than 32 \
        bits where an integer is; `24.0` is an integer); every broken constraint of the schema at once (one ValidationException: `2 \
        validation errors detected: Value 'a b' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression \
        pattern: [a-zA-Z0-9_.-]+; Value ...`, where a path names members with a small first letter, elements as `list.1.member`, keys as \
        `map.key`, values as `map.KEY.value`); how the resource is named; rates; rules that the input alone breaks; then whether the \
        resource exists, its status, its version, and what it needs besides. Values that the schema marks `x-weir-sensitive` are repeated \
        in no message. A refused call has changed nothing, save that a ServiceUnavailable may leave it open: repeat the call.
        """

    private static let answers = """
        **Answers.** A success is 200, with a body where the operation has an output and none (zero bytes) where it has not; members \
        without a value are left out. An error has its type in the header x-amzn-ErrorType and says in `Message` what is wrong; the errors \
        of the signature say it in `message`. Every answer has x-amzn-RequestId and a Date that clients may set their clocks by. Times are \
        seconds since the epoch with up to three decimals.
        """

    private static let resources = """
        **Resources.** The account comes from the access key, the region from the signature. A name is unique among the streams, or among \
        the channels, of an account and region; a stream and a channel may have the same one. An ARN ends in the time of creation, in \
        milliseconds, and names one incarnation: after a deletion it stays unknown, even when the name is used again. An ARN of another \
        account is denied, whether or not there is such a resource. What was acknowledged is visible to every later call, and survives.
        """

    private static let states = """
        **Status.** A stream or channel is CREATING, then ACTIVE; each accepted update takes it to UPDATING and back; an accepted deletion \
        to DELETING, in which it is still described and listed and its name stays taken, and then it is gone with its tags and \
        configurations. All this happens by itself, normally within moments. The version is new after each accepted update of the resource \
        itself; tags, changes of status, and the image, notification, media storage and edge configurations leave it as it is.
        """

    private static let paging = """
        **Pages.** A list goes by name, in byte order. Where it has more, the answer has a NextToken: pass it with the same condition to \
        go on. A page begins after the last name of the page before, so resources that come and go meanwhile neither repeat nor hide \
        others.
        """

    private static let retries = """
        **Retries.** A change that is sent again with the same header amz-sdk-invocation-id, key and body within ten minutes is answered \
        as the first time and not made twice, so that a client whose connection broke may repeat it.
        """

    private static let agents = """
        **Who calls.** The agent of one device, with an access key that is bound to the device's ARN (`weir keys create --thing ARN`). \
        Such a key may call these operations only, and with its own HubDeviceArn only; a key that is not bound to a device may not call \
        them (AccessDeniedException either way). An agent fetches, with a list of what it holds and a long wait; acknowledges what it \
        gets; applies or deletes it; reports the result; and reports how its jobs go.
        """

    private static let webSockets = """
        **WebSockets.** Peers meet over WebSockets, which this format cannot describe. A master opens \
        `wss://ENDPOINT/?X-Amz-ChannelARN=ARN` and a viewer the same with `&X-Amz-ClientId=ID`, where ENDPOINT is what \
        GetSignalingChannelEndpoint of the control plane tells; the query is signed by AWS Signature Version 4 for `kinesisvideo`, and \
        X-Amz-Expires may be up to 604800. What is refused is refused before the WebSocket is there, by an answer of the form below. Then both \
        send text messages: `{"action":"SDP_OFFER","recipientClientId":"ID","messagePayload":"BASE64","correlationId":"C"}`, where action \
        is SDP_OFFER, SDP_ANSWER or ICE_CANDIDATE, a viewer names no recipient, and whoever gives a correlationId is told of a failure by \
        a STATUS_RESPONSE.
        """

    private static let media = """
        **Media.** A stream's media is a row of fragments. A fragment is a Matroska cluster with the tags that follow it, and begins with a \
        key frame; it has a number, which tells the order in which fragments begin to arrive, a time by the server's clock and one by the \
        producer's. What was told PERSISTED is kept for as long as the stream's retention says. Where to call is told by GetDataEndpoint of \
        the control plane.
        """

    private static let streamedBodies = """
        **Requests.** PutMedia has its input in headers and a body without end; the signature then says UNSIGNED-PAYLOAD, or is of an empty \
        body. GetMedia takes one JSON object in UTF-8. Both are a POST, and both answer with bytes without end: a success is 200 before \
        anything else is known.
        """

    private static let edgeStates = """
        **Edge configurations.** StartEdgeConfigurationUpdate makes one SYNCING. The agent's acknowledgement makes it ACKNOWLEDGED, its \
        result IN_SYNC or SYNC_FAILED. DeleteEdgeConfiguration makes it DELETING, the acknowledgement DELETING_ACKNOWLEDGED; then the \
        agent's success removes it and a failure makes it DELETE_FAILED. An agent that says nothing for 15 minutes (unless configured \
        otherwise) has failed. In IN_SYNC, SYNC_FAILED and DELETE_FAILED the configuration may be updated or deleted again.
        """
}
