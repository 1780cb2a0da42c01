/**
 * Names and ids as branded strings: a session id cannot be passed where a hold id is wanted.
 * Brands exist only in types; the one cast in each constructor is what makes them.
 */
declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type TargetName = Branded<'TargetName'>;
export type ListenerName = Branded<'ListenerName'>;
export type PolicyName = Branded<'PolicyName'>;
export type RuleName = Branded<'RuleName'>;
/** `s_` and 128 random bits, base64url. */
export type SessionId = Branded<'SessionId'>;
/** `a_`, the session's id without its prefix, `.`, and the action's number within the session. */
export type ActionId = Branded<'ActionId'>;
/** `h_` and 128 random bits, base64url: an id that cannot be guessed cannot be approved by guessing. */
export type HoldId = Branded<'HoldId'>;
/** `g_` and 128 random bits, base64url. */
export type GrantId = Branded<'GrantId'>;

export const targetName = (name: string): TargetName => name as TargetName;
export const listenerName = (name: string): ListenerName => name as ListenerName;
export const policyName = (name: string): PolicyName => name as PolicyName;
export const ruleName = (name: string): RuleName => name as RuleName;
export const sessionId = (id: string): SessionId => id as SessionId;
export const actionId = (id: string): ActionId => id as ActionId;
export const holdId = (id: string): HoldId => id as HoldId;
export const grantId = (id: string): GrantId => id as GrantId;

/** 128 random bits: the length NIST SP 800-63B asks of a session secret twice over (64 bits are its minimum). */
const idBytes = 16;

const random = (prefix: string): string =>
  prefix + Buffer.from(crypto.getRandomValues(new Uint8Array(idBytes))).toString('base64url');

export const newSessionId = (): SessionId => sessionId(random('s_'));
export const newHoldId = (): HoldId => holdId(random('h_'));
export const newGrantId = (): GrantId => grantId(random('g_'));
