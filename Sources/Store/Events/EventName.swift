/// The types of events that no call names: what follows from calls, and what the deployment tells of itself. The event of a call has the name of
/// its operation. In the order of the documentation.
public enum EventName: String, Sendable, CaseIterable {
    case streamStatusChange = "StreamStatusChange"
    case channelStatusChange = "ChannelStatusChange"
    case mediaStorageConfigurationChange = "MediaStorageConfigurationChange"
    case masterConnected = "MasterConnected"
    case masterDisconnected = "MasterDisconnected"
    case viewerConnected = "ViewerConnected"
    case viewerDisconnected = "ViewerDisconnected"
    case edgeConfigurationStatusChange = "EdgeConfigurationStatusChange"
    case limitReached = "LimitReached"
    case mediaSessionBegan = "MediaSessionBegan"
    case mediaSessionEnded = "MediaSessionEnded"
    case firstFragmentPersisted = "FirstFragmentPersisted"
    case fragmentPersisted = "FragmentPersisted"
    case imagesGenerated = "ImagesGenerated"
    case imageGenerationFailed = "ImageGenerationFailed"
    case diskReserveReached = "DiskReserveReached"
    case mediaStoreStatusChange = "MediaStoreStatusChange"
    case oldestMediaDropped = "OldestMediaDropped"
    case destinationPaused = "DestinationPaused"
    case test = "Test"
}
