#!/usr/bin/python3
"""Job of the demo pod: waits until the server has given some greetings, then ends with a code of its own.

    job.py [AFTER [CODE [PORT]]]     default: after 3 greetings, code 3, port 8080; AFTER 0 does not wait
"""

import sys
import time

sys.dont_write_bytecode = True
from demo_http import get_patiently  # noqa: E402


def main() -> int:
    numbers = [int(word) for word in sys.argv[1:]]
    after, code, port = numbers + [3, 3, 8080][len(numbers):]
    print(f"job: waiting for {after} greetings", flush=True)
    while after and int(get_patiently(port, "/count")) < after:
        time.sleep(0.05)
    print(f"job: ends with code {code}", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
