import type { ClaimValue, Party, Principal, PrincipalKind } from './principal.ts';

/**
 * A condition on a principal. Every field that is given must match; within a field one value must. `*` in subjects,
 * groups and acting-for matches any run of characters. An empty pattern matches everybody.
 */
export interface PrincipalPattern {
  readonly subjects?: readonly string[];
  readonly kinds?: readonly PrincipalKind[];
  readonly groups?: readonly string[];
  readonly issuers?: readonly string[];
  /** Claim name to the values of which one must equal the claim, or be in it when it is a list. */
  readonly claims?: Readonly<Record<string, readonly (string | number | boolean)[]>>;
  /** Subjects of which one must be in the chain that the principal acts for. */
  readonly actingFor?: readonly string[];
}

const globs = new Map<string, RegExp>();

/** How many compiled patterns are kept: policies hold tens; a reload storm must not grow this without end. */
const maxGlobs = 10_000;

/** `*` is any run of characters; everything else is itself, in its own case. */
export function matchesGlob(pattern: string, text: string): boolean {
  if (!pattern.includes('*')) return pattern === text;
  let compiled = globs.get(pattern);
  if (compiled === undefined) {
    const source = pattern.split('*').map(RegExp.escape).join('.*');
    compiled = new RegExp(`^${source}$`, 'su');
    if (globs.size >= maxGlobs) globs.clear();
    globs.set(pattern, compiled);
  }
  return compiled.test(text);
}

const anyGlob = (patterns: readonly string[], texts: readonly string[]): boolean =>
  patterns.some((pattern) => texts.some((text) => matchesGlob(pattern, text)));

const subjectsOf = (parties: readonly Party[]): readonly string[] => parties.map((party) => party.subject);

function claimMatches(
  claim: ClaimValue | undefined,
  wanted: readonly (string | number | boolean)[],
): boolean {
  if (claim === undefined || claim === null) return false;
  if (Array.isArray(claim)) return claim.some((item) => claimMatches(item, wanted));
  return wanted.some((value) => value === claim);
}

export function matchesPrincipal(pattern: PrincipalPattern, principal: Principal): boolean {
  if (pattern.kinds && !pattern.kinds.includes(principal.kind)) return false;
  if (pattern.issuers && !pattern.issuers.includes(principal.issuer)) return false;
  if (pattern.subjects && !anyGlob(pattern.subjects, [principal.subject])) return false;
  if (pattern.groups && !anyGlob(pattern.groups, principal.groups)) return false;
  if (pattern.actingFor && !anyGlob(pattern.actingFor, subjectsOf(principal.actsFor))) return false;
  for (const [name, wanted] of Object.entries(pattern.claims ?? {})) {
    const claim = Object.hasOwn(principal.claims, name) ? principal.claims[name] : undefined;
    if (!claimMatches(claim, wanted)) return false;
  }
  return true;
}
