/** Policies of one set, and rules of one policy: far above what people can read, far below what memory minds. */
export const maxPolicies = 1000;
export const maxRulesPerPolicy = 1000;

/** Items of any list in a policy (tables, groups, sources). */
export const maxListItems = 1000;

/** Names stand in every trail record and every refusal. */
export const maxNameCharacters = 100;

/** A rule's own message and hint: PostgreSQL clients, kubectl and agents show them whole. */
export const maxMessageCharacters = 1000;

/** A pattern of `matches:`. Over it nobody reviews it any more. */
export const maxExpressionCharacters = 500;

/** Instructions of a compiled `matches:` pattern, repetitions written out: with the next limit 4 million steps at most. */
export const maxExpressionInstructions = 1000;

/** A longer parameter is not looked into: its truth is then unknown, which never allows. */
export const maxExpressionInputCharacters = 4096;

/** Zones whose rules of summer time are kept at hand, of about 600 that there are. */
export const maxZones = 100;

/** PostgreSQL's Bind message counts parameters in 16 bits; no protocol of ours has more. */
export const maxParameterPosition = 65_535;

/**
 * Comparisons of masked fields with a value, of a policy that says nothing else: as many as looking up a customer by what they say takes,
 * and a million values, the fewest that are worth hiding, take ten weeks.
 */
export const defaultGuessesPerMinute = 10;

/** More approvers than this never come together within a hold's time. */
export const maxQuorum = 10;

/** A hold or a grant that outlives a week is a rule that nobody wrote down. */
export const maxApprovalMs = 7 * 24 * 60 * 60 * 1000;

/** Views kept for one policy version; one serves all principals with the same rules on the same target. */
export const maxViews = 1000;

/**
 * Rules whose time, source or parameters must be looked at for one action and whose combinations are still remembered:
 * three states each, as digits of one number, must stay below 2^53.
 */
export const maxRememberedRules = 33;

/** Combinations remembered for one action: an agent that varies its parameters must not fill memory. */
export const maxRememberedCombinations = 64;

/** Names that came from the client and are told back to it. */
export const maxShownResourceCharacters = 200;

/** The summary of what would be allowed: DETAIL and HINT lines beyond this are not read, by people or by agents. */
export const maxGuidanceCharacters = 700;
/** Of one rule's list of names in it. */
export const maxGuidanceListCharacters = 80;

/** A TypeScript policy is read once at start and at each reload; compiling and running even a large one takes 0.2 s. */
export const maxEvaluationMs = 10_000;

/** V8's heap for a policy file: the plain data that it makes is bounded by the next limit. */
export const maxEvaluationHeapMib = 128;

/** All memory the child may write to, V8's own included (measured: an idle child uses 110 MiB). */
export const maxEvaluationMemoryMib = 1024;

/** The plain data that a policy file may give, as JSON; the examples give 2 KiB. */
export const maxEvaluationBytes = 4 * 1024 * 1024;

/** Sets of masks on one target: each may need a role and views in it. Five policies with masks, each for others, make 32. */
export const maxMaskCombinations = 32;
