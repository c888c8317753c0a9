"""A server that serves one request at a time asks itself in the middle of one."""

import threading
import urllib.request

from werkzeug.serving import make_server

REQUIRES = "werkzeug==3.0.3"
REPORT = "psf/requests#3027, pallets/flask#2529"
CAUSES = {"wait-cycle", "self-deadlock", "unsatisfied-wait"}
WAITS = {"main": "server", "server": "server"}


def get(path):
    with urllib.request.urlopen(f"http://127.0.0.1:{SERVER.port}{path}") as answer:
        return answer.read()


def application(environ, start):
    body = get("/inner") if environ["PATH_INFO"] == "/outer" else b""
    start("200 OK", [])
    return [body]


if __name__ == "__main__":
    SERVER = make_server("127.0.0.1", 0, application, threaded=False)
    threading.Thread(target=SERVER.serve_forever, name="server", daemon=True).start()
    print("ready", flush=True)
    get("/outer")
