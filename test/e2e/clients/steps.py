"""How a client's script talks to the test that runs it: lines of JSON out, a line in when it may go on."""

import json
import sys


def say(**step):
    print(json.dumps(step), flush=True)


def wait_for_go(what):
    say(waits=what)
    sys.stdin.readline()
