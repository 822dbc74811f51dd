/// What kind of source a secret tells the address of.
public enum MediaURIType: String, Sendable, CaseIterable {
    case rtsp = "RTSP_URI"
    case file = "FILE_URI"
}
