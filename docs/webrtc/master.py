"""A camera that is not there: a WebRTC master that sends a moving test picture to every viewer of a channel.

    pip install aiortc boto3 websockets
    AWS_SHARED_CREDENTIALS_FILE=weir-data/credentials AWS_PROFILE=weir python master.py door-2

Makes the channel where there is none, prints its ARN, and goes on until Ctrl-C. The endpoint is the credentials file's, or AWS_ENDPOINT_URL's.
"""

import asyncio
import base64
import json
import sys
from urllib.parse import urlsplit

import boto3
import websockets
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from av import VideoFrame
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest

WIDTH, HEIGHT = 640, 360


class Picture(VideoStreamTrack):
    """Grey bars that wander, and change their colour."""

    async def recv(self):
        pts, time_base = await self.next_timestamp()
        step = int(pts * time_base * 60)
        frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
        line = bytes(32 + (x + step * 4) % 160 for x in range(frame.planes[0].line_size))
        frame.planes[0].update(line * frame.planes[0].height)
        for plane, shift in ((frame.planes[1], 0), (frame.planes[2], 85)):
            plane.update(bytes([64 + (step + shift) % 128]) * plane.buffer_size)
        frame.pts, frame.time_base = pts, time_base
        return frame


def channel(control, name):
    try:
        return control.describe_signaling_channel(ChannelName=name)["ChannelInfo"]["ChannelARN"]
    except control.exceptions.ResourceNotFoundException:
        return control.create_signaling_channel(ChannelName=name)["ChannelARN"]


def endpoints(control, arn):
    asked = {"Protocols": ["WSS", "HTTPS"], "Role": "MASTER"}
    found = control.get_signaling_channel_endpoint(ChannelARN=arn, SingleMasterChannelEndpointConfiguration=asked)
    return {each["Protocol"]: each["ResourceEndpoint"] for each in found["ResourceEndpointList"]}


def presigned(session, endpoint, arn):
    """The URL of the WebSocket, signed for five minutes."""
    url = urlsplit(endpoint)
    request = AWSRequest("GET", f"https://{url.netloc}{url.path or '/'}", params={"X-Amz-ChannelARN": arn})
    SigV4QueryAuth(session.get_credentials(), "kinesisvideo", session.region_name, expires=299).add_auth(request)
    return url.scheme + request.prepare().url.removeprefix("https")


async def answer(session, endpoint, arn, offer):
    """A connection to one viewer, and what to tell it."""
    ice = session.client("kinesis-video-signaling", endpoint_url=endpoint).get_ice_server_config(ChannelARN=arn)["IceServerList"]
    peer = RTCPeerConnection(RTCConfiguration([RTCIceServer(each["Uris"], each["Username"], each["Password"]) for each in ice]))
    peer.addTrack(Picture())
    await peer.setRemoteDescription(RTCSessionDescription(offer["sdp"], offer["type"]))
    await peer.setLocalDescription(await peer.createAnswer())
    return peer, {"type": peer.localDescription.type, "sdp": peer.localDescription.sdp}


async def main(name):
    session = boto3.Session()
    control = session.client("kinesisvideo")
    arn = channel(control, name)
    print(arn, flush=True)
    viewers = {}
    while True:
        found = endpoints(control, arn)
        async with websockets.connect(presigned(session, found["WSS"], arn)) as socket:
            print("connected: viewers may come", flush=True)
            try:
                async for text in socket:
                    message = json.loads(text) if text else {}
                    if message.get("messageType") != "SDP_OFFER":
                        continue
                    viewer = message["senderClientId"]
                    if viewer in viewers:
                        await viewers.pop(viewer).close()
                    offer = json.loads(base64.b64decode(message["messagePayload"]))
                    viewers[viewer], reply = await answer(session, found["HTTPS"], arn, offer)
                    payload = base64.b64encode(json.dumps(reply).encode()).decode()
                    await socket.send(json.dumps({"action": "SDP_ANSWER", "recipientClientId": viewer, "messagePayload": payload}))
                    print("a viewer:", viewer, flush=True)
            except websockets.ConnectionClosed:
                pass


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "door-2"))
    except KeyboardInterrupt:
        pass
