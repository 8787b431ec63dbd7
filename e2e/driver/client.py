"""Debian's python3-socketio clients in one process; see lines.mjs for how it is driven.

Two kinds: "sync" has threads and requests, "async" has asyncio and aiohttp. Each
is a Socket.IO implementation of its own down to the Engine.IO transports.
"""
import asyncio
import json
import os
import sys
import threading

import socketio

writing = threading.Lock()
clients = {}
loop = asyncio.new_event_loop()


def write(line):
    with writing:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


class Client:
    """Reports what a client sees; kinds differ in how their calls are made."""

    def __init__(self, io, name, request):
        self.io = io
        self.name = name
        self.request = request
        self.io.on("*", self.heard)
        self.io.on("connect", lambda: self.report("$connect", {"id": io.get_sid(), "transport": io.transport()}))
        self.io.on("connect_error", lambda data=None: self.report("$connect_error", data))
        self.io.on("disconnect", lambda: self.report("$disconnect"))

    def report(self, event, *args):
        write({"client": self.name, "event": event, "args": args})

    def heard(self, event, *args):
        self.report(event, *args)
        if event == "hub:ready":
            for channel in self.request["subscribe"] or []:
                self.run(self.io.emit, "hub:subscribe", channel, callback=lambda ack: self.report("$subscribed", ack))

    def connect(self):
        options = self.request["options"]
        self.run(
            self.io.connect, self.request["url"], auth=options.get("auth"),
            transports=options.get("transports"), wait_timeout=10)

    def ask(self, event, args, answer):
        # A tuple is a list of arguments.
        self.run(self.io.emit, event, tuple(args), callback=lambda *ack: answer(ack))

    def disconnect(self, answer):
        self.run(self.io.disconnect, then=answer)


class Sync(Client):
    def run(self, call, *args, then=None, **more):
        threading.Thread(target=self.call, args=(call, args, more, then)).start()

    def call(self, call, args, more, then):
        try:
            call(*args, **more)
        except socketio.exceptions.ConnectionError:
            pass  # reported by connect_error
        if then:
            then(None)


class Async(Client):
    def run(self, call, *args, then=None, **more):
        asyncio.run_coroutine_threadsafe(self.call(call, args, more, then), loop)

    async def call(self, call, args, more, then):
        try:
            await call(*args, **more)
        except socketio.exceptions.ConnectionError:
            pass  # reported by connect_error
        if then:
            then(None)


kinds = {"sync": (Sync, socketio.Client), "async": (Async, socketio.AsyncClient)}


def handle(request):
    op, name = request["op"], request["client"]

    def answer(result):
        write({"id": request["id"], "result": result})

    if op == "ack":
        clients[name].ask(request["event"], request["args"], answer)
        return
    if op == "disconnect":
        clients.pop(name).disconnect(answer)
        return
    if op == "connect":
        kind, io = kinds[request["version"]]
        clients[name] = kind(io(
            reconnection=request["options"]["reconnection"], reconnection_delay=0.02, reconnection_delay_max=0.1,
            randomization_factor=0, handle_sigint=False), name, request)
        clients[name].connect()
    answer(None)


threading.Thread(target=loop.run_forever, daemon=True).start()
for line in sys.stdin:
    request = json.loads(line)
    try:
        handle(request)
    except Exception as error:
        write({"id": request["id"], "error": repr(error)})
os._exit(0)  # the library's threads are not daemons
