"""The program behind the chart repository: serves a folder over HTTP and HTTPS.

    python web.py FOLDER ADDRESS CERTIFICATE KEY

A program of its own (nothing but the standard library), because it runs inside another network
namespace.
"""

import ssl
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

HTTP_PORT = 80
HTTPS_PORT = 443


def main() -> None:
    folder, address, certificate, key = sys.argv[1:]
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    plain = ThreadingHTTPServer((address, HTTP_PORT), handler)
    secure = ThreadingHTTPServer((address, HTTPS_PORT), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    threading.Thread(target=plain.serve_forever).start()
    secure.serve_forever()


if __name__ == "__main__":
    main()
