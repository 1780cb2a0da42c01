/** One answer of the gateway. A page of 500 holds with the longest previews has about 1 MiB; a hold at most 1.5 MiB. */
export const maxAnswerBytes = 16 * 1024 * 1024;

/** A transcript that is played back is read first, so that no pause of the replay keeps the gateway waiting. */
export const maxTranscriptBytes = 256 * 1024 * 1024;

/** Without a byte from the gateway: it answers within its own limit of 15 s, or says why not. */
export const answerTimeoutMs = 30_000;

/** The token file: a token has at most 16 KiB. */
export const maxTokenFileBytes = 64 * 1024;

/** SQL and the like that is read from standard input: what a gateway would take is far less. */
export const maxInputBytes = 16 * 1024 * 1024;

/** What one column of a list shows of a text. */
export const maxCellColumns = 60;

/** What `trail show` shows of one field; `--json` shows all. */
export const maxFieldCharacters = 200;

/** Runs of spaces longer than this are counted instead of shown: they push what follows out of sight. */
export const maxShownSpaces = 16;
/** An indentation may be longer. */
export const maxShownIndent = 40;
/** Blank lines in a row that are shown. */
export const maxShownBlankLines = 2;

/** An anchor or key file. An anchor has 400 bytes; who keeps one an hour has 3.5 MB after a year. */
export const maxProofFileBytes = 64 * 1024 * 1024;

/** A PEM file of CAs; a system's whole store is some 250 KiB. */
export const maxCaFileBytes = 1024 * 1024;
