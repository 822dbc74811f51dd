import FragmentStore
import Locking
import MediaPlane
import ObjectStore
import Settings
import Store

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

    /// Runs `body` with the bucket of media that all instances share, and closes it afterwards; with nil where `media-store` is empty or this process
    /// neither takes nor sends media.
    func withMediaObjects(_ body: (FragmentStore.Objects?) async throws -> Void) async throws {
        let objects = storesMedia ? try await mediaObjects() : nil
        do {
            try await body(objects)
        } catch {
            await objects?.bucket.close()
            throw error
        }
        await objects?.bucket.close()
    }

    private func mediaObjects() async throws -> FragmentStore.Objects? {
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

/// Whether this instance may have media of its own: of several that each keep it in a folder, only the one that runs longest. The others would take
/// media that nobody finds elsewhere.
///
/// Threads: any may use it at any time.
final class MediaNeighbours: Sendable {
    private let instance: String
    /// Whether media is in a folder of this instance alone, and others may be there.
    private let isAlone: Bool
    private let first = Lock<InstanceRecord?>(nil)

    init(instance: String, isAlone: Bool) {
        self.instance = instance
        self.isAlone = isAlone
    }

    /// Takes note of the instances there are, the longest running first. Returns true where another has just been found to have the deployment's media.
    func learn(_ instances: [InstanceRecord]) -> Bool {
        guard isAlone else { return false }
        let found = instances.first { instance in
            instance.isAlive && instance.roles.split(separator: ",").contains { $0 == "media" || $0 == "archive" }
        }
        let other = found?.id == instance ? nil : found
        return first.withLock { first in
            defer { first = other }
            return first == nil && other != nil
        }
    }

    /// Why this instance has nothing to do with media; nil where it has.
    var obstacle: String? {
        first.withLock { first in
            first.map { _ in
                "media of this deployment is in a folder of another instance, which runs longer: give all instances the same media-store"
            }
        }
    }
}
