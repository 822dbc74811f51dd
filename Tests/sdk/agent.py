"""The edge agent API, which is Weir's own and in no model of botocore's: written down here a second time, in botocore's form and with its shapes."""

import functools

import botocore.session
from botocore.model import ServiceModel

OPERATIONS = ["AcknowledgeEdgeConfiguration", "FetchEdgeConfigurations", "ReportEdgeAgentStatus", "ReportEdgeConfigurationResult"]

# Of the control plane, with everything that these are made of.
_BORROWED = ["ResourceARN", "HubDeviceArn", "StreamName", "Version", "SyncStatus", "EdgeConfig", "Timestamp"]
_ANY = ["AccessDeniedException", "ClientLimitExceededException", "InvalidArgumentException"]
_OF_CONFIGURATIONS = [*_ANY, "StreamEdgeConfigurationNotFoundException"]
_OF_REVISIONS = [*_OF_CONFIGURATIONS, "ResourceInUseException", "VersionMismatchException"]
_ERRORS = {
    "AcknowledgeEdgeConfiguration": _OF_REVISIONS, "FetchEdgeConfigurations": _ANY, "ReportEdgeAgentStatus": _OF_CONFIGURATIONS,
    "ReportEdgeConfigurationResult": _OF_REVISIONS,
}


def _structure(required=(), **members):
    shape = {"type": "structure", "members": {name: {"shape": member} for name, member in members.items()}}
    return shape | ({"required": list(required)} if required else {})


_ONE = {"HubDeviceArn": "HubDeviceArn", "StreamARN": "ResourceARN"}
_SHAPES = {
    "FetchEdgeConfigurationsInput": _structure(
        ["HubDeviceArn"], HubDeviceArn="HubDeviceArn", HeldConfigurations="HeldEdgeConfigurationList", WaitTimeInSeconds="WaitTimeInSeconds"),
    "FetchEdgeConfigurationsOutput": _structure(
        ["EdgeConfigurations", "RemovedStreamARNs"], EdgeConfigurations="AgentEdgeConfigurationList", RemovedStreamARNs="StreamARNList"),
    "HeldEdgeConfigurationList": {"type": "list", "member": {"shape": "HeldEdgeConfiguration"}, "min": 0, "max": 5000},
    "HeldEdgeConfiguration": _structure(["StreamARN", "Revision"], StreamARN="ResourceARN", Revision="Version"),
    "WaitTimeInSeconds": {"type": "integer", "min": 0, "max": 20},
    "AgentEdgeConfigurationList": {"type": "list", "member": {"shape": "AgentEdgeConfiguration"}},
    "AgentEdgeConfiguration": _structure(
        ["StreamName", "StreamARN", "Revision", "SyncStatus", "EdgeConfig"],
        StreamName="StreamName", StreamARN="ResourceARN", Revision="Version", SyncStatus="SyncStatus", EdgeConfig="EdgeConfig"),
    "StreamARNList": {"type": "list", "member": {"shape": "ResourceARN"}},
    "AcknowledgeEdgeConfigurationInput": _structure([*_ONE, "Revision"], **_ONE, Revision="Version"),
    "AcknowledgeEdgeConfigurationOutput": _structure(["SyncStatus"], SyncStatus="SyncStatus"),
    "ReportEdgeConfigurationResultInput": _structure(
        [*_ONE, "Revision", "Result"], **_ONE, Revision="Version", Result="EdgeConfigurationResult", FailedStatusDetails="ReportedDetails"),
    "EdgeConfigurationResult": {"type": "string", "enum": ["SUCCEEDED", "FAILED"]},
    "ReportedDetails": {"type": "string", "min": 1, "max": 1024},
    "ReportEdgeConfigurationResultOutput": _structure(SyncStatus="SyncStatus"),
    "ReportEdgeAgentStatusInput": _structure([*_ONE], **_ONE, RecorderStatus="AgentJobStatus", UploaderStatus="AgentJobStatus"),
    "ReportEdgeAgentStatusOutput": _structure(),
    "AgentJobStatus": _structure(
        ["Status"], Status="AgentJobStatusValue", JobStatusDetails="AgentJobStatusDetails", LastCollectedTime="Timestamp"),
    "AgentJobStatusValue": {"type": "string", "enum": ["SUCCESS", "USER_ERROR", "SYSTEM_ERROR"]},
    "AgentJobStatusDetails": {"type": "string", "min": 0, "max": 1024},
}


@functools.cache
def service():
    control = botocore.session.get_session().get_service_data("kinesisvideo")
    shapes = dict(_SHAPES)
    waiting = [*_BORROWED, *_OF_REVISIONS]
    while waiting:
        name = waiting.pop()
        if name not in shapes:
            shapes[name] = control["shapes"][name]
            waiting += _named(shapes[name])
    operations = {
        name: {
            "name": name, "http": {"method": "POST", "requestUri": f"/edgeAgent/{name[:1].lower()}{name[1:]}"},
            "input": {"shape": f"{name}Input"}, "output": {"shape": f"{name}Output"},
            "errors": [{"shape": error} for error in _ERRORS[name]],
        } for name in OPERATIONS
    }
    metadata = control["metadata"] | {"serviceId": "Weir Edge Agent"}
    return ServiceModel({"version": "2.0", "metadata": metadata, "shapes": shapes, "operations": operations}, "edgeagent")


def _named(shape):
    """The shapes that a shape is made of."""
    parts = [*shape.get("members", {}).values(), *(shape[part] for part in ("member", "key", "value") if part in shape)]
    return [part["shape"] for part in parts]
