/// A key of the configuration: a flag, a variable of the environment and a member of the file. `weir serve --help`, `weir config list` and
/// `docs/configuration.md` have them in the order of `all`.
package struct ConfigurationKey: Sendable {
    package let name: String
    package let fallback: String
    package let help: String
    /// Whether the value may hold a password.
    package let isSecret: Bool

    init(_ name: String, _ fallback: String, _ help: String, isSecret: Bool = false) {
        self.name = name
        self.fallback = fallback
        self.help = help
        self.isSecret = isSecret
    }

    /// What it is called in the environment.
    package var environmentName: String { "WEIR_" + name.uppercased().split(separator: "-").joined(separator: "_") }

    package static let all: [ConfigurationKey] = [
        .init("host", "127.0.0.1", "Address to listen on."),
        .init("port", "7080", "Port to listen on; 0 takes a free one."),
        .init(
            "roles", "control,media,archive,signaling,worker",
            "What this instance does, separated by commas: control (or api) answers calls, media takes and sends video, archive answers "
                + "for what is kept of it, signaling holds WebSockets, worker does what happens later."),
        .init("data-dir", "./weir-data", "Folder of the database (SQLite), the master key and the first credentials."),
        .init("media-dir", "", "Folder of media, of this instance alone; empty: media in the data folder."),
        .init(
            "media-store", "",
            "Where media is that all instances share: s3://BUCKET/PREFIX of an S3-compatible store, or file:/FOLDER; empty: in media-dir."),
        .init("media-store-endpoint", "", "https://HOST:PORT of the store; empty: AWS."),
        .init("media-store-region", "", "Region that calls to the store are signed for; empty: that of region."),
        .init("media-store-access-key-id", "", "Access key of the store."),
        .init("media-store-secret-access-key", "", "Its secret.", isSecret: true),
        .init("media-store-ca-file", "", "PEM file of authorities that the store may use in place of the system's."),
        .init(
            "media-store-warm-class", "", "Storage class of media in the storage tier WARM, such as STANDARD_IA; empty: the bucket's own."),
        .init("media-cache-bytes", "1073741824", "Bytes of media-dir for media of the store that was written or read lately."),
        .init("warm-dir", "", "Folder of media in the storage tier WARM, on a cheaper disk; empty: beside that in HOT."),
        .init(
            "disk-full", "refuse",
            "When the reserve of a media disk is reached: refuse takes no more media; oldest removes the oldest, of whatever stream."),
        .init(
            "media-reserve-bytes", "",
            "Bytes of a media disk that are left free; empty: a twentieth of it or 10 GiB, whichever is more, but at most a fifth."),
        .init("media-quota-bytes", "", "Bytes of media that an account may have stored; empty: any number."),
        .init("frames", "", "The program weir-frames, which makes images of video; empty: the one beside this program, if it is there."),
        .init("frames-processes", "", "How many of it may run at one time: 1 to 64; empty: as many as there are processors, 4 at most."),
        .init(
            "image-dir", "", "Folder in which image generation may write, for destinations that are file://FOLDER/PREFIX; empty: nowhere."),
        .init("image-store-endpoint", "", "https://HOST:PORT of the store of destinations that are s3://BUCKET/PREFIX; empty: AWS."),
        .init("image-store-region", "", "Region that calls to it are signed for; empty: that of the destination."),
        .init("image-store-access-key-id", "", "Access key of that store: it decides which buckets can be written to."),
        .init("image-store-secret-file", "", "File with its secret."),
        .init("image-store-ca-file", "", "PEM file of authorities that the store may use in place of the system's."),
        .init("image-retry-hours", "24", "For how long images of a fragment are tried to be made and stored, before they are given up."),
        .init("database", "sqlite", "sqlite, sqlite:PATH, or a libpq URL or key/value string for Postgres 15 or newer.", isSecret: true),
        .init("postgres-connections", "4", "Connections to Postgres, each with a thread: 1 to 64."),
        .init("postgres-prepared-statements", "true", "false for poolers in transaction mode."),
        .init("master-key-file", "", "32 random bytes, the same for all instances; empty: master.key in the data folder."),
        .init("account", "123456789012", "Account of the first access key, and of everybody with auth none."),
        .init("region", "us-east-1", "Region of the first credentials, and of everybody with auth none."),
        .init("allowed-regions", "", "Regions that signatures may name, separated by commas; empty: any."),
        .init("auth", "sigv4", "sigv4, or none: no signatures, allowed on loopback only."),
        .init("tls-certificate", "", "PEM file of the certificate chain; with tls-key, TLS is served."),
        .init("tls-key", "", "PEM file of the private key."),
        .init(
            "plain-http-beyond-loopback", "false",
            "Whether calls and video may come unencrypted from other machines: true where TLS ends at a balancer, or the network is trusted."
        ),
        .init(
            "device-bind", "",
            "ADDRESS:PORT where devices get temporary credentials for their certificates, over TLS (weir things); empty: nowhere."),
        .init("connections", "", "Connections of clients at one time; empty: as many as open files allow, 10000 at most."),
        .init("connections-per-address", "", "Those that one address may have; empty: half of all."),
        .init(
            "trusted-proxies", "",
            "Addresses and networks of balancers, such as 10.0.0.0/8, separated by commas; they may have any number of connections."),
        .init(
            "failed-signatures", "1000",
            "Signatures that failed of one address: a tenth of them at once are answered late, more are refused, and a hundredth is forgiven each second."
        ),
        .init("client-idle-seconds", "75", "How long a connection may be open without a request."),
        .init("client-arrival-seconds", "30", "How long a request may take to arrive, once its head is there."),
        .init("client-unread-seconds", "30", "How long a client may take nothing of an answer."),
        .init("cors-origins", "", "Origins of web pages that may call, separated by commas; * for all."),
        .init(
            "playback-origins", "*",
            "Origins of web pages that may play what the address of a session leads to, separated by commas; * for all."),
        .init(
            "advertised-data", "echo",
            "URL told for PutMedia and GetMedia; echo: the address that the client used; instance: that of the instance that receives the stream."
        ),
        .init("advertised-archive", "echo", "URL told for archived media; echo: the address that the client used."),
        .init(
            "advertised-wss", "echo",
            "URL told for signaling by web sockets, {role} in it becomes m or v; echo: the address that the client used."),
        .init("advertised-https", "echo", "URL told for signaling by requests; echo: the address that the client used."),
        .init("advertised-webrtc", "echo", "URL told for sessions whose media is stored; echo: the address that the client used."),
        .init(
            "instance-address", "",
            "URL at which clients reach this very instance, for advertised addresses that are `instance`; empty: none."),
        .init(
            "link-bind", "",
            "ADDRESS:PORT where the other instances reach this one, over TLS; empty: the server's address, any free port; none: they do not."
        ),
        .init("link-address", "", "HOST:PORT told to the other instances; empty: that of link-bind, or for 0.0.0.0 the machine's name."),
        .init(
            "turn-servers", "",
            "TURN servers that peers are told, each its URIs with commas between them, and semicolons between servers; empty: none."),
        .init("turn-secret-file", "", "File with the secret that is shared with the TURN servers, as coturn's static-auth-secret."),
        .init(
            "stun-bind", "", "ADDRESS:PORT where STUN is answered, by UDP; empty: address and port of the server; none: nowhere."),
        .init("profile", "relaxed", "aws: the documented quotas and rates; relaxed: none of them."),
        .init(
            "put-media-seconds", "", "How long a connection of PutMedia may be open; empty: as the profile says (45 minutes, or any time)."),
        .init(
            "put-media-idle-seconds", "30", "How long a producer may send nothing."),
        .init(
            "fragment-seconds", "", "How long a fragment may be; empty: as the profile says (20 seconds, or any time)."),
        .init(
            "fragment-megabytes", "50", "How large a fragment may be, in MiB: 1 to 1024."),
        .init(
            "get-media-idle-seconds", "3", "How long GetMedia waits for something to send before it ends; 0: for ever."),
        .init("stream-quota", "", "Streams an account may have in a region; empty: as the profile says."),
        .init("channel-quota", "", "Signaling channels an account may have in a region; empty: as the profile says."),
        .init("protective-rate", "", "Requests a second that an account may make of this instance; empty: any number."),
        .init("minimum-creating-ms", "0", "How long streams and channels stay CREATING at least, in milliseconds."),
        .init("minimum-updating-ms", "0", "How long streams and channels stay UPDATING at least, in milliseconds."),
        .init("minimum-deleting-ms", "0", "How long streams and channels stay DELETING at least, in milliseconds."),
        .init("edge-timeout-seconds", "900", "How long an edge agent may be silent about a configuration before it has failed."),
        .init(
            "event-retention-hours", "168",
            "Hours for which events, and what became of their deliveries, are kept; what waits is kept longer."),
        .init("delivery-networks", "public", "Where webhooks may lead, separated by commas: public, and networks such as 10.20.0.0/16."),
        .init("delivery-allow-http", "false", "Whether webhooks may be http:// URLs, without TLS."),
        .init("delivery-ca-file", "", "PEM file of authorities that receivers may use besides the system's."),
        .init("delivery-timeout-seconds", "15", "How long a receiver may take to answer."),
        .init("delivery-attempts", "15", "How often an event is attempted before it is given up."),
        .init("delivery-pause-hours", "120", "How long a destination may do nothing but fail before it is paused."),
        .init("sns-endpoint", "", "URL at which topics are published to; empty: AWS, in the topic's region."),
        .init("sns-access-key-id", "", "Access key that publishing to topics is signed with."),
        .init("sns-secret-access-key", "", "Its secret.", isSecret: true),
        .init("sns-session-token", "", "Its session token, where the key is a temporary one.", isSecret: true),
        .init(
            "lifecycle-notifications", "false",
            "Whether the topics of streams are told what happens to the stream, besides of its fragments."),
        .init(
            "destination-limit", "100", "How many destinations the notification configurations of an account may name in a region."),
        .init(
            "outbox-limit", "1000000", "How many events of an account may wait for their destinations before its changes are refused."),
        .init("drain-seconds", "0", "How long to answer as before, but not ready, after SIGTERM."),
        .init("viewer-events", "false", "Whether events tell of each viewer that connects to a signaling channel or leaves."),
        .init(
            "signaling-reconnect-ice", "false",
            "Whether clients are told RECONNECT_ICE_SERVER where a TURN server stops answering; those that offer a sub-protocol never are."),
        .init("signaling-grace-seconds", "60", "How long WebSockets may take to go to another instance when stopping."),
        .init("stop-seconds", "10", "How long requests in flight may take to finish when stopping."),
        .init("log-level", "info", "trace, debug, info, notice, warning, error or critical."),
        .init("log-requests", "true", "Whether each request gets a line in the log."),
        .init("audit", "none", "Where it is written down who changes what: none, file, table or both."),
        .init("audit-file", "", "The file; empty: audit.jsonl in the data folder."),
        .init("audit-file-bytes", "67108864", "Bytes of the file after which another is begun, as it is each day."),
        .init("audit-retention-days", "365", "Days for which records are kept."),
        .init("audit-failure", "refuse", "While records cannot be written: refuse changes, or make them and count what is lost."),
    ]
}
