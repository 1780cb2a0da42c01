/** One YAML file. A config of a thousand targets has about 200 KiB; a policy file of as many rules about the same. */
export const maxDocumentBytes = 1024 * 1024;

/** Lexical tokens of one file: ten a line. Reading as many takes 0.4 s at worst here, whatever they are. */
export const maxTokens = 200_000;

/** Lists and sections within each other. A parameter of a policy's rule lies 8 deep; the YAML parser recurses. */
export const maxDepth = 32;

/** Values of one file after its aliases were followed: ten lists of ten aliases each would make ten thousand million. */
export const maxValues = 100_000;

/** Problems that are told of one file; whoever has more mends these first. */
export const maxProblems = 100;

/** What a message shows of a key that somebody wrote. */
export const maxShownCharacters = 64;

/** A secret: a password, or a private key in PEM (RSA with 8192 bits takes 6 KiB). */
export const maxSecretBytes = 64 * 1024;

/** A PEM file: the CA bundle of a Linux distribution has 220 KiB. */
export const maxTextFileBytes = 1024 * 1024;

/** Files that the `policies` of a config may name; more is a pattern that caught a folder of something else. */
export const maxPolicyFiles = 1_000;

/**
 * Unix sockets lie in the state folder, and their paths end at 107 bytes (unix(7)): this leaves room for a folder and
 * the name of a listener.
 */
export const maxStateDirBytes = 80;

/**
 * Worker processes of one gateway: more than cores are of no use, and each takes some 150 MiB and reads each target's
 * catalog by a connection of its own.
 */
export const maxWorkers = 64;

/** Names become socket files and Envoy's statistics: long enough to be told apart, short enough for sun_path. */
export const maxListenerNameCharacters = 32;

/** PostgreSQL cuts a database name at 63 bytes, and clients give a target's name where that name stands. */
export const maxTargetNameCharacters = 63;

/** Names, patterns, claims and URLs: OpenID Connect ends `sub` at 255 characters, SPIFFE a URI at 2048 bytes. */
export const maxTextCharacters = 2048;

/** Ten years: nothing here lasts longer, and it keeps every sum of times far from where numbers lose digits. */
export const maxDurationMs = 10 * 365 * 24 * 60 * 60 * 1000;

/** 1 TiB: far over any file we write, far under 2^53. */
export const maxSizeBytes = 1024 ** 4;

/** Below this a connection would be closed while a person still reads the hold that it waits for. */
export const minIdleTimeoutMs = 60_000;

/** Holds commonly wait for some minutes; below this a listener's idle time-out is likely to cut one off. */
export const adviceIdleTimeoutMs = 10 * 60_000;

/** Folders that one watcher looks at; each takes an inotify watch, of which a user may have 8192 on small machines. */
export const maxWatchedFolders = 256;

/** Symbolic links within one path; the kernel itself stops at 40 (path_resolution(7)). */
export const maxLinks = 40;

/** Quiet time after which changed files are looked at: an editor or a deployment writes several in a row. */
export const settleMs = 200;

/** A folder that never comes to rest is looked at after this long all the same. */
export const maxSettleMs = 2_000;

/** How often files are looked at when the kernel gives no more watches: a change shows within a person's patience. */
export const pollMs = 5_000;
