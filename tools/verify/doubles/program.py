#!/usr/bin/env python3
"""A double of kubectl, kind, docker or curl for tests of the scripts. The name that it is called by decides
which one it replaces.

It appends its call and its standard input to the file CALLS. Then it answers as the test says in ANSWERS, a
JSON object from the beginning of a call to [status, output]. A call that is not listed there succeeds and
prints nothing.

`kubectl port-forward` really forwards, to the address TARGET. LIVES lists for each forwarding in turn after
how many seconds its pod goes away. A forwarding that is not listed lasts.
"""

import json
import os
import select
import socket
import sys
import threading
import time
from pathlib import Path


def relay(client, target):
    with client, socket.create_connection(target) as server:
        pair = {client: server, server: client}
        while True:
            for end in select.select(pair, [], [])[0]:
                piece = end.recv(65536)
                if not piece:
                    return
                pair[end].sendall(piece)


def forward(ports, calls):
    """Forwards like kubectl: prints the port that it listens on, and ends when the pod goes away."""
    host, port = os.environ["TARGET"].rsplit(":", 1)
    lives = json.loads(os.environ.get("LIVES", "[]"))
    turn = sum("port-forward" in call["words"] for call in calls) - 1
    wanted = ports.split(":")[0] or "0"
    with socket.create_server(("127.0.0.1", int(wanted))) as listener:
        print(f"Forwarding from 127.0.0.1:{listener.getsockname()[1]} -> 9000", flush=True)
        if turn < len(lives):
            threading.Thread(target=gone, args=[lives[turn]], daemon=True).start()
        while True:
            client, _ = listener.accept()
            threading.Thread(target=relay, args=[client, (host, int(port))], daemon=True).start()


def gone(after):
    time.sleep(after)
    print("error: lost connection to pod", file=sys.stderr, flush=True)
    os._exit(1)


def main():
    words = [Path(sys.argv[0]).name, *sys.argv[1:]]
    given = sys.stdin.read() if words[-1] == "-" else ""
    calls = Path(os.environ["CALLS"])
    with calls.open("a") as file:
        file.write(json.dumps({"words": words, "given": given}) + "\n")
    said = " ".join(words)
    for beginning, (status, output) in json.loads(os.environ["ANSWERS"]).items():
        if said.startswith(beginning):
            print(output, file=sys.stdout if status == 0 else sys.stderr)
            return status
    if "port-forward" in words:
        forward(words[-1], [json.loads(line) for line in calls.read_text().splitlines()])
    return 0


if __name__ == "__main__":
    sys.exit(main())
