"""The OpenAPI documents: valid, current, and the same API as botocore's model, but for differences that are listed with their reasons."""

import json
import re
from pathlib import Path

import jsonschema
import openapi_spec_validator
import pytest
import regex

import agent
import cases
import events
import model
from deployment import run_weir

FOLDER = Path(__file__).resolve().parents[2] / "openapi"
# What prints a document, where it is committed, and what it holds.
DOCUMENTS = {
    "kinesisvideo": ([], FOLDER / "kinesisvideo.json", model.OPERATIONS),
    "media": (["--api", "media"], FOLDER / "kinesis-video-media.json", ["GetMedia", "PutMedia"]),
    "archived-media": (["--api", "archived-media"], FOLDER / "kinesis-video-archived-media.json", ["GetClip", "GetDASHStreamingSessionURL", "GetHLSStreamingSessionURL", "GetImages", "GetMediaForFragmentList", "ListFragments"]),
    "edge-agent": (["--api", "edge-agent"], FOLDER / "edge-agent.json", agent.OPERATIONS),
    "signaling": (["--api", "signaling"], FOLDER / "kinesis-video-signaling.json", model.SIGNALING),
}
ALWAYS_SENT = "always sent"
THEIR_OWN = "the credentials that the real service sends are base64, with a colon in the name, and break the model's pattern"
NO_TAGS = "a resource without tags is answered with {}, as the real service does; the model uses the map that requests use"

# What differs from the model, and why. An entry that no longer applies fails the test, so the list can only shrink by itself.
DIFFERENCES = {
    "ListTagsForStream output Tags: minProperties 0, not 1": NO_TAGS,
    "ListTagsForResource output Tags: minProperties 0, not 1": NO_TAGS,
    "DeleteEdgeConfiguration error ResourceInUseException: not in the model":
        "a deletion is refused while the agent is at work, as an update is, and no error of the model says so",
    "ListFragments output Fragments: required, not optional": ALWAYS_SENT,
    "GetImages output Images: required, not optional": ALWAYS_SENT,
    "CreateStream output StreamARN: required, not optional": ALWAYS_SENT,
    "CreateSignalingChannel output ChannelARN: required, not optional": ALWAYS_SENT,
    "DescribeStream output StreamInfo: required, not optional": ALWAYS_SENT,
    "DescribeSignalingChannel output ChannelInfo: required, not optional": ALWAYS_SENT,
    "DescribeMappedResourceConfiguration output MappedResourceConfigurationList: required, not optional": ALWAYS_SENT,
    "DescribeMediaStorageConfiguration output MediaStorageConfiguration: required, not optional": ALWAYS_SENT,
    "GetSignalingChannelEndpoint output ResourceEndpointList: required, not optional": ALWAYS_SENT,
    "ListEdgeAgentConfigurations output EdgeConfigs: required, not optional": ALWAYS_SENT,
    "ListSignalingChannels output ChannelInfoList: required, not optional": ALWAYS_SENT,
    "ListStreams output StreamInfoList: required, not optional": ALWAYS_SENT,
    "ListTagsForResource output Tags: required, not optional": ALWAYS_SENT,
    "ListTagsForStream output Tags: required, not optional": ALWAYS_SENT,
    "GetIceServerConfig output IceServerList: required, not optional": ALWAYS_SENT,
    "GetIceServerConfig output IceServerList[] Password: pattern None, not ^(?:[a-zA-Z0-9_.-]+)$": THEIR_OWN,
    "GetIceServerConfig output IceServerList[] Username: pattern None, not ^(?:[a-zA-Z0-9_.-]+)$": THEIR_OWN,
}

# Answered by any operation, so no operation's own list in the model has them.
COMMON_ERRORS = {
    "ValidationException", "SerializationException", "ThrottlingException", "AccessDeniedException", "MissingAuthenticationTokenException",
    "IncompleteSignatureException", "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException",
    "MalformedHttpRequestException", "RequestTimeoutException", "RequestEntityTooLargeException", "InternalFailure", "ServiceUnavailable",
}


@pytest.fixture(scope="module", params=DOCUMENTS)
def api(request):
    return request.param


@pytest.fixture(scope="module")
def text(api):
    return printed(api)


@pytest.fixture(scope="module")
def document(text):
    return json.loads(text)


def printed(api):
    done = run_weir("openapi", *DOCUMENTS[api][0])
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_committed_document_is_current(api, text):
    arguments, path, _ = DOCUMENTS[api]
    assert path.read_text() == text, f"stale: run `weir {' '.join(['openapi', *arguments])} > openapi/{path.name}`"
    assert printed(api) == text


@pytest.mark.parametrize("api, name", [("events", "events.json"), ("event-schema", "event.schema.json")])
def test_the_documents_of_events_are_current(api, name):
    done = run_weir("openapi", "--api", api)
    assert (FOLDER / name).read_text() == done.stdout, f"stale: run `weir openapi --api {api} > openapi/{name}`"


def test_the_documents_of_events():
    """Both are valid, describe the same event, and name the types that there are. Tests/sdk/events.py holds every event that arrives against it."""
    document = json.loads((FOLDER / "events.json").read_text())
    openapi_spec_validator.validate(document)
    jsonschema.Draft202012Validator.check_schema(events.PUBLISHED)
    described = json.loads(json.dumps(document["components"]["schemas"]).replace("#/components/schemas/", "#/$defs/"))
    published = {key: value for key, value in events.PUBLISHED.items() if key not in ("$schema", "$id", "title")}
    assert published.pop("$defs") == {"Data": described["Data"]}
    assert published == described["Event"]
    assert {kind["const"] for kind in published["properties"]["type"]["oneOf"]} == events.OF_RESOURCES | events.OF_PEERS | events.OTHERS
    for path in document["webhooks"].values():
        for media in path["post"]["requestBody"]["content"].values():
            events.check_event(media["example"])


def test_an_api_that_there_is_not():
    done = run_weir("openapi", "--api", "medium")
    assert done.returncode != 0 and not done.stdout and "medium" in done.stderr


def test_the_document_is_valid(document):
    assert document["openapi"].startswith("3.1")
    openapi_spec_validator.validate(document)
    for pattern in patterns(document):
        re.compile(pattern)
        regex.compile(pattern)


def test_patterns_that_every_reader_knows_refuse_what_the_exact_ones_do(document):
    """Of ASCII and controls, that is: beyond them they take more, as classes of Unicode are not known to all."""
    pairs = {(schema["pattern"], schema["x-weir-pattern"]) for schema in schemas(document) if "x-weir-pattern" in schema}
    assert len(pairs) == (2 if "TagStream" in operations(document) else 0)
    for portable, exact in pairs:
        for scalar in map(chr, [*range(0x250), 0x2028, 0x3042, 0x1D11E, 0x10FFFF]):
            is_exact, is_portable = regex.search(exact, scalar), re.search(portable, scalar)
            if ord(scalar) < 0xA0:
                # Python's $ stands before a line break at the end too, where ECMA's does not.
                assert scalar == "\n" or bool(is_exact) == bool(is_portable), hex(ord(scalar))
            assert not is_exact or is_portable, hex(ord(scalar))
        for text in ("é 1_.:/=+-@", "a\nb", "a&b", "a" * 128):
            assert bool(re.search(portable, text)) == bool(regex.search(exact, text)), text


def schemas(value):
    """Every object of the document that may be a schema."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from schemas(inner)


def patterns(value):
    """Every pattern of the document."""
    if isinstance(value, dict):
        if isinstance(value.get("pattern"), str):
            yield value["pattern"]
        for inner in value.values():
            yield from patterns(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from patterns(inner)


def resolved(document, schema):
    while "$ref" in schema:
        inner = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            inner = inner[step]
        schema = {name: value for name, value in schema.items() if name != "$ref"} | inner
    return schema


def whole(pattern):
    """A pattern that matches the whole string, as a JSON Schema has to say it."""
    return f"^(?:{pattern.removeprefix('^').removesuffix('$')})$"


def same_patterns(stated, modelled):
    """Whether a schema's pattern is the model's, and anchored at both ends, where JSON Schema's own are at none."""
    if stated is None or not (stated.startswith("^") and stated.endswith("$")):
        return False
    bare = stated[1:-1].removeprefix("(?:").removesuffix(")") if stated.startswith("^(?:") else stated[1:-1]
    return bare.removeprefix("^") == modelled.removeprefix("^").removesuffix("$")


def compare(document, schema, shape, at):
    """The differences of a schema from a shape of the model, as lines."""
    schema = resolved(document, schema)
    limits = shape.metadata
    match shape.type_name:
        case "structure":
            expected = {"type": "object"}
            names, members = set(schema.get("properties", {})), set(shape.members)
            yield from (f"{at} {name}: not in the model" for name in sorted(names - members))
            yield from (f"{at} {name}: missing" for name in sorted(members - names))
            required = set(schema.get("required", ()))
            for name in sorted(names & members):
                if (name in required) != (name in shape.required_members):
                    words = ("required", "optional") if name in required else ("optional", "required")
                    yield f"{at} {name}: {words[0]}, not {words[1]}"
                yield from compare(document, schema["properties"][name], shape.members[name], f"{at} {name}")
        case "string":
            expected = {"type": "string", "minLength": limits.get("min"), "maxLength": limits.get("max"), "enum": list(shape.enum) or None,
                        "x-weir-sensitive": limits.get("sensitive")}
            expected["pattern"] = limits.get("pattern") and whole(limits["pattern"])
        case "integer":
            expected = {"type": "integer", "minimum": limits.get("min"), "maximum": limits.get("max"), "format": "int32"}
        case "long":
            expected = {"type": "integer", "minimum": limits.get("min"), "maximum": limits.get("max"), "format": "int64"}
        case "boolean":
            expected = {"type": "boolean"}
        case "timestamp":
            expected = {"type": "number"}
        case "list":
            expected = {"type": "array", "minItems": limits.get("min"), "maxItems": limits.get("max")}
            yield from compare(document, schema["items"], shape.member, f"{at}[]")
        case "map":
            expected = {"type": "object", "minProperties": limits.get("min"), "maxProperties": limits.get("max")}
            yield from compare(document, schema["propertyNames"], shape.key, f"{at} key")
            yield from compare(document, schema["additionalProperties"], shape.value, f"{at} value")
    described = {"description", "properties", "required", "items", "propertyNames", "additionalProperties"}
    for keyword in sorted(set(expected) | (set(schema) - described)):
        # Where not every reader could read the model's pattern, it stands beside one that they can.
        exact = schema.get("x-weir-pattern", schema.get("pattern"))
        if keyword in ("pattern", "x-weir-pattern") and expected.get("pattern") and same_patterns(exact, limits["pattern"]):
            continue
        if schema.get(keyword) != expected.get(keyword):
            yield f"{at}: {keyword} {schema.get(keyword)}, not {expected.get(keyword)}"


def operations(document):
    return {methods["post"]["operationId"]: (path, methods) for path, methods in document["paths"].items()}


def differences(document):
    found = []
    for name, (path, methods) in modelled(document).items():
        operation = model.operation(name)
        if path != operation.http["requestUri"] or set(methods) != {operation.http["method"].lower()}:
            found.append(f"{name}: {path} {sorted(methods)}")
        post = methods["post"]
        found += compare(document, post["requestBody"]["content"]["application/json"]["schema"], operation.input_shape, f"{name} input")
        success = post["responses"]["200"].get("content")
        if operation.has_streaming_output:
            found += [] if list(success) == ["application/octet-stream"] else [f"{name}: no stream, where the model has one"]
        elif operation.output_shape.members:
            found += compare(document, success["application/json"]["schema"], operation.output_shape, f"{name} output")
        elif success:
            found.append(f"{name}: a body, where the model has none")
        errors = {error for response in post["responses"].values() if "headers" in response and "x-amzn-ErrorType" in response["headers"]
                  for error in response["headers"]["x-amzn-ErrorType"]["schema"]["enum"]}
        stated = {shape.name for shape in operation.error_shapes}
        found += [f"{name} error {error}: not in the model" for error in sorted(errors - stated - COMMON_ERRORS)]
        found += [f"{name} error {error}: missing" for error in sorted(stated - errors)]
        found += [f"{name} error {error}: common, but missing" for error in sorted(COMMON_ERRORS - errors)]
    return found


def modelled(document):
    """The operations that botocore's models have: PutMedia is in none."""
    return {name: found for name, found in operations(document).items() if name != "PutMedia"}


def test_the_operations(api, document):
    assert sorted(operations(document)) == DOCUMENTS[api][2]


def test_the_documents_are_the_model():
    found = [line for api in DOCUMENTS for line in differences(json.loads(printed(api)))]
    unexpected = [line for line in found if line not in DIFFERENCES]
    assert not unexpected, "differs from botocore's model:\n" + "\n".join(unexpected)
    gone = [line for line in DIFFERENCES if line not in found]
    assert not gone, "no longer applies, so take it off the list:\n" + "\n".join(gone)


def schema_of(name):
    return lambda document: document["components"]["schemas"][name]


def member_of(structure, *members):
    def find(document):
        found = schema_of(structure)(document)
        for member in members:
            found = resolved(document, found["properties"][member])
        return found

    return find


SPOILED = {
    "a member is gone": lambda d: schema_of("CreateStreamInput")(d)["properties"].pop("DeviceName"),
    "a member is required": lambda d: schema_of("CreateStreamInput")(d)["required"].append("DeviceName"),
    "a member is not required": lambda d: schema_of("EdgeConfig")(d)["required"].remove("HubDeviceArn"),
    "a longer string": lambda d: member_of("UpdateStreamInput", "MediaType")(d).update(maxLength=129),
    "no pattern": lambda d: member_of("UpdateStreamInput", "MediaType")(d).pop("pattern"),
    "another pattern": lambda d: member_of("EdgeConfig", "HubDeviceArn")(d).update(pattern="^arn:.*$"),
    "a pattern without an end": lambda d: member_of("ImageGenerationConfiguration", "FormatConfig")(d)["additionalProperties"].update(
        pattern="^[a-zA-Z_0-9]+"),
    "an enumeration without a value": lambda d: member_of("GetDataEndpointInput", "APIName")(d)["enum"].pop(),
    "another minimum": lambda d: member_of("ListStreamsInput", "MaxResults")(d).update(minimum=0),
    "a minimum of its own": lambda d: member_of("ImageGenerationConfiguration", "SamplingInterval")(d).update(minimum=200),
    "no secret": lambda d: member_of("MediaSourceConfig", "MediaUriSecretArn")(d).pop("x-weir-sensitive"),
    "a type": lambda d: member_of("DeletionConfig", "DeleteAfterUpload")(d).update(type="string"),
    "an element's member": lambda d: schema_of("Tag")(d)["properties"]["Key"].update(minLength=0),
    "a count": lambda d: schema_of("TagResourceInput")(d)["properties"]["Tags"].update(maxItems=51),
    "a member more": lambda d: schema_of("ListStreamsInput")(d)["properties"].update(Other={"type": "string"}),
    "a path": lambda d: d["paths"].update({"/createstream": d["paths"].pop("/createStream")}),
    "an error": lambda d: d["paths"]["/describeStream"]["post"]["responses"].pop("404"),
}


@pytest.mark.parametrize("how", SPOILED)
def test_the_comparison_can_fail(how):
    """Each kind of difference is seen."""
    good = json.loads(printed("kinesisvideo"))
    spoiled = json.loads(json.dumps(good))
    SPOILED[how](spoiled)
    assert spoiled != good and differences(spoiled) != differences(good)


def test_statuses_of_errors(document):
    """The model's, but 403 for a denial, as on the wire of the real service."""
    for name, (_, methods) in modelled(document).items():
        statuses = {
            error: int(status) for status, response in methods["post"]["responses"].items() if status != "200"
            for error in response["headers"]["x-amzn-ErrorType"]["schema"]["enum"]}
        for shape in model.operation(name).error_shapes:
            expected = 403 if shape.name == "AccessDeniedException" else shape.metadata["error"]["httpStatusCode"]
            assert statuses[shape.name] == expected, (name, shape.name)


def test_examples_keep_to_the_model(document):
    for name, (_, methods) in modelled(document).items():
        body = methods["post"]["requestBody"]
        example = body["content"]["application/json"]["example"]
        assert model.violations(model.operation(name).input_shape, example) == []
        assert body.get("required", False) == bool(model.operation(name).input_shape.required_members)
        content = methods["post"]["responses"]["200"].get("content")
        if content and "application/json" in content:
            answer = json.loads(json.dumps(content["application/json"]["example"]))
            for ice_server in answer.get("IceServerList", []):
                # DIFFERENCES says why these break the model's pattern.
                ice_server.update(Username="name", Password="password")
            model.check_output(name, answer)


def test_examples_are_accepted(deployments, api, document):
    """Every request that the document shows is understood; its resources are of another time, so they may not be found."""
    server = deployments.server()
    with sender_of_examples(server, api, document) as sender:
        for path, methods in modelled(document).values():
            example = methods["post"]["requestBody"]["content"]["application/json"]["example"]
            answer = sender.call(path, example)
            assert answer.status in (200, 404) or answer.error in ("ResourceInUseException", "VersionMismatchException"), answer.body
            declared = methods["post"]["responses"][str(answer.status)]
            if answer.error:
                assert answer.error in declared["headers"]["x-amzn-ErrorType"]["schema"]["enum"]


def sender_of_examples(server, api, document):
    if api != "edge-agent":
        return server.sender()
    things = {
        methods["post"]["requestBody"]["content"]["application/json"]["example"]["HubDeviceArn"] for methods in document["paths"].values()}
    assert len(things) == 1, "the examples are of one agent"
    return server.sender(server.key("--thing", things.pop()))


def test_answers_keep_to_the_document(deployments, api, document):
    """The schemas of the document accept what the server sends, by a validator that knows nothing of either."""
    server = deployments.server()
    # The document's patterns are of ECMA's kind, which Python's re cannot all read; the model's own are checked elsewhere.
    components = json.loads(json.dumps(document["components"]), object_hook=lambda o: {k: v for k, v in o.items() if k != "pattern"})

    def check(answer, path):
        declared = document["paths"][path]["post"]["responses"][str(answer.status)]
        content = declared.get("content")
        if content is None:
            assert answer.body == b""
            return
        schema = content["application/json"]["schema"]
        jsonschema.Draft202012Validator(schema | {"components": components}).validate(answer.json)

    with sender_of_examples(server, api, document) as sender:
        names = list(modelled(document))
        bases = {name: cases.sample(model.operation(name).input_shape) for name in names}
        for name in [*(name for name in names if name.startswith("Create")), *names]:
            for body in (bases[name], {key: value for key, value in bases[name].items() if key not in ("StreamARN", "ChannelARN")}, {}, b"{"):
                check(sender.call(model.path(name), body), model.path(name))
