import type { ClaimObject, ClaimValue } from '../model/principal.ts';
import { unprintableCharacters } from '../model/visible-text.ts';
import { maxNameCharacters } from './limits.ts';

/**
 * The claim at a path of the config. Dots reach into objects (`realm_access.roles`); a path that is a URL is one name,
 * since that is how Auth0 and others keep their claims apart (`https://example.com/groups`).
 */
export function claimAt(claims: ClaimObject, path: string): ClaimValue | undefined {
  const names = path.includes('://') ? [path] : path.split('.');
  let value: ClaimValue | undefined = claims;
  for (const name of names) {
    if (!isObject(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

export const isObject = (value: ClaimValue | undefined): value is ClaimObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Whether a subject, group or certificate name is one that approvers, logs and terminals show as what it is: neither
 * empty nor long, nothing in it that cannot be seen, no space at its ends.
 */
export const isPlainName = (name: string, maxCharacters = maxNameCharacters): boolean =>
  name !== '' &&
  name.length <= maxCharacters &&
  name.search(unprintableCharacters) < 0 &&
  name.trim() === name;
