/** What the bodies of functions do: of those that are being made, for whoever approves it, and of those in the catalog. */
import type { CreateFunctionStmt, Node } from 'libpg-query';
import type { OpaqueReason } from './analysis.ts';
import { resolveType } from './calls.ts';
import type { CatalogFunction } from './catalog.ts';
import { type Context, type Running, running } from './context.ts';
import { Findings } from './findings.ts';
import { maxBodyDepth, maxFunctionsFollowed } from './limits.ts';
import { type SearchPath, searchPath } from './names.ts';
import { itemsOf, listOf, strings } from './nodes.ts';
import { readsNoTables } from './opaque-functions.ts';
import { Scope } from './scope.ts';
import { isHarmlessSetting, settingName } from './settings.ts';
import { typeOid } from './types.ts';
import { anything, constant, type Field, type Sources } from './value.ts';

/**
 * Tells what CREATE FUNCTION makes. Told only: making it stays opaque, since it will be called by others, with other rights and
 * another search path.
 */
export function noteBody(statement: CreateFunctionStmt, context: Context): void {
  const body = readBody(statement, context);
  if (body === null) return;
  const tell = (what: string): void => context.findings.consequence(`once it is called: ${what}`);
  for (const { verb, resource } of body.effects()) tell(`${verb} ${resource}`);
  for (const consequence of body.consequences()) tell(consequence);
  const reasons = body.opaqueReasons();
  if (reasons.length > 0) tell(`what is not understood (${reasons.join(', ')})`);
}

/**
 * What a function of the catalog does when it is called, without what the functions do that it calls. Null where that cannot be read; what
 * has opaque reasons may do anything beside what was found.
 */
export function bodyOf(one: CatalogFunction, context: Context): Findings | null {
  const key = `${one.oid} ${context.running.key}`;
  const known = context.bodies.get(key);
  if (known !== undefined) return known;
  const statement = definitionOf(one, context);
  const body = statement === null ? null : readBody(statement, whenCalled(context, one));
  // Within a view, what leads back to that view looks unreadable.
  if (context.within.length === 0 && context.bodyDepth === 0) context.bodies.set(key, body);
  return body;
}

/** The statement that would make the function again; null where it could not be read. */
export function definitionOf(one: CatalogFunction, context: Context): CreateFunctionStmt | null {
  const parsed = one.definition === null ? null : context.parse(one.definition);
  const statement = parsed?.kind === 'parsed' ? parsed.statements[0]?.stmt : undefined;
  return statement !== undefined && 'CreateFunctionStmt' in statement ? statement.CreateFunctionStmt : null;
}

/**
 * The columns that a call of this function may read, in its own body and in all that runs when it does. `unknown` where not all of it can
 * be read: another language, dynamic SQL, names that the catalog does not have.
 */
export function columnsReadBy(one: CatalogFunction, context: Context): Sources | 'unknown' {
  const run = runBy(one, context);
  if (run === null) return 'unknown';
  const columns = new Set<Sources[number]>();
  for (const each of run) {
    if (each.kind === 'aggregate') continue;
    const body = bodyOf(each, context);
    if (body === null || body.opaqueReasons().some((reason) => !aboutRights.has(reason))) return 'unknown';
    for (const column of body.columnsRead()) columns.add(column);
  }
  return [...columns];
}

/** Whose rights count in a call changes nothing about what it reads. */
const aboutRights: ReadonlySet<OpaqueReason> = new Set(['security-definer']);

/** The function, and all that may run when it does, built-ins left out; null where they are too many to tell. */
export function runBy(one: CatalogFunction, context: Context): readonly CatalogFunction[] | null {
  const found = new Set([one]);
  // What is added to a set while it is gone through is gone through, too.
  for (const each of found) {
    if (found.size > maxFunctionsFollowed) return null;
    context.budget.spend(1);
    const called = [
      ...(each.kind === 'aggregate' ? [] : (bodyOf(each, context)?.functions() ?? [])),
      ...each.aggregates.flatMap((oid) => context.catalog.functionsByOid.get(oid) ?? []),
    ];
    for (const next of called) if (!readsNoTables(next)) found.add(next);
  }
  return [...found];
}

/**
 * A called function looks names up by its caller's search path, pinned or empty, unless it sets its own. Where it runs with its owner's
 * rights, schemas may count that the login may not use: names that then mean something else are unknown.
 */
export function whenCalled(context: Context, { securityDefiner }: CatalogFunction): Context {
  const { searchPaths, elsewhere, asOwner } = context.running;
  return withPaths(context, searchPaths, elsewhere, asOwner || securityDefiner);
}

function withPaths(
  context: Context,
  listed: readonly SearchPath[],
  elsewhere: Running['elsewhere'],
  anybodys: boolean,
): Context {
  const { catalog } = context;
  const paths = [...listed.map((path) => catalog.usable(path)), ...elsewhere];
  if (anybodys)
    paths.push(...listed.map(({ schemas }) => schemas.filter((name) => catalog.schemas.has(name))));
  return {
    ...context,
    paths,
    pathKey: JSON.stringify(paths),
    running: running(listed, elsewhere, anybodys),
  };
}

/** What the body does; null where it is in a language that is not read, or cannot be. */
function readBody(statement: CreateFunctionStmt, outer: Context): Findings | null {
  if (outer.bodyDepth >= maxBodyDepth) return null;
  const findings = new Findings();
  const context = withOwnSettings(statement, { ...outer, findings, bodyDepth: outer.bodyDepth + 1 });
  const nodes = context === null ? null : statementsOf(statement, context);
  if (context === null || nodes === null) return null;
  const scope = new Scope(null, [
    {
      name: strings(statement.funcname).at(-1) ?? null,
      fields: parametersOf(statement, context),
      open: null,
      relation: null,
      aliased: true,
      rowType: typeOid.record,
      columnsVisible: true,
      nameVisible: true,
    },
  ]);
  for (const node of [...defaultsOf(statement), ...nodes])
    context.queries.bodyStatement(node, scope, context);
  // What stands behind it would be looked up in another way.
  if (findings.changesSearchPath()) findings.opaque('unknown-name');
  return findings;
}

/** CREATE FUNCTION ... SET: names by its own search path; null where its text would be read in another way. */
export function withOwnSettings(statement: CreateFunctionStmt, outer: Context): Context | null {
  let context = outer;
  for (const node of optionsOf(statement, 'set')) {
    if (!('VariableSetStmt' in node)) continue;
    const { name = '', kind, args } = node.VariableSetStmt;
    const setting = settingName(name);
    const values =
      kind === 'VAR_SET_VALUE'
        ? listOf(args).map((value) => ('A_Const' in value ? (value.A_Const.sval?.sval ?? '') : ''))
        : null;
    if (setting === 'search_path' && values !== null) {
      // Whose name "$user" stands for is not known here.
      if (values.includes('$user')) context.findings.opaque('unknown-name');
      context = withPaths(context, [searchPath(values)], [], true);
    }
    if (setting === 'standard_conforming_strings' && !isHarmlessSetting(setting, values, [])) return null;
  }
  return context;
}

/** Of a body in SQL, as text or as RETURN and BEGIN ATOMIC have it. */
export function statementsOf(statement: CreateFunctionStmt, context: Context): readonly Node[] | null {
  const { sql_body: body } = statement;
  if (body !== undefined && 'ReturnStmt' in body) return [asSelect(body.ReturnStmt.returnval)];
  if (body !== undefined) return itemsOf(body).flatMap(itemsOf);
  const [language] = optionsOf(statement, 'language');
  if (language === undefined || !('String' in language) || language.String.sval?.toLowerCase() !== 'sql')
    return null;
  const [text] = optionsOf(statement, 'as').flatMap(itemsOf);
  if (text === undefined || !('String' in text)) return null;
  const parsed = context.parse(text.String.sval ?? '');
  return parsed.kind === 'parsed' ? parsed.statements.flatMap(({ stmt }) => stmt ?? []) : null;
}

const optionsOf = ({ options }: CreateFunctionStmt, name: string): readonly Node[] =>
  listOf(options).flatMap((node) =>
    'DefElem' in node && node.DefElem.defname === name ? (node.DefElem.arg ?? []) : [],
  );

export const asSelect = (returned: Node | undefined): Node => ({
  SelectStmt: {
    op: 'SETOP_NONE',
    targetList: [{ ResTarget: returned === undefined ? {} : { val: returned } }],
  },
});

const parametersOf = (statement: CreateFunctionStmt, context: Context): readonly Field[] =>
  listOf(statement.parameters).flatMap((node) => {
    if (!('FunctionParameter' in node)) return [];
    const { name, argType } = node.FunctionParameter;
    const type = resolveType(context, argType);
    // Of anyelement and the like only a call says what it is.
    const isKnown = context.types.get(type)?.kind !== 'pseudo';
    return [{ name: name ?? '', value: isKnown ? constant(type) : anything }];
  });

/** What a parameter is when a call leaves it out. */
const defaultsOf = ({ parameters }: CreateFunctionStmt): readonly Node[] =>
  listOf(parameters).flatMap((node) => {
    const value = 'FunctionParameter' in node ? node.FunctionParameter.defexpr : undefined;
    return value === undefined ? [] : [asSelect(value)];
  });
