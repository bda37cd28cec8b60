"""The dashboard: the ASGI server with its guard, gate and sign-in, and the pages."""

import os

# Browsers send all cookies of a host, of any port. The web socket library's default limit of a line hangs a handshake
# with more than 8 KB for ever, without a word in the log; it reads this name when it is imported, so it is set first.
os.environ.setdefault("WEBSOCKETS_MAX_LINE_LENGTH", "65536")
