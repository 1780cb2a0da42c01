/**
 * Text that is analysed at all. Dumps and migrations are sent statement by statement; a person who has to approve more
 * than a mebibyte of SQL approves blindly. The parser makes some 100 bytes of tree of every byte.
 */
export const maxTextBytes = 1024 * 1024;

/** Tokens of a text, multiple assignments written out. A megabyte of IN list or of VALUES stays below it. */
export const maxTokens = 300_000;

/** Statements in one text. Each is decided; 100,000 of them take the parser 0.5 s. */
export const maxStatements = 1_000;

/**
 * Parentheses and brackets within one another. PostgreSQL itself gives up at some 2,500 (bison's stack); people and
 * query builders stay below 50.
 */
export const maxNesting = 200;

/**
 * Texts up to here are parsed on the event loop: 10 ms at worst, measured with chains of operators, which make the deepest
 * trees (test/bench/sql.bench.ts). The parser's recursion is as deep as the tree, so this also bounds its stack: it overflows
 * at some 10,000 on Node's default stack, and a module whose stack has overflowed once gives wrong answers for ever after.
 */
export const maxTokensOnEventLoop = 2_000;
export const maxTextBytesOnEventLoop = 64 * 1024;

/** Tree levels below one another that are followed. A thousand operators in a row are a chain, and a chain is no level. */
export const maxTreeDepth = 400;

/** Names looked up, columns expanded and lineages joined for one text: some 200 ms of work. */
export const maxAnalysisSteps = 2_000_000;

/** The same on the event loop; over it the text goes to the worker. Some 10 ms. */
export const maxAnalysisStepsOnEventLoop = 50_000;

/** Views within views. PostgreSQL has no limit of its own but its stack; people stop at five. */
export const maxViewDepth = 50;

/** Bodies of functions within one another (a function that makes one): each is parsed again, and nobody writes three. */
export const maxBodyDepth = 4;

/** Functions in SQL that call one another, from the outermost to the innermost. People stop at five. */
export const maxFunctionDepth = 30;

/** A body in PL/pgSQL that is read at all: a large application's longest has some 60 KB. Over it, it is opaque, as it was before it was read. */
export const maxPlpgsqlBytes = 256 * 1024;
export const maxPlpgsqlTokens = 20_000;

/** On the event loop, of what clients send: every expression in it is parsed by itself, some 30 µs each. Over it the text goes to the worker. */
export const maxPlpgsqlTokensOnEventLoop = 500;

/** The same of what the catalog has, some 10 KB: it is read once, in some 50 ms, and changes by a migration. A longer one counts as unreadable. */
export const maxCatalogPlpgsqlTokens = 2_500;

/** BEGIN, IF, LOOP and CASE within one another: at some 1,000 the parser's stack overflows on the event loop. */
export const maxBlockDepth = 100;

/** Functions that a function may call, and those call, before what it does counts as unknown. Large applications have some hundreds. */
export const maxFunctionsFollowed = 1_000;

/** Bodies of functions that are remembered for one catalog: an application has some thousands, read with one search path. */
export const maxRememberedBodies = 10_000;

/** Search paths of their own that functions may have which call one another: each is another reading of all of them. */
export const maxOwnPaths = 4;

/** Functions of a statement of which approvers are told what they do, and effects of each: more than this nobody reads. */
export const maxFunctionsTold = 30;
export const maxEffectsTold = 20;

/** PostgreSQL's MaxTupleAttributeNumber: a query with more output columns is an error there. */
export const maxOutputColumns = 1_664;

/** How long the worker may take for one text before it is killed and replaced: 20 times the slowest text measured. */
export const workerDeadlineMs = 10_000;

/** Large texts that wait for the worker. One a second is a queue of half a minute, and nobody waits longer. */
export const maxTextsWaiting = 32;

/** The worker's stack: trees that are 20 times as deep as the event loop's fit. */
export const workerStackMb = 64;
/** The worker's heap: the largest tree (maxTokens) takes some 200 MB. */
export const workerHeapMb = 1_024;

/** Texts whose constants are looked for: what programs write is shorter, and what is longer costs more to send than to parse. */
export const maxShapedCharacters = 4 * 1024;

/** Analyses kept for one target, by their estimated size. An agent's working set is some hundreds of texts of 2 KiB. */
export const maxCachedAnalysesBytes = 32 * 1024 * 1024;
/** A text over this is analysed each time: keeping it would drive out thousands of others. */
export const maxCachedAnalysisBytes = 2 * 1024 * 1024;

/** Meanings of function and operator names that are remembered for one catalog; a real application uses some hundreds. */
export const maxRememberedChoices = 10_000;

/** Rows of one catalog query. 100,000 tables of 10 columns are the largest multi-tenant catalogs that people report. */
export const maxCatalogRows = 1_000_000;

/** A view's, rule's or function argument list's text in the catalog; a longer one counts as unreadable. */
export const maxDefinitionCharacters = 256 * 1024;

/** How long the catalog's reader waits for a lock (pg_get_viewdef takes one): a migration must not hold every session. */
export const catalogLockTimeoutMs = 2_000;

/** Inheritance children whose columns count as sources of the parent's. Partitions are not counted here. */
export const maxInheritanceChildren = 100;

/** OIDs below it are PostgreSQL's own (FirstNormalObjectId): what they stand for nobody has added. */
export const firstOwnOid = 16_384;

/** What goes along with one statement: a schema of a large application has some thousand objects. Over it nobody would read the list. */
export const maxCascadedObjects = 10_000;

/** Of these, as many are told to approvers one by one. */
export const maxCascadesTold = 200;

/** Search paths and roles that sessions have set by themselves, for which analyses are kept: applications use one or two. */
export const maxOtherSearchPaths = 4;
