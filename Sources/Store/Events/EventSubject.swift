/// The ARNs under which events tell of what is no resource of the API.
public enum EventSubject {
    /// A limit of an account in a region: `arn:PARTITION:kinesisvideo:REGION:ACCOUNT:limit/NAME`.
    public static func limit(_ name: String, account: String, region: String) -> String {
        "arn:\(Partition.of(region)):kinesisvideo:\(region):\(account):limit/\(name)"
    }

    /// What follows the ARN of a stream, where the event is about who sends it media, about its fragments, and about images of them. Each
    /// has an order of its own.
    static let sessions = "/media"
    static let fragments = "/fragments"
    static let images = "/images"

    /// A disk or a pack of this deployment's media: `arn:aws:kinesisvideo:::disk/hot`.
    public static func media(_ name: String) -> String { "arn:\(Partition.of("")):kinesisvideo:::\(name)" }

    /// Somewhere events go. Region and account are empty where it is for all.
    public static func destination(_ destination: DestinationRecord) -> String {
        let region = destination.region ?? ""
        return "arn:\(Partition.of(region)):kinesisvideo:\(region):\(destination.account ?? ""):destination/\(destination.id)"
    }
}
