"""Writes publish.json: what botocore sends for Publish of Amazon SNS, and how it signs it, for the tests of the publisher.

    python3 generate.py        (needs the package botocore)
"""

import datetime
import json
import pathlib

import botocore.auth
import botocore.session
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

NOW = datetime.datetime(2024, 1, 17, 11, 10, 36)
MESSAGES = [
    ("arn:aws:sns:us-east-1:111122223333:cameras", "Kinesis Video Streams Lifecycle", '{"specversion":"1.0","time":"2024-01-17T11:10:36.421Z"}',
     [("type", "weir.kinesisvideo.CreateStream")], None),
    ("arn:aws:sns:eu-west-1:111122223333:ünïcode", "Kinesis Video Streams Notification", "ß ~ ' ( ) * + % & = / ? : @ 日本\n\"quoted\"", [], None),
    ("arn:aws-cn:sns:cn-north-1:111122223333:cameras", "s", "m", [("a", "1"), ("b b", "two & three")], None),
    ("arn:aws:sns:us-west-2:111122223333:cameras", "s", "m", [], "http://127.0.0.1:5000"),
]  # fmt: skip


def vector(topic, subject, message, attributes, endpoint):
    region = topic.split(":")[3]
    key, secret = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    session = botocore.session.Session()
    client = session.create_client(
        "sns", region_name=region, aws_access_key_id=key, aws_secret_access_key=secret, endpoint_url=endpoint)
    sent = []

    def keep(request, **_):
        sent.append(request)
        return botocore.awsrequest.AWSResponse(request.url, 200, {}, None)

    client.meta.events.register("before-send.sns.Publish", keep)
    arguments = {name: {"DataType": "String", "StringValue": value} for name, value in attributes}
    try:
        client.publish(TopicArn=topic, Message=message, Subject=subject, **({"MessageAttributes": arguments} if arguments else {}))
    except Exception:
        pass  # There is no answer to be read.
    request = sent[0]

    def text(value):
        return value.decode() if isinstance(value, bytes) else value

    # The same body with the headers that the publisher signs, signed by botocore.
    botocore.auth.get_current_datetime = lambda: NOW
    signed = AWSRequest("POST", request.url, {"Content-Type": text(request.headers["Content-Type"])}, request.body)
    botocore.auth.SigV4Auth(Credentials(key, secret), "sns", region).add_auth(signed)
    return {
        "topic": topic, "subject": subject, "message": message, "attributes": attributes, "endpoint": endpoint, "accessKeyID": key,
        "secret": secret, "now": int(NOW.replace(tzinfo=datetime.timezone.utc).timestamp()), "url": request.url,
        "contentType": text(request.headers["Content-Type"]), "body": text(request.body), "authorization": signed.headers["Authorization"],
    }  # fmt: skip


if __name__ == "__main__":
    path = pathlib.Path(__file__).with_name("publish.json")
    path.write_text(json.dumps([vector(*message) for message in MESSAGES], ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
