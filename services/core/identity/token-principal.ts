import { IdentityError } from '../model/identity.ts';
import {
  type ClaimObject,
  type ClaimValue,
  type Party,
  type Principal,
  type PrincipalKind,
  principalKinds,
} from '../model/principal.ts';
import type { IssuerSettings } from '../model/settings.ts';
import { claimAt, isObject, isPlainName } from './claims.ts';
import { maxActors, maxGroups, maxIssuerCharacters } from './limits.ts';

const rejected = (message: string): IdentityError => new IdentityError('rejected', message);

/** What of a principal its token's claims say; the rest is about the token itself. */
export type TokenPrincipal = Pick<
  Principal,
  'issuer' | 'subject' | 'kind' | 'groups' | 'claims' | 'actsFor' | 'provenBy'
>;

/**
 * Who speaks by a verified token. With `act` (RFC 8693 section 4.1) that is the actor, and the token's subject is the
 * nearest of those it acts for; actors before it follow. `may_act` only says who could become one, so it says nothing here.
 *
 * Groups and claims are the token's own in either case: the RFC has access decided by "the token's top-level claims and
 * the party identified as the current actor". The kind is the actor's own: what the config's `kind` claim says within
 * `act`, else `agent`.
 *
 * @throws IdentityError `rejected`
 */
export function principalOf(
  claims: ClaimObject,
  issuer: IssuerSettings,
  isConfiguredIssuer: (url: string) => boolean,
): TokenPrincipal {
  const subject: Party = {
    issuer: issuer.url,
    subject: nameOf(claimAt(claims, issuer.claims.subject), `subject (${issuer.claims.subject})`),
  };
  const groups = groupsOf(claims, issuer.claims.groups);
  const common = { groups, claims, provenBy: 'token' } as const;
  const [actor, ...earlier] = actorsOf(claims, issuer);
  if (actor === undefined) {
    return { ...common, ...subject, kind: kindOf(claims, issuer, issuer.claims.defaultKind), actsFor: [] };
  }
  // Those behind the speaker only lose rights by being named; the speaker gains them, and may do so only by their own
  // issuer's word.
  if (actor.party.issuer !== issuer.url && isConfiguredIssuer(actor.party.issuer)) {
    throw rejected(
      "The token's actor (act.iss) belongs to another issuer of this gateway, which alone can vouch for it.",
    );
  }
  const actsFor = [subject, ...earlier.map(({ party }) => party)];
  return { ...common, ...actor.party, kind: kindOf(actor.claims, issuer, 'agent'), actsFor };
}

interface Actor {
  readonly party: Party;
  readonly claims: ClaimObject;
}

/**
 * The current actor and those before it. The RFC calls the earlier ones informational: they get no say in what is
 * allowed, but none of them may approve it, so all of them must be legible.
 */
function actorsOf(claims: ClaimObject, issuer: IssuerSettings): readonly Actor[] {
  const actors: Actor[] = [];
  let holder = claims;
  while (Object.hasOwn(holder, 'act')) {
    const act = holder['act'];
    if (!isObject(act)) throw rejected("The token's act claim is not an object (RFC 8693 section 4.1).");
    if (actors.length === maxActors)
      throw rejected(`The token's act claim names more than ${maxActors} actors.`);
    // Configs that take the subject from another claim know people by it: by that name they approve, so by that name
    // they have to stand here, if the issuer says it.
    const subject = claimAt(act, issuer.claims.subject) ?? act['sub'];
    const actorIssuer = Object.hasOwn(act, 'iss') ? act['iss'] : issuer.url;
    if (typeof actorIssuer !== 'string' || !isPlainName(actorIssuer, maxIssuerCharacters)) {
      throw rejected("An actor's issuer (act.iss) is not a plain string.");
    }
    actors.push({ party: { issuer: actorIssuer, subject: nameOf(subject, 'actor (act.sub)') }, claims: act });
    holder = act;
  }
  return actors;
}

function nameOf(value: ClaimValue | undefined, what: string): string {
  if (value === undefined || value === null) throw rejected(`The token has no ${what}.`);
  if (typeof value !== 'string' || !isPlainName(value)) {
    throw rejected(`The token's ${what} is not a plain, short, visible string.`);
  }
  return value;
}

function kindOf(claims: ClaimObject, issuer: IssuerSettings, otherwise: PrincipalKind): PrincipalKind {
  const path = issuer.claims.kind;
  const value = path === null ? undefined : claimAt(claims, path);
  if (value === undefined) return otherwise;
  const kind = principalKinds.find((known) => known === value);
  if (kind === undefined) {
    throw rejected(`The token's kind (${path}) is none of ${principalKinds.join(', ')}.`);
  }
  return kind;
}

/** Where Entra and OpenID Connect Core section 5.6.2 say that a claim was left out and has to be fetched elsewhere. */
const overageClaims = ['_claim_names', '_claim_sources', 'hasgroups'] as const;

/** Patterns and path steps are words of other programs' languages; names with them can only be meant to be misread. */
const patternOrStep = /\*|(^|\/)\.\.?(\/|$)/;

function groupsOf(claims: ClaimObject, path: string): readonly string[] {
  if (overageClaims.some((name) => Object.hasOwn(claims, name))) {
    // Taking the absent groups for none would be safe for allow rules and wrong for deny rules.
    throw rejected(
      'The token leaves its groups out because there are too many (_claim_names). ' +
        'Have the issuer filter the groups or use roles instead.',
    );
  }
  const value = claimAt(claims, path);
  if (value === undefined || value === null) return [];
  const list = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(list)) throw rejected(`The token's groups (${path}) are neither a string nor a list.`);
  if (list.length > maxGroups) throw rejected(`The token has more than ${maxGroups} groups (${path}).`);
  const groups = new Set<string>();
  for (const group of list) {
    if (typeof group !== 'string' || !isPlainName(group) || patternOrStep.test(group)) {
      throw rejected(`One of the token's groups (${path}) is not a plain name.`);
    }
    groups.add(group);
  }
  return [...groups];
}
