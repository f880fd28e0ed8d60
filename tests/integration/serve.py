#!/usr/bin/env python3
"""serve.py ADDRESS TREE: an HTTP service for what TREE/current leads to. Its port is the first line of its output.

Each answer has two files of one release, as a page of a real application is made of several: `current` is resolved once for
each request, as servers do that are careful (nginx's $realpath_root, PHP's realpath of the entry script). Header Release names it.
"""
import http.server
import os
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            release = os.path.realpath(sys.argv[2] + "/current", strict=True)
            content = b""
            for name in ("VERSION", "pages/long.txt"):
                with open(os.path.join(release, name), "rb") as file:
                    content += file.read() + b"\n"
        except OSError as error:
            self.send_error(500, str(error))
            return
        self.send_response(200)
        self.send_header("Release", os.path.basename(release))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *words):
        pass


server = http.server.ThreadingHTTPServer((sys.argv[1], 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
