/**
 * One record as JSON. The checkpoint cuts texts and parameters, so only a statement that touches thousands of
 * relations comes near; what is over is cut, and says so.
 */
export const maxRecordCharacters = 256 * 1024;

/** What is left of the parts of a record that is over the limit: enough to know what it was, far under it in sum. */
export const maxShortenedCharacters = 4096;
export const maxShortenedItems = 32;
export const maxShortenedItemCharacters = 256;

/** Ends of actions in one record: some 300 bytes each, so far under the limit above, and the rest of a record is spread thin. */
export const maxEndsARecord = 200;

/** `seq`, `at`, `prev`, `hash` and what is between them: 64 + 64 digits and the names, rounded up. */
export const maxFrameBytes = 256;

/** Escaping makes of one UTF-16 unit at most `\uXXXX`. */
export const maxBytesPerCharacter = 6;

/** The longest line that a reader holds; a longer one was not written by us. */
export const maxLineBytes = maxRecordCharacters * maxBytesPerCharacter + maxFrameBytes;

/** A batch that has grown to this within one turn of the event loop is written at once. */
export const maxBatchBytes = 256 * 1024;

/**
 * Records that wait while the disk does not take them; over it, records are counted instead of kept. 4 MiB hold some
 * five thousand, and new actions are refused all the while, so what comes in are ends of actions and sessions.
 */
export const maxBacklogBytes = 4 * 1024 * 1024;

/** How long a record may wait for others when nobody waits for it: what a kill -9 may take away of the ends of actions. */
export const maxWriteDelayMs = 5;

/** Data reaches the kernel before anything is forwarded; this is how much a power cut may take away. */
export const syncEveryMs = 200;

/**
 * How often a process records how far the other chains have come: what could be cut off one of them without a trace in the others is at
 * most what came since.
 */
export const siblingsEveryMs = 60_000;

/** Where the last checkpoint of another chain is looked for: four times what 1,000 records between two of them take. */
export const siblingTailBytes = 4 * 1024 * 1024;

/** Other chains that are named: four times as many workers as there may be, in case that former ones left theirs. */
export const maxSiblings = 256;

/** How soon a failed write is tried again: space comes back by a person's or a cleaner's hand. */
export const retryWriteMs = 250;

/** Reading: large enough that system calls do not matter, small enough to verify many chains in little memory. */
export const readChunkBytes = 256 * 1024;

/** Findings that a report lists for one chain; of more, it tells the number. */
export const maxFindings = 1000;
/** Gaps in the numbers that are kept in mind, to tell a moved record from a repeated one. */
export const maxGaps = 1000;

/** A reader that meets the end of a file within a record looks again this often, this far apart: the writer may be at it. */
export const partialLineRetries = 3;
export const partialLineRetryMs = 10;

/** A transcript is written when this much has gathered, or after this time, whichever is first. */
export const transcriptChunkBytes = 64 * 1024;
export const transcriptFlushMs = 500;

/** Transcripts written at the same time, which is also how many of their files are open; libuv has four threads. */
export const maxTranscriptWrites = 3;

/** What may wait for the disk: over it, the results of one session, or of all, are left out, and a `cut` says so. */
export const maxPendingSessionBytes = 1024 * 1024;
export const maxPendingBytes = 32 * 1024 * 1024;
/** Over this even statements have filled the memory: then they are written at once, and the process waits for the disk. */
export const maxPendingStatementBytes = 64 * 1024 * 1024;

/** Statements are kept in full up to the session's limit; past it, this much of each, since the trail has no more either. */
export const maxTextCharactersPastLimit = 8 * 1024;

/** How often the rest of a transcript is tried before it is closed as it stands: a full disk must not keep sessions. */
export const maxCloseAttempts = 3;

/** Rows of a result that are laid out together; the widths found there hold for the rest. */
export const maxMeasuredRows = 200;
export const maxCellColumns = 60;
/** What of one text (statement, message, line of data) a replay shows. */
export const maxShownCharacters = 16 * 1024;
/** The longest pause of a replay, so that a lunch break does not have to be watched. */
export const maxReplayPauseMs = 2000;
