import Store

/// The policies that Weir brings along. One is put into an account when it is first asked for there, and can be changed from then on.
enum ReadyMadePolicy: String, CaseIterable {
    /// Sends the media of the stream, and answers as the master of the channel, that have the name of the user or the device.
    case camera
    /// Looks at everything, live and archived, and changes nothing.
    case viewer
    /// Does everything but delete.
    case `operator`
    /// Sees what there is and how it is set up, and no media.
    case auditor

    var document: String {
        switch self {
        case .camera:
            """
            {
              "Version": "2012-10-17",
              "Statement": [
                {
                  "Sid": "OwnStream",
                  "Effect": "Allow",
                  "Action": [
                    "kinesisvideo:DescribeStream", "kinesisvideo:GetDataEndpoint", "kinesisvideo:PutMedia", "kinesisvideo:CreateStream"
                  ],
                  "Resource": [
                    "arn:*:kinesisvideo:*:*:stream/${aws:username}/*", "arn:*:kinesisvideo:*:*:stream/${credentials-iot:ThingName}/*"
                  ]
                },
                {
                  "Sid": "OwnChannel",
                  "Effect": "Allow",
                  "Action": [
                    "kinesisvideo:DescribeSignalingChannel", "kinesisvideo:DescribeMediaStorageConfiguration",
                    "kinesisvideo:GetSignalingChannelEndpoint", "kinesisvideo:GetIceServerConfig", "kinesisvideo:ConnectAsMaster",
                    "kinesisvideo:JoinStorageSession", "kinesisvideo:CreateSignalingChannel"
                  ],
                  "Resource": [
                    "arn:*:kinesisvideo:*:*:channel/${aws:username}/*", "arn:*:kinesisvideo:*:*:channel/${credentials-iot:ThingName}/*"
                  ]
                }
              ]
            }
            """
        case .viewer:
            """
            {
              "Version": "2012-10-17",
              "Statement": [
                {
                  "Sid": "Look",
                  "Effect": "Allow",
                  "Action": [
                    "kinesisvideo:Describe*", "kinesisvideo:List*", "kinesisvideo:Get*", "kinesisvideo:ConnectAsViewer",
                    "kinesisvideo:JoinStorageSessionAsViewer", "kinesisvideo:SendAlexaOfferToMaster"
                  ],
                  "Resource": "*"
                }
              ]
            }
            """
        case .operator:
            """
            {
              "Version": "2012-10-17",
              "Statement": [
                { "Sid": "Everything", "Effect": "Allow", "Action": "kinesisvideo:*", "Resource": "*" },
                { "Sid": "ButDelete", "Effect": "Deny", "Action": "kinesisvideo:Delete*", "Resource": "*" }
              ]
            }
            """
        case .auditor:
            """
            {
              "Version": "2012-10-17",
              "Statement": [
                {
                  "Sid": "WhatThereIs",
                  "Effect": "Allow",
                  "Action": ["kinesisvideo:Describe*", "kinesisvideo:ListStreams", "kinesisvideo:ListSignalingChannels",
                    "kinesisvideo:ListTags*", "kinesisvideo:ListEdgeAgentConfigurations"],
                  "Resource": "*"
                }
              ]
            }
            """
        }
    }

    /// Puts the policy of this name into an account, if it is a ready-made one and the account has none of its name.
    static func provide(_ name: String, account: String, _ store: Store) async throws {
        guard let policy = ReadyMadePolicy(rawValue: name), try await store.policy(account: account, name: name) == nil else { return }
        try await store.putPolicy(account: account, name: name, document: policy.document)
    }
}
