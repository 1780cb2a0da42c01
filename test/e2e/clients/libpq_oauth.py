"""libpq 18, as psycopg bundles it, logs in by OAUTHBEARER. The token comes from the test, through the hook in which a program
fetches its own (https://www.postgresql.org/docs/current/libpq-oauth.html): the wheel's libpq has no device flow built in.
Arguments: connection string, CA of the issuer, "at-once" or "later", tokens, one for each time that libpq asks. "later" is as
the device flow does it: libpq ends the login without a token, and polls until there is one."""

import ctypes
import glob
import json
import os
import ssl
import sys
import urllib.request

import psycopg
import psycopg_binary

from steps import say

OAUTH_BEARER_TOKEN = 1
POLLING_OK = 3


class BearerRequest(ctypes.Structure):
    """PGoauthBearerRequest of libpq-fe.h."""

    _fields_ = [
        ("openid_configuration", ctypes.c_char_p),
        ("scope", ctypes.c_char_p),
        ("fetch", ctypes.c_void_p),
        ("cleanup", ctypes.c_void_p),
        ("token", ctypes.c_char_p),
        ("user", ctypes.c_void_p),
    ]


conninfo, ca, when, *tokens = sys.argv[1:]
asked = []


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(BearerRequest), ctypes.c_void_p)
def fetch(_connection, request, _socket):
    request[0].token = tokens.pop(0).encode()
    return POLLING_OK


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(BearerRequest))
def hook(kind, _connection, request):
    if kind != OAUTH_BEARER_TOKEN or not tokens:
        return 0
    url = request[0].openid_configuration.decode()
    with urllib.request.urlopen(url, context=ssl.create_default_context(cafile=ca)) as answer:
        issuer = json.load(answer)["issuer"]
    asked.append([url, issuer, (request[0].scope or b"").decode()])
    if when == "later":
        request[0].fetch = ctypes.cast(fetch, ctypes.c_void_p)
    else:
        request[0].token = tokens.pop(0).encode()
    return 1


assert psycopg.pq.version() >= 180000, psycopg.pq.version()
folder = os.path.join(os.path.dirname(os.path.dirname(psycopg_binary.__file__)), "psycopg_binary.libs")
[path] = glob.glob(os.path.join(folder, "libpq-*"))
# The library that psycopg has loaded already: the hook is the process's.
ctypes.CDLL(path).PQsetAuthDataHook(hook)

try:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT name, email FROM app.users WHERE id = %s", (1,)).fetchone()
    say(asked=asked, row=row)
except psycopg.OperationalError as error:
    say(asked=asked, error=str(error))
