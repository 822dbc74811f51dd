/// Which of a fragment's two clocks images are taken by.
public enum ImageSelectorType: String, Sendable, CaseIterable {
    case serverTimestamp = "SERVER_TIMESTAMP"
    case producerTimestamp = "PRODUCER_TIMESTAMP"
}
