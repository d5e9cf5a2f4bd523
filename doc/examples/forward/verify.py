"""Is this session really httpd's?  DjSessionForward with DjSessionForwardKey.

    session = verify(request.headers, key)      # None: believe nothing of it
    if session and session["state"] == "live": user = session["user"]

headers: anything whose get() ignores the case of names; under WSGI
    {k[5:].replace("_", "-").lower(): v for k, v in environ.items()
     if k.startswith("HTTP_X_DJSESSION_")}
key: bytes.fromhex(open("forward.key").read().strip())
"""
import hashlib
import hmac
import re
import time

NAMES = ("state", "user", "tag", "created", "expires", "data")


def verify(headers, key, max_age=30):
    signature = headers.get("x-djsession-signature") or ""
    match = re.fullmatch(r"t=([0-9]{1,15}),v1=([0-9a-f]{64})", signature)
    if not match or abs(time.time() - int(match[1])) > max_age:
        return None
    values = [headers.get("x-djsession-" + name) for name in NAMES]
    signed = "\n".join([match[1]] + [value or "" for value in values])
    try:  # servers hand header bytes over as Latin-1
        signed = signed.encode("latin-1")
    except UnicodeEncodeError:
        return None
    mac = hmac.new(key, signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(mac, match[2]):
        return None
    return {name: value and value.encode("latin-1").decode()
            for name, value in zip(NAMES, values)}
