import ArgumentParser

/// What has to do with the media of streams.
struct MediaCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "media", abstract: "Send, read and look after the media of streams.",
        subcommands: [
            MediaPut.self, MediaGet.self, MediaWatch.self, MediaStats.self, MediaVerify.self, MediaRebuild.self, MediaExport.self,
        ])
}
