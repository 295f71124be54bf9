#!/usr/bin/python3
"""Client of the demo pod: polls the server on loopback and prints what it got.

    client.py [COUNT [INTERVAL [PORT]]]     default: 3 requests, every 0.2 s, port 8080; COUNT 0 polls for ever

Ends with 0 after COUNT answers, and with 1 if the server cannot be reached for 20 seconds.
"""

import sys
import time

sys.dont_write_bytecode = True
from demo_http import get_patiently  # noqa: E402


def main() -> int:
    words = sys.argv[1:]
    count = int(words[0]) if words else 3
    interval = float(words[1]) if len(words) > 1 else 0.2
    port = int(words[2]) if len(words) > 2 else 8080
    done = 0
    while count == 0 or done < count:
        try:
            print("got:", get_patiently(port, "/").rstrip("\n"), flush=True)
        except OSError as error:
            print(f"no answer from 127.0.0.1:{port}: {error}", file=sys.stderr, flush=True)
            return 1
        done += 1
        time.sleep(interval)
    print(f"done after {done} answers", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
