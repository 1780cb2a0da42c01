/** Parameters whose types a client names, in Parse or in PREPARE q(type): making a value of a domain runs its checks. */

import type { Analysis, OpaqueReason, StatementFacts } from './analysis.ts';
import { noteType } from './calls.ts';
import type { CatalogContext } from './context.ts';
import { Findings } from './findings.ts';
import { firstOwnOid } from './limits.ts';
import { mergeEffects } from './merge-effects.ts';

/** The same object where no parameter has a type that somebody has added: nearly always. `types`: pg_type.oid, 0 where none is named. */
export function withParameterTypes(
  analysis: Analysis,
  types: readonly number[],
  context: CatalogContext,
): Analysis {
  if (!types.some((type) => type >= firstOwnOid)) return analysis;
  const statements = analysis.statements.map((statement) => runningTypes(statement, types, context));
  const { intent } = analysis;
  return {
    statements,
    intent: {
      ...intent,
      effects: mergeEffects(statements),
      opaque: [...new Set(statements.flatMap((one): readonly OpaqueReason[] => one.opaque))],
      versions: [...new Set(statements.flatMap((one) => one.versions))],
    },
  };
}

/** The statement, with what making values of these types runs. */
export function runningTypes(
  statement: StatementFacts,
  types: readonly number[],
  { catalog, types: known }: CatalogContext,
): StatementFacts {
  const own = types.filter((type) => type >= firstOwnOid);
  if (own.length === 0) return statement;
  const findings = new Findings();
  for (const type of own) {
    if (known.get(type) === undefined) findings.opaque('unknown-type');
    noteType({ catalog, types: known, findings }, type);
  }
  return {
    ...statement,
    effects: mergeEffects([statement, { effects: findings.effects() }]),
    opaque: [...new Set([...statement.opaque, ...findings.opaqueReasons()])],
    versions: [...new Set([...statement.versions, ...findings.versions()])],
    plansWithCode: statement.plansWithCode || findings.plansWithCode,
  };
}
