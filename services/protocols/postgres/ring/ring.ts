import { createHash } from 'node:crypto';
import type { Mask, Obligations } from '../../../core/model/decision.ts';
import type { TargetName } from '../../../core/model/ids.ts';
import { searchPathText } from '../session/session-parameters.ts';
import type { PostgresTarget, RingLogin } from '../target.ts';

/**
 * The ring inside the database, for one set of masks: a role without rights on masked columns, and a schema of its name with views
 * that show these columns masked under their tables' own names. Sessions under these masks log in as the role, so that there is
 * no other one to go back to (RESET ROLE, DISCARD ALL).
 */
export interface Ring {
  /** Also the schema's name. Roles belong to the whole server, so it tells target and database apart, too. */
  readonly role: string;
  readonly target: TargetName;
  readonly masks: readonly Mask[];
}

/** How names of rings begin; sql/catalog-queries.ts looks for them. */
const rolePrefix = 'sallyport_ring_';

/** Schemas of rings and of their keys: of these, no ring shows anything. */
export const isOfRing = (schema: string): boolean => schema.startsWith(rolePrefix);

/** 64 bits: nobody but the gateway's own policies makes sets of masks. */
const digestHexDigits = 16;

/** Null when the masks name no fields: what detectors find is masked on the wire alone. */
export function ringOf(
  target: TargetName,
  { database }: Pick<PostgresTarget, 'database'>,
  { masks }: Pick<Obligations, 'masks'>,
): Ring | null {
  const fields = masks.flatMap((mask) => mask.fields.map((field) => `${mask.transform} ${field}`));
  if (fields.length === 0) return null;
  // As for masks themselves, neither their order counts nor the policy that they are from.
  const said = JSON.stringify([target, database, [...new Set(fields)].sort()]);
  const digest = createHash('sha256').update(said).digest('hex').slice(0, digestHexDigits);
  return { role: `${rolePrefix}${digest}`, target, masks: masks.filter((mask) => mask.fields.length > 0) };
}

/** The target as sessions in the ring log in to it. */
export const asRingRole = (
  target: PostgresTarget,
  { role }: Ring,
  { password }: RingLogin,
): PostgresTarget => ({
  ...target,
  user: role,
  password,
});

/** The ring's views stand before the tables of their names. */
export const ringSearchPath = ({ role }: Ring, { searchPath }: PostgresTarget): string =>
  searchPathText([role, ...searchPath]);
