import Contract
import Identity
public import Planes

extension ControlPlane {
    /// The operations of the control plane and of the edge agents.
    public var operations: [RoutedOperation] {
        OperationID.allCases.map { id in
            RoutedOperation(
                id.contract.route, name: id.rawValue, id: id, payload: .document, isMutation: id.isMutation,
                waits: id == .fetchEdgeConfigurations
            ) { input, caller throws(OperationError) in
                let prepared = try prepare(id, input.body, caller)
                return RequestedCall(prepared.access) { () throws(OperationError) in
                    let call = try prepared.checked()
                    return RoutedCall(resourceName: call.resourceName, answer: .bytes(call.perform))
                }
            }
        }
    }
}
