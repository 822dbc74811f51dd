/// How much media of a stream an edge agent keeps on the device.
public struct LocalSizeConfig: Sendable, Hashable {
    public let maxLocalMediaSizeInMB: Int?
    public let strategyOnFullSize: StrategyOnFullSize?

    public init(maxLocalMediaSizeInMB: Int?, strategyOnFullSize: StrategyOnFullSize?) {
        self.maxLocalMediaSizeInMB = maxLocalMediaSizeInMB
        self.strategyOnFullSize = strategyOnFullSize
    }

    static let shape = structure(
        "LocalSizeConfig", Self.init,
        optional(
            "MaxLocalMediaSizeInMB", .integer(minimum: 64, maximum: 2_000_000), \.maxLocalMediaSizeInMB,
            "The most megabytes of the stream's media that the device may hold."),
        optional("StrategyOnFullSize", .enumeration(StrategyOnFullSize.self), \.strategyOnFullSize, "What happens when they are full."))
}
