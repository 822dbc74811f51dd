extension ErrorCode {
    /// When it is answered, for the documents.
    var documentation: String {
        switch self {
        case .accessDenied:
            "The caller may not do this: the resource is of another account, whether or not it exists; a web page of an origin that is not "
                + "allowed; an edge operation in the region af-south-1; a key that is bound to a device called the control plane or spoke "
                + "of another device; a key that is not called the API of edge agents."
        case .accountChannelLimitExceeded: "The account has as many signaling channels in the region as it may have."
        case .accountStreamLimitExceeded: "The account has as many streams in the region as it may have."
        case .clientLimitExceeded:
            "Too many calls of this operation in the current second, by the account or about the resource, where the deployment keeps to "
                + "the documented rates. The AWS SDKs do not repeat such a call by themselves."
        case .connectionLimitExceeded:
            "As many connections are open to the stream as the deployment takes of this kind, where it keeps to the documented limits."
        case .deviceStreamLimitExceeded, .invalidDevice, .invalidEndpoint, .notAuthorized, .invalidClient, .sessionExpired:
            "Declared by the API, never sent."
        case .invalidArgument:
            "The input is well formed, but breaks a rule that the schema cannot state: see the operation's description."
        case .invalidResourceFormat:
            "StreamARN is not the ARN of a stream, or of another region than the one that the request is signed for."
        case .invalidCodecPrivateData:
            "The codec private data of a track is not what its codec demands, or changes where it may not."
        case .invalidMediaFrame: "A frame cannot be read by the rules of its codec."
        case .missingCodecPrivateData: "A track that cannot be played without codec private data has none."
        case .unsupportedStreamMediaType:
            "A track is of a codec that cannot be played in the form that was asked for, there is none to play, or tracks change."
        case .noDataRetention: "The call enables or reads something that needs stored media, on a stream with a retention of 0 hours."
        case .resourceInUse:
            "The name belongs to another resource, the resource has a status in which this cannot be done (the message says which), it is "
                + "mapped to another one already, or others change it at the same moment."
        case .resourceNotFound:
            "There is no such resource in the account and region, the ARN is of an earlier one with the same name, or it is DELETING and "
                + "the operation needs one that lasts."
        case .streamEdgeConfigurationNotFound:
            "The stream exists but has no edge configuration; an edge agent gets it for every stream that is not its device's, too."
        case .tagsPerResourceExceededLimit: "The resource would have more than 50 tags after the change, of which nothing was done."
        case .versionMismatch:
            "The resource has another version than CurrentVersion, or the edge configuration another revision: describe or fetch it again."
        case .validation: "Constraints of the schema are broken. The message lists every one of them, with its place and the value."
        case .serialization:
            "The body is not one JSON object, names a member twice, or a value has the wrong JSON type. It comes before any constraint is "
                + "looked at."
        case .throttling: "The account sends more requests than this deployment protects itself against. The AWS SDKs repeat such a call."
        case .unknownOperation: "No operation has this path; paths are case-sensitive."
        case .methodNotAllowed: "The path is of an operation, but the method is not POST."
        case .malformedHTTPRequest: "The request is not readable as HTTP, or has a Content-Encoding."
        case .requestEntityTooLarge: "The body is larger than the server reads: 1 MiB unless configured otherwise."
        case .requestTimeout: "The request did not arrive completely in time."
        case .serviceUnavailable: "The database is away or the server overloaded or stopping. Nothing is wrong with the call: repeat it."
        case .internalFailure: "A fault of the server's own."
        case .missingAuthenticationToken: "The request is not signed."
        case .incompleteSignature: "A part of the signature is missing or malformed."
        case .unrecognizedClient: "The server does not know the access key."
        case .invalidSignature:
            "The signature is not the one calculated, its scope is wrong, or it is of a time more than five minutes ago or ahead: the "
                + "Date of the answer tells the server's."
        case .expiredToken: "The session that the key belongs to is over."
        }
    }

    /// A message as it may be sent; nil where none ever is.
    var exampleMessage: String? {
        switch self {
        case .accessDenied:
            "User: arn:aws:iam::123456789012:user/AKIDEXAMPLE is not authorized to perform: kinesisvideo:DescribeStream on resource: "
                + "arn:aws:kinesisvideo:us-east-1:210987654321:stream/gate-7/1705489836421"
        case .accountChannelLimitExceeded: "The account has 10000 channels in us-east-1, as many as it may have."
        case .accountStreamLimitExceeded: "The account has 10000 streams in us-east-1, as many as it may have."
        case .clientLimitExceeded: "Limit exceeded on number of requests for DescribeStream API"
        case .connectionLimitExceeded: "The stream gate-7 is read by 3 connections, as many as may read it at once."
        case .deviceStreamLimitExceeded, .invalidDevice, .invalidEndpoint, .notAuthorized, .invalidClient, .sessionExpired: nil
        case .invalidArgument: "StreamName or StreamARN is required: name the stream by one of them."
        case .invalidResourceFormat:
            "StreamARN arn:aws:kinesisvideo:us-east-1:123456789012:channel/door-2/1705489836421 is not the ARN of a stream."
        case .invalidCodecPrivateData:
            "The codec private data in at least one of the tracks of the video stream is not valid for this operation."
        case .invalidMediaFrame: "One or more frames in the requested clip could not be parsed based on the specified codec."
        case .missingCodecPrivateData: "Missing codec private data in fragment for track 1."
        case .unsupportedStreamMediaType:
            "The type of the media (for example, h.264 or h.265 video or AAC or G.711 audio) could not be determined from the codec IDs of "
                + "the tracks in the first fragment for a playback session. The codec ID for track 1 should be V_MPEG/ISO/AVC and, "
                + "optionally, the codec ID for track 2 should be A_AAC."
        case .noDataRetention: "The stream gate-7 has a retention of 0 hours, and image generation needs media that is kept."
        case .resourceInUse: "The stream gate-7 is UPDATING: try again once it is ACTIVE."
        case .resourceNotFound: "The requested stream is not found or not active."
        case .streamEdgeConfigurationNotFound: "The stream gate-7 has no edge configuration."
        case .tagsPerResourceExceededLimit: "The stream gate-7 would have more than 50 tags, the most that a stream may have."
        case .versionMismatch: "The stream gate-7 does not have the version davN9FKg4vjyKdCSs0f4 any more."
        case .validation:
            "1 validation error detected: Value 'gate 7' at 'streamName' failed to satisfy constraint: Member must satisfy regular "
                + "expression pattern: [a-zA-Z0-9_.-]+"
        case .serialization: "The value at 'streamName' must be a string, not a number."
        case .throttling: "Rate exceeded"
        case .unknownOperation: "There is no operation at /createstream: paths are case-sensitive, as in /describeStream."
        case .methodNotAllowed: "DescribeStream is called by POST, not GET."
        case .malformedHTTPRequest: "The request body cannot be read as HTTP."
        case .requestEntityTooLarge: "The request body is larger than 1048576 bytes, the most that is read."
        case .requestTimeout: "The request did not arrive within 30 seconds."
        case .serviceUnavailable: "The service is temporarily unavailable. Try again."
        case .internalFailure: "The request cannot be processed because of an internal failure."
        case .missingAuthenticationToken: "Missing Authentication Token"
        case .incompleteSignature: "Authorization header requires 'Signature' parameter."
        case .unrecognizedClient: "The security token included in the request is invalid."
        case .invalidSignature:
            "Signature expired: 20240117T111036Z is now earlier than 20240117T112000Z (20240117T112500Z - 5 min.)"
        case .expiredToken: "The security token included in the request is expired"
        }
    }
}
