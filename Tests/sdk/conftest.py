import os

import pytest

import agent
from ageing import Ageing
from calls import fresh, wait_active, wait_channel
from cases import THING
from deployment import Deployments
from events import Notifications, Topics
from receivers import Authority, Receiver
from slow import SlowClients


def pytest_configure(config):
    # Nothing of the caller's own configuration may reach the SDK.
    for name in list(os.environ):
        if name.startswith("AWS_"):
            del os.environ[name]
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def engine(request):
    return request.param


@pytest.fixture
def deployments(engine, tmp_path):
    """Servers that only this test uses."""
    made = Deployments(engine, tmp_path)
    yield made
    made.close()


@pytest.fixture
def sqlite_deployments(tmp_path):
    """For what has nothing to do with the engine."""
    made = Deployments("sqlite", tmp_path)
    yield made
    made.close()


@pytest.fixture
def postgres_deployments(tmp_path):
    """For what only Postgres can meet."""
    made = Deployments("postgres", tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(engine, tmp_path_factory):
    """A server with the default configuration that the tests of a module share; each uses names of its own."""
    made = Deployments(engine, tmp_path_factory.mktemp("shared"))
    yield made.server()
    made.close()


@pytest.fixture(scope="module")
def client(server):
    client = server.client()
    yield client
    client.close()


@pytest.fixture(scope="module")
def sender(server):
    with server.sender() as sender:
        yield sender


@pytest.fixture(scope="module")
def agent_sender(server):
    """Signs by the key of a thing that has nothing to do."""
    with server.sender(server.key("--thing", THING + "idle")) as sender:
        yield sender


@pytest.fixture(scope="module")
def sender_for(request, sender):
    """Answers who may send an operation."""
    return lambda operation: request.getfixturevalue("agent_sender") if operation in agent.OPERATIONS else sender


@pytest.fixture
def name():
    return fresh("stream")


@pytest.fixture
def new_stream(client):
    """Creates a stream and waits until it is ACTIVE; returns its description."""

    def create(name=None, client=client, **members):
        name = name or fresh("stream")
        client.create_stream(StreamName=name, **members)
        return wait_active(client, name)

    return create


@pytest.fixture
def new_channel(client):
    """Creates a channel and waits until it is ACTIVE; returns its description."""

    def create(name=None, client=client, **members):
        name = name or fresh("channel")
        client.create_signaling_channel(ChannelName=name, **members)
        return wait_channel(client, name)

    return create


# What takes long runs beside the other tests: fixtures and what is made for them.
_BACKGROUND = {"slow_clients": SlowClients, "ageing": Ageing}
_running = {}


def pytest_collection_modifyitems(items):
    # They are watched for as long as the other tests take.
    items.sort(key=lambda item: not _BACKGROUND.keys().isdisjoint(getattr(item, "fixturenames", ())))


def pytest_collection_finish(session):
    if session.config.option.collectonly or not os.environ.get("WEIR_BINARY"):
        return
    wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    for name, make in _BACKGROUND.items():
        if name in wanted:
            _running[name] = make()


_notes = []


@pytest.fixture
def note():
    """Takes a line that is shown at the end of the run, whatever the tests' results."""
    return _notes.append


def pytest_terminal_summary(terminalreporter):
    for line in _notes:
        terminalreporter.write_line(line)


def pytest_sessionfinish():
    for running in _running.values():
        running.close()


def _in_background(name):
    assert name in _running, "WEIR_BINARY is not set: run these tests through ops/test"
    return _running[name]


@pytest.fixture
def slow_clients():
    return _in_background("slow_clients").wait()


@pytest.fixture
def ageing():
    return _in_background("ageing")


# --- notifications ---


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def topics(tmp_path_factory):
    topics = Topics(tmp_path_factory.mktemp("topics"))
    yield topics
    topics.close()


@pytest.fixture(scope="session")
def delivering(authority, topics):
    """The flags of a server that may send to this machine, and gives up soon; later flags win over them."""

    def flags(**changed):
        values = {
            "delivery_networks": "127.0.0.0/8", "delivery_allow_http": "true", "delivery_ca_file": authority.file,
            "delivery_timeout_seconds": 2, "delivery_attempts": 3, "lifecycle_notifications": "true",
        }
        changed = {name: value for name, value in (values | changed).items() if value is not None}
        return topics.flags + [text for name, value in changed.items() for text in ("--" + name.replace("_", "-"), str(value))]

    return flags


@pytest.fixture(scope="module")
def telling(engine, tmp_path_factory, delivering):
    """A server with those flags that the tests of a module share; each uses streams and subscriptions of its own."""
    made = Deployments(engine, tmp_path_factory.mktemp("telling"))
    server = made.server(*delivering())
    server.notifications = Notifications(server)
    server.calls = server.sender()
    yield server
    made.close()


@pytest.fixture
def receiver(authority):
    """Makes receivers; HTTPS, unless told otherwise."""
    made = []

    def make(respond=None, context=authority.context, **options):
        receiver = Receiver(context and context(), **({"respond": respond} if respond else {}), **options)
        made.append(receiver)
        return receiver

    yield make
    for receiver in made:
        receiver.close()


@pytest.fixture
def subscribe():
    """Subscribes a receiver or a target, until the test ends: what waits for it then is forgotten."""
    made = []

    def add(server, target, *filters):
        notifications = Notifications(server)
        subscription = notifications.subscribe(target if isinstance(target, str) else target.url(), *filters)
        made.append((server, notifications, subscription))
        return subscription

    yield add
    for server, notifications, subscription in made:
        if server.is_running:
            notifications.run("subscriptions", "remove", subscription.id)
