/** What holds where sallyport.yaml says nothing, in the words of the file. Each is the safe choice; why is beside it. */
export const defaults = {
  /** Beside the config, so that a first try needs neither root nor a decision; a deployment names its own. */
  stateDir: 'sallyport-state',
  /** One process needs no Redis, and serves more than most databases take. */
  workers: 1,
  /** Nothing is reachable from another machine before somebody has asked for it. */
  address: '127.0.0.1',
  /** A certificate that is there is meant to be used; a client that can do without would send its token in clear. */
  tlsRequired: true,
  /** Most clients know no OAUTHBEARER, and none of them takes the password form once it was offered. */
  oauthRequired: false,
  /**
   * Limits of one listener. A thousand connections take about 250 MiB of Envoy's buffers at worst, and a PostgreSQL
   * server takes 100 by default.
   */
  maxConnections: 1_000,
  /** A pool that starts opens tens at once; a hundred a second for long is a fault or an attack. */
  connectionsPerSecond: 100,
  /** A psql left open over lunch must live, and holds wait. Idle sessions are ended by policy (`idle`), which knows whose. */
  idleTimeout: '24h',

  /** Algorithms that identity providers sign with by default: RS256 is OpenID Connect's own, the others newer choices. */
  algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
  /** RFC 9068's access tokens. An issuer older than it says `jwt`, which ID tokens say too: that is a decision to be written down. */
  tokenTypes: ['at+jwt'],
  /** Clocks that NTP keeps are milliseconds apart; more than seconds would stretch every token's life. */
  clockTolerance: '5s',
  /** A token that lives longer than a day is a password. */
  maxTokenAge: '1d',
  subjectClaim: 'sub',
  groupsClaim: 'groups',
  /** What policies trust least: an agent that passed for a person could approve its own kind. */
  kind: 'agent',
  /** Client certificates belong to machines far more often than to people or agents. */
  certificateKind: 'workload',

  /** People mistype a token a few times; a script that guesses is stopped within a second. */
  lockoutFailures: 10,
  lockoutWindow: '5m',
  /** Longer would let whoever shares an address (NAT) with others keep them out; 10 guesses in 15 minutes find nothing. */
  lockoutTime: '15m',
  /** Lets a statement that runs come to its end; no new token is needed for less than the time it takes to fetch one. */
  credentialGrace: '1m',

  /** An agent with more open questions than this is not waiting for answers, and an approver must not be flooded. */
  maxOpenPerPrincipal: 5,

  /** About a hundred thousand decisions: `trail verify` reads one in a second. */
  segmentSize: '64MiB',
  /** What could be cut off the end of the trail unnoticed is at most what happened since the last checkpoint. */
  checkpointEvery: '10s',
  checkpointRecords: 1_000,
  /** A transcript is what makes a session reviewable; without it the trail has only what was asked. */
  transcripts: true,
  /** A few screens of a table for each command: what a reviewer reads. */
  maxResultSize: '64KiB',
  /** A long day's session of an agent; it bounds what one session can put on the disk. */
  maxSessionSize: '16MiB',
} as const;
