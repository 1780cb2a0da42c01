/** A whole text -> what it means on one catalog. Runs on the event loop for small texts and in the worker for large ones. */
import type { RawStmt } from 'libpg-query';
import type { Unacceptable } from '../../../core/model/action.ts';
import { targetName } from '../../../core/model/ids.ts';
import type { Analysis, OpaqueReason, OtherSchemas, StatementFacts } from './analysis.ts';
import type { Catalog } from './catalog.ts';
import { type CatalogContext, type Context, running } from './context.ts';
import type { TooComplexError } from './errors.ts';
import { maxPlpgsqlTokensOnEventLoop } from './limits.ts';
import { mergeEffects } from './merge-effects.ts';
import { emptySearchPath, searchPath } from './names.ts';
import { mergeOtherSchemas, otherPaths } from './other-schemas.ts';
import type { Parsed } from './parse.ts';
import { queries } from './queries.ts';
import { Budget } from './scope.ts';
import { TextCutter } from './statement-text.ts';
import { statementFacts } from './statements.ts';
import { Types } from './types.ts';

/** What a text's meaning depends on beside its catalog. Plain data: it is sent to the worker. */
export interface Circumstances {
  readonly target: string;
  /** As the session was opened with it, in order. */
  readonly searchPath: readonly string[];
  /** The session may have made its search path empty: names are looked up with and without the pinned one. */
  readonly emptySearchPath: boolean;
  readonly otherSchemas?: OtherSchemas;
}

export function catalogContext(
  catalog: Catalog,
  parse: (text: string) => Parsed,
  plpgsqlTokens = maxPlpgsqlTokensOnEventLoop,
): CatalogContext {
  return {
    catalog,
    types: new Types(catalog),
    views: new Map(),
    functionChoices: new Map(),
    operatorChoices: new Map(),
    bodies: new Map(),
    functionFacts: new Map(),
    plpgsqlTokens,
    parse,
  };
}

/** @throws TooComplexError where the text needs more than `steps` of work, or is too deep. */
export function analyseParsed(
  text: string,
  statements: readonly RawStmt[],
  circumstances: Circumstances,
  base: CatalogContext,
  steps: number,
): Analysis {
  const pinned = base.catalog.usable(searchPath(circumstances.searchPath));
  const either = [pinned, base.catalog.usable(emptySearchPath)];
  let isEmptied = circumstances.emptySearchPath;
  let others = circumstances.otherSchemas ?? null;
  const budget = new Budget(steps);
  const cutter = new TextCutter(text);
  const facts = statements.flatMap(({ stmt, stmt_location, stmt_len }): readonly StatementFacts[] => {
    if (stmt === undefined) return [];
    const elsewhere = otherPaths(others, pinned, base.catalog);
    const paths = [...(isEmptied ? either : [pinned]), ...elsewhere];
    const context: Omit<Context, 'findings'> = {
      ...base,
      paths,
      pathKey: JSON.stringify(paths),
      anyOrder: others !== null,
      pinnedSearchPath: circumstances.searchPath,
      budget,
      within: [],
      bodyDepth: 0,
      callers: [],
      // What is called cannot know whether the search path was made empty since.
      running: running([searchPath(circumstances.searchPath), emptySearchPath], elsewhere, false),
      parameters: null,
      queries,
    };
    const statement = statementFacts(stmt, cutter.cut(stmt_location ?? 0, stmt_len ?? 0), context);
    if (statement.emptiesSearchPath) isEmptied = true;
    others = mergeOtherSchemas(others, statement.otherSchemas);
    return [statement];
  });
  return {
    statements: facts,
    intent: {
      protocol: 'postgres',
      target: targetName(circumstances.target),
      text,
      commands: facts.length,
      effects: mergeEffects(facts),
      opaque: [...new Set(facts.flatMap((one): readonly OpaqueReason[] => one.opaque))],
      versions: [...new Set(facts.flatMap((one) => one.versions))],
      consequences: [...new Set(facts.flatMap((one) => one.consequences))],
      unacceptable: null,
    },
  };
}

/** A text that is refused whatever the policy says. */
export const refusal = (text: string, target: string, unacceptable: Unacceptable): Analysis => ({
  statements: [],
  intent: {
    protocol: 'postgres',
    target: targetName(target),
    text,
    commands: 1,
    effects: [],
    opaque: [],
    versions: [],
    consequences: [],
    unacceptable,
  },
});

export const tooComplex = (why: TooComplexError): Unacceptable => ({
  reason: 'too-large',
  message: `The statement cannot be analysed: ${why.message}.`,
  hint: 'Write it simpler, or in several statements.',
});
