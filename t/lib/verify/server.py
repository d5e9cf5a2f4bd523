"""A back end that answers what doc/examples/forward/verify.py makes of the
headers, and the headers. Arguments: directory of the example, key file, port."""
import http.server
import json
import sys

sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
from verify import verify

KEY = bytes.fromhex(open(sys.argv[2]).read().strip())


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        seen = {k.lower(): v for k, v in self.headers.items()
                if k.lower().startswith("x-djsession-")}
        body = json.dumps({"verified": verify(self.headers, KEY),
                           "seen": seen}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.HTTPServer(("127.0.0.1", int(sys.argv[3])), Handler).serve_forever()
