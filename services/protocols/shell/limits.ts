/**
 * Text that is read at all. The command line of `kubectl exec` comes in a URL, whose headers Envoy bounds at 60 KiB; a person who has to
 * approve more than this approves blindly.
 */
export const maxTextBytes = 32 * 1024;

/** Lists, substitutions and texts within one another. People stay below five, and the reader's recursion is as deep. */
export const maxDepth = 40;

/** Commands of one line, those of its nested texts among them: each is decided. */
export const maxCommands = 500;

/** Texts within texts (`sh -c`, `eval`, backticks) that are read for one line; doubling them at each level would make millions. */
export const maxTexts = 100;
/** All of those together: `eval eval eval ...` reads nearly the same text at each level. Some 0.2 s of reading at worst. */
export const maxTextsBytes = 2 * maxTextBytes;

/** Of what is quoted in a reason: enough to find the place. */
export const maxQuotedCharacters = 80;

/** Places that are told of one reason; ten tell a person enough. */
export const maxPlacesOfReason = 10;

/** What the second reader may take for one text before the text counts as unreadable; 32 KiB of ordinary lines take it some 15 ms. */
export const grammarDeadlineMs = 50;
