"""Writes requests.json: requests signed by botocore, as they go over the wire, for the signature tests.

    python3 generate.py        (needs the package botocore; the same version and seed give the same file)

Each vector is one request that must verify at `now`. Bodies are base64. What a client may sign otherwise than botocore does (the
host without its port, or with a default port) is signed by botocore and then sent with the other host.
"""

import base64
import datetime
import hashlib
import json
import pathlib
import random
from urllib.parse import quote, urlsplit

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SEED = 20231107
COUNT = 260
NAMES = ["a", "A", "name", "name-2", "name.x", "x y", "ü", "β", "&", "=", "%", "+", "~", "*", "日本", "a/b", "q?"]
VALUES = ["", "1", "value", "two words", " lead", "trail ", "a+b", "100%", "x=y&z", "ß", "日本語", "~-._", "/?:@", "'()*!", "\U0001f3a5", "%41"]
PATHS = [
    "/", "/createStream", "/describeStream", "/TagResource", "/listStreams", "/v1/get-ice-server-config", "/a b/c", "/tags/arn:aws:x",
    "//double//slash", "/./dot/../up", "/end/", "/a/b/..", "/ü/日本", "/semi;colon=1", "/per%cent", "/../..", "/~tilde*(x)'!",
]  # fmt: skip
HEADERS = ["x-amz-meta", "X-Amz-Target", "Content-Type", "x-amzn-stream-name", "Accept", "amz-sdk-invocation-id", "Content-Encoding"]
HEADER_VALUES = ["value", "  padded  ", "in  ner   runs", "tab\there", "a,b", "", "é ü", "application/json; charset=utf-8", '"a   b"', "x:y"]
HOSTS = ["kinesisvideo.us-west-2.amazonaws.com", "localhost", "127.0.0.1", "weir.example.com", "[::1]"]
BODIES = [b"", b"{}", b'{"StreamName":"camera"}', '{"Tags":{"ü":"日本"}}'.encode(), bytes(range(256)), b"x" * 129]


def signed(generator, number):
    choose = generator.choice
    form = "query" if number % 3 == 2 else "header"
    now = datetime.datetime(2000, 1, 1) + datetime.timedelta(seconds=generator.randrange(0, 40 * 366 * 86400))
    region = choose(["us-west-2", "eu-central-1", "us-gov-east-1", "local"])
    access_key = "TESTKEY" + "".join(generator.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=13))
    secret = base64.b64encode(generator.randbytes(30)).decode()
    token = base64.b64encode(generator.randbytes(60)).decode() if generator.random() < 0.3 else None

    host = choose(HOSTS)
    port = choose([None, None, "4321", "443", "80"])
    scheme = choose(["http", "https"])
    authority = host + (":" + port if port else "")
    parameters = [(choose(NAMES), choose(VALUES)) for _ in range(choose([0, 0, 0, 1, 2, 3, 6]))]
    url = f"{scheme}://{authority}{quote(choose(PATHS), safe='/~')}"
    body = choose(BODIES) if form == "header" else b""
    as_parameters = form == "header" and generator.random() < 0.5
    if parameters and not as_parameters:
        url += "?" + "&".join(quote(n, safe="-_.~") + "=" + quote(v, safe="-_.~") for n, v in dict(parameters).items())

    method = choose(["GET", "PUT", "DELETE"]) if number % 5 == 4 else "POST"
    request = AWSRequest(method=method, url=url, data=body, params=parameters if parameters and as_parameters else None)
    for name in generator.sample(HEADERS, choose([0, 1, 2, 4])):
        for _ in range(choose([1, 1, 1, 2, 3])):
            request.headers.add_header(name, choose(HEADER_VALUES))
    sent_host = signed_host = botocore.auth._host_from_url(url)
    variant = generator.randrange(6)
    if variant == 0 and port:
        sent_host, signed_host = authority, host
    elif variant == 1 and not port:
        sent_host, signed_host = host, host + choose([":443", ":80"])
    request.headers["Host"] = signed_host
    if form == "header" and generator.random() < 0.4:
        request.headers["X-Amz-Content-SHA256"] = hashlib.sha256(body).hexdigest()

    botocore.auth.get_current_datetime = lambda: now
    credentials = Credentials(access_key, secret, token)
    if form == "header":
        botocore.auth.SigV4Auth(credentials, "kinesisvideo", region).add_auth(request)
    else:
        expires = choose([1, 60, 299, 3600, 604800])
        botocore.auth.SigV4QueryAuth(credentials, "kinesisvideo", region, expires=expires).add_auth(request)
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    request.headers.replace_header("Host", sent_host)
    if generator.random() < 0.5:
        request.headers["User-Agent"] = "aws-cli/2.15 not  signed"
    lines = [[name, value] for name, value in request.headers.items()]
    generator.shuffle(names := sorted({line[0].lower() for line in lines}))
    # Any order of the names; lines of one name keep theirs.
    lines.sort(key=lambda line: names.index(line[0].lower()))
    vector = {
        "form": form, "accessKeyID": access_key, "secret": secret, "token": token, "region": region,
        "now": int(now.replace(tzinfo=datetime.timezone.utc).timestamp()),
        "method": method, "path": parts.path, "query": parts.query or None, "headers": lines, "body": base64.b64encode(body).decode(),
    }  # fmt: skip
    if form == "query":
        vector["expires"] = expires
    return vector


def main():
    generator = random.Random(SEED)
    vectors = [signed(generator, number) for number in range(COUNT)]
    lines = ",\n".join(json.dumps(vector, ensure_ascii=False, separators=(",", ":")) for vector in vectors)
    pathlib.Path(__file__).with_name("requests.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
