import Contract
import SQL
import Store
import TestSupport
import Testing

@testable import ControlPlane

/// What clients see of a database that fails, and of one that is busy with others.
@Suite struct FailureMappingTests {
    private static let kinds: [(DatabaseError.Kind, ErrorCode)] = [
        (.unavailable, .serviceUnavailable), (.overloaded, .serviceUnavailable), (.conflict, .serviceUnavailable),
        (.outcomeUnknown, .serviceUnavailable), (.mistake, .internalFailure), (.constraint("secret_constraint"), .internalFailure),
    ]

    @Test func `every operation is among those that fail here`() {
        #expect(SampleCall.all.map(\.operation) == OperationID.allCases.filter { [.controlPlane, .edgeAgent].contains($0.api) })
    }

    @Test(arguments: SampleCall.all)
    func `a failure is 503 where a repetition may help and 500 where it may not, and tells nothing`(_ sample: SampleCall) async throws {
        try await Plane.with { plane in
            let body = try await sample.prepare(plane)
            for (kind, code) in Self.kinds {
                plane.faults.reset()
                plane.faults.inject(.failBefore(kind), times: 100)
                let error = try await plane.refusal(sample.operation, body, sample.caller)
                #expect(error.code == code, "\(kind)")
                #expect(code.status == (code == .serviceUnavailable ? 503 : 500))
                let sent = error.publicMessage + String(decoding: error.body(in: .controlPlane), as: UTF8.self)
                for secret in ["injected", "db-7", "secret_constraint", "outcomeUnknown", "mistake", "stream.", "channel.", "edge."] {
                    #expect(!sent.contains(secret))
                }
                #expect(error.privateContext?.isEmpty == false)
                if kind != .constraint("secret_constraint") {
                    #expect(error.privateContext?.contains(FaultInjectingDatabase.message) == true)
                }
                #expect(plane.hintCount == 0)
            }
            plane.faults.reset()
            _ = try await plane.call(sample.operation, body, sample.caller)
        }
    }

    @Test func `no client is told what only operators may know`() async throws {
        try await Plane.with { plane in
            _ = try await plane.active()
            plane.faults.inject(.failBefore(.unavailable), on: "stream.find")
            let error = try await plane.refusal(.describeStream, #"{"StreamName":"gate"}"#)
            #expect(
                String(decoding: error.body(in: .controlPlane), as: UTF8.self)
                    == #"{"Message":"The service is temporarily unavailable. Try again."}"#)
        }
    }

    private static let update = #"{"StreamName":"gate","CurrentVersion":"VERSION"}"#

    @Test func `a stream that became ACTIVE while it was looked at is changed after all`() async throws {
        try await Plane.with { plane in
            let version = try await plane.active().version
            try plane.setStatus(.updating)
            let gate = Gate()
            plane.faults.inject(.hold(gate), on: "stream.state")
            async let answer = plane.call(.updateStream, Self.update.replacing("VERSION", with: version))
            try await eventually("the update was refused") { gate.arrived == 1 }
            try plane.setStatus(.active)
            gate.open()
            #expect(try await answer == "")
            #expect(plane.faults.writes.filter { $0.contains("stream.update") }.count == 2)
        }
    }

    @Test func `a stream that others keep changing is in use`() async throws {
        try await Plane.with { plane in
            let version = try await plane.active().version
            try plane.setStatus(.updating)
            let lookedAt = [Gate(), Gate(), Gate()]
            let triedAgain = [Gate(), Gate()]
            for gate in lookedAt { plane.faults.inject(.hold(gate), on: "stream.state") }
            for gate in triedAgain { plane.faults.inject(.hold(gate), on: "stream.update", skipping: 1) }
            async let refusal = plane.refusal(.updateStream, Self.update.replacing("VERSION", with: version))
            for (index, gate) in lookedAt.enumerated() {
                try await eventually("refusal \(index)") { gate.arrived == 1 }
                try plane.setStatus(.active)
                gate.open()
                guard index < triedAgain.count else { break }
                try await eventually("attempt \(index)") { triedAgain[index].arrived == 1 }
                try plane.setStatus(.updating)
                triedAgain[index].open()
            }
            let error = try await refusal
            #expect(error.code == .resourceInUse)
            #expect(error.publicMessage == "The stream gate is being changed by others: try again.")
        }
    }
}
