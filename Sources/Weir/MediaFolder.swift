import FragmentStore
import Settings

extension ServerConfiguration {
    /// How this process keeps media.
    func fragmentStore(instanceID: String) -> FragmentStore.Configuration {
        var configuration = FragmentStore.Configuration(directory: mediaFolder.path, instanceID: instanceID)
        configuration.warmDirectory = mediaFolder.warmPath
        configuration.whenFull = mediaFolder.dropsOldest ? .oldest : .refuse
        configuration.reserve = mediaFolder.reserve
        configuration.accountQuota = mediaFolder.accountQuota
        return configuration
    }
}
