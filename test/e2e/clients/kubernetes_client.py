"""The `kubernetes` package: each step prints what it saw, a line of JSON each."""

import threading

from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.stream import stream
from kubernetes.stream.ws_client import ERROR_CHANNEL

from steps import say, wait_for_go

config.load_kube_config()
core = client.CoreV1Api()
dynamic = DynamicClient(client.ApiClient())


def names(pods):
    return sorted(pod.metadata.name for pod in pods.items)


def paged():
    seen, token = [], None
    while token != "":
        page = core.list_namespaced_pod("dev", limit=1, _continue=token)
        seen, token = seen + names(page), page.metadata._continue or ""
    return seen


def watched():
    """Every event of one object, while it is made, applied, patched and deleted."""
    since = core.list_namespaced_config_map("dev").metadata.resource_version
    seen = []

    def look():
        events = watch.Watch().stream(core.list_namespaced_config_map, "dev", resource_version=since)
        for event in events:
            data = event["object"].data
            seen.append([event["type"], data["owner"], data["colour"]])
            if event["type"] == "DELETED":
                return

    looks = threading.Thread(target=look, daemon=True)
    looks.start()
    made = client.V1ConfigMap(
        metadata=client.V1ObjectMeta(name="made"), data={"owner": "ada@example.com", "colour": "red"}
    )
    core.create_namespaced_config_map("dev", made)
    applied = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "made"},
        "data": {"colour": "green"},
    }
    maps = dynamic.resources.get(api_version="v1", kind="ConfigMap")
    dynamic.server_side_apply(maps, applied, namespace="dev", field_manager="python", force_conflicts=True)
    core.patch_namespaced_config_map("made", "dev", {"data": {"colour": "yellow"}})
    core.delete_namespaced_config_map("made", "dev")
    looks.join()
    return seen


def refused():
    try:
        core.list_namespaced_secret("kube-system")
    except ApiException as error:
        return [error.status, error.reason]


def execute(*command, **options):
    return stream(
        core.connect_get_namespaced_pod_exec,
        "web-0",
        "dev",
        command=list(command),
        stdout=True,
        stderr=True,
        _preload_content=False,
        **options,
    )


def executed(*command):
    session = execute(*command)
    session.run_forever()
    # read_all forgets the status with the rest.
    status = session.returncode
    return [session.read_all(), status]


def exec_refused():
    session = execute("rm", "-rf", "data")
    # Well under the time after which a connection is dropped that the client does not close.
    session.run_forever(timeout=15)
    return [session.is_open(), session.read_channel(ERROR_CHANNEL)]


def typed():
    session = execute("head", "-n", "1", stdin=True)
    session.write_stdin("a line\n")
    session.run_forever()
    return session.read_all()


def logged():
    """It follows the log until it has seen what is yet to be written."""
    lines = []
    for line in watch.Watch().stream(core.read_namespaced_pod_log, "web-0", "dev"):
        lines.append(line)
        if len(lines) == 2:
            return lines


say(get=core.read_namespaced_secret("db", "dev").data["password"])
say(list=names(core.list_namespaced_pod("dev", label_selector="app=web")))
say(paged=paged())
say(watched=watched())
say(refused=refused())
say(executed=executed("seq", "3"))
say(failed=executed("test", "-e", "/nowhere")[1])
say(execRefused=exec_refused())
say(typed=typed())
say(logged=logged())
wait_for_go("delete")
say(deleted=core.delete_namespaced_pod("web-1", "dev").metadata.name)
