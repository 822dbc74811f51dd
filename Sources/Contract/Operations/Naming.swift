// What an input names the resource by that it is about. An operation whose input says so here needs no further word on its subject.

/// A stream, by its name, its ARN or both.
public protocol NamesStream {
    var streamName: String? { get }
    var streamARN: String? { get }
}

/// A signaling channel, by its name, its ARN or both.
public protocol NamesChannel {
    var channelName: String? { get }
    var channelARN: String? { get }
}

/// A signaling channel, by its ARN.
public protocol NamesChannelByARN {
    var channelARN: String { get }
}

/// A stream or a signaling channel, by its ARN.
public protocol NamesResourceByARN {
    var resourceARN: String { get }
}

/// The edge configuration of a stream that is with a device.
public protocol NamesEdgeConfiguration {
    var hubDeviceArn: String { get }
    var streamARN: String { get }
}
