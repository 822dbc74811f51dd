import FragmentStore
import MediaPlane
import ObjectStore
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

    /// The bucket of media that all instances share; nil where there is none.
    func mediaObjects() async throws -> FragmentStore.Objects? {
        guard let store = mediaStore else { return nil }
        var objects: FragmentStore.Objects
        switch (store.location, store.s3) {
        case (.s3(let bucket, let prefix), let settings?):
            objects = FragmentStore.Objects(bucket: try S3Bucket(settings, bucket: bucket, prefix: prefix))
        case (.folder(let path), _): objects = FragmentStore.Objects(bucket: try await FolderBucket(path))
        case (.s3, nil): return nil
        }
        objects.warmClass = store.warmClass
        objects.cacheBytes = store.cacheBytes
        return objects
    }

    /// Where generated images may go.
    func imageStores() throws -> ImageStores {
        var stores = ImageStores()
        stores.folder = images.folder
        stores.region = images.region
        stores.retry = images.retry
        if case .s3(let bucket, _)? = mediaStore?.location, mediaStore?.s3?.endpoint == images.endpoint { stores.mediaBucket = bucket }
        if let file = images.secretFile { stores.s3 = images.store(secret: try secret(of: "image-store-secret-file", file)) }
        return stores
    }
}
