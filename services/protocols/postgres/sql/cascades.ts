/** What goes along with a statement by CASCADE, as effects and in words: a rule on app.audit holds however app.audit would go. */
import { createHash } from 'node:crypto';
import type { Analysis, CascadeRoot, OpaqueReason, StatementFacts, Verb } from './analysis.ts';
import type { CascadedObject } from './cascade-query.ts';
import type { Catalog } from './catalog.ts';
import { Findings } from './findings.ts';
import { maxCascadedObjects, maxCascadesTold } from './limits.ts';
import { mergeEffects } from './merge-effects.ts';

/** Null where the target could not say. */
export type Cascaded = readonly CascadedObject[] | null;

/** The analysis with what the target has said, by statement. */
export function withCascades(
  { intent, statements }: Analysis,
  cascaded: readonly Cascaded[],
  catalog: Catalog,
): Analysis {
  const whole = statements.map((statement, at) =>
    statement.cascades.length === 0 ? statement : withCascade(statement, cascaded[at] ?? null, catalog),
  );
  return {
    statements: whole,
    intent: {
      ...intent,
      effects: mergeEffects(whole),
      opaque: [...new Set(whole.flatMap((one): readonly OpaqueReason[] => one.opaque))],
      versions: [...new Set(whole.flatMap((one) => one.versions))],
      consequences: [...new Set(whole.flatMap((one) => one.consequences))],
    },
  };
}

function withCascade(statement: StatementFacts, cascaded: Cascaded, catalog: Catalog): StatementFacts {
  const isUnseen = statement.cascades.some(({ kind }) => kind === 'unseen');
  // Of a DO block, like all else that it does.
  const coveredBy: OpaqueReason | null = statement.command === 'DO' ? 'procedural-code' : null;
  if (cascaded === null || isUnseen || cascaded.length > maxCascadedObjects) {
    return {
      ...statement,
      opaque: [...new Set<OpaqueReason>([...statement.opaque, coveredBy ?? 'unseen-cascade'])],
    };
  }
  const findings = new Findings();
  const verb: Verb = isReassigning(statement.cascades) ? 'alter' : 'drop';
  for (const one of cascaded) noteObject(one, verb, catalog, findings);
  return {
    ...statement,
    effects: mergeEffects([
      statement,
      { effects: findings.effects().map((effect) => ({ ...effect, coveredBy })) },
    ]),
    versions: [...statement.versions, ...findings.versions(), `cascade@${digest(cascaded)}`],
    consequences: [...statement.consequences, ...cascadedTexts(cascaded, verb)],
    touched: [...statement.touched, ...findings.touched()],
    // Where a relation is unknown, it was made since the catalog was read.
    opaque: [
      ...new Set([...statement.opaque, ...findings.opaqueReasons().map((reason) => coveredBy ?? reason)]),
    ],
  };
}

const isReassigning = (roots: readonly CascadeRoot[]): boolean =>
  roots.some(({ kind }) => kind === 'reassigned');

function noteObject(one: CascadedObject, verb: Verb, catalog: Catalog, findings: Findings): void {
  const oid = one.relation !== 0 ? one.relation : one.partOf;
  if (oid === 0) {
    const kind = ourKinds.get(one.type) ?? one.type;
    return findings.object(verb, kind, `${kind} ${one.identity}`);
  }
  const relation = catalog.relationsByOid.get(oid);
  if (relation === undefined) return findings.opaque('unseen-cascade');
  if (one.relation !== 0) return findings.define(verb, relation.kind, relation.text, relation);
  findings.define('alter', relation.kind, relation.text, relation);
}

/** Where PostgreSQL's word for a kind of object is not ours. */
const ourKinds: ReadonlyMap<string, string> = new Map([
  ['foreign-data wrapper', 'foreign data wrapper'],
  ['foreign server', 'server'],
  ['statistics object', 'statistics'],
]);

function cascadedTexts(cascaded: readonly CascadedObject[], verb: Verb): readonly string[] {
  const told = cascaded
    .slice(0, maxCascadesTold)
    .map(({ type, identity }) =>
      verb === 'drop' ? `drops ${type} ${identity}` : `gives ${type} ${identity} another owner`,
    );
  const more = cascaded.length - told.length;
  return more === 0 ? told : [...told, `and ${more} more objects`];
}

/** An object more, less or made anew makes another one. */
const digest = (cascaded: readonly CascadedObject[]): string =>
  createHash('sha256')
    .update(
      cascaded
        .map(({ id }) => id)
        .toSorted()
        .join(','),
    )
    .digest('base64url')
    .slice(0, 16);
