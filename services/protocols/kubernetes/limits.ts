/** Objects are kept in etcd, which takes 1.5 MiB; the API server takes bodies of 3 MiB. An answer to a dry run is one object. */
export const maxObjectBytes = 4 * 1024 * 1024;

/** A list of what a DELETE on a collection would delete: over this, nobody who approves it reads it. */
export const maxListedObjects = 500;

/** Such a list, with the objects whole, since what they are is bound by an approval. */
export const maxListBytes = 16 * 1024 * 1024;

/** The API server answers within its own 60 seconds or not at all; an object or a dry run takes milliseconds, with webhooks some seconds. */
export const upstreamTimeoutMs = 15_000;

/** Connections of the gateway's own to one API server: what it asks is short. */
export const maxUpstreamSockets = 16;

/** Objects are nested some ten levels, and schemas of custom resources some thirty. */
export const maxObjectDepth = 100;

/** Members of all objects in a document. A large object has some thousands, and a list has hundreds of objects. */
export const maxObjectMembers = 500_000;

/** Requests that are decided alike for their method and path; each a few KiB. */
export const maxRememberedIntents = 2_000;

/** How long Envoy may take to bring a stream that was decided on: it does so at once. */
export const ticketMs = 10_000;
/** Streams that are decided on and not brought yet; over it, the oldest is given up. */
export const maxTickets = 1_024;

/** How long the API server may take to open a stream: it asks the kubelet, which answers within 30 s or not at all. */
export const streamHandshakeMs = 35_000;

/**
 * How long a refused client may take to close. Python's sleeps on its socket while our closing message, which came in one TLS record with
 * the refusal, lies in its TLS library: only the end of the connection wakes it.
 */
export const refusedCloseMs = 1_000;

/** Of one message: clients and kubelets send at most 32 KiB at a time; kubectl itself takes 32 MiB. */
export const maxMessageBytes = 4 * 1024 * 1024;
/** `{"Width":80,"Height":24}` */
export const maxResizeBytes = 200;
/** A Status with which the API server refuses a stream. */
export const maxStatusBytes = 64 * 1024;

/** What may wait for a slow reader before the other side is no longer read; and when it is again. */
export const highWaterBytes = 1024 * 1024;
export const lowWaterBytes = 256 * 1024;

/** Labels of one condition, patterns of one list: more is a list that nobody reads. */
export const maxPatternCharacters = 1_000;

/** Commands of kubectl that have listed what they delete; over it, the oldest is forgotten, and each of its objects is held by itself. */
export const maxRememberedCommands = 1_000;
/** Lists of one such command: `kubectl delete pods,configmaps,jobs --all` makes one for each resource. */
export const maxListsOfCommand = 20;
/** A command lists, and deletes then; but a person may take long to approve. */
export const commandKeptMs = 60 * 60_000;

/** Plans of masks for resources of one policy. Clients choose the names of resources, and a cluster has some hundred. */
export const maxAnswerPlans = 500;
