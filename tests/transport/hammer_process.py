"""A process that calls a service as often as it may: address, folder of the counts, seconds."""

import sys
import time
from pathlib import Path

from workbench.errors import RateLimitedError
from workbench.transport import Rate, Transport

url, folder, seconds = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
rates = {"default": [Rate(10, 1.0)]}
client = Transport(folder).client(url, service="echo", label="Echo", rates=rates, patience=0.3)
end = time.monotonic() + seconds
while time.monotonic() < end:
    try:
        client.get_json("/bars")
    except RateLimitedError:
        continue
