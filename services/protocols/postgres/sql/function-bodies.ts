/** What the bodies of functions do: of those that are being made, for whoever approves it, and of those in the catalog. */
import type { CreateFunctionStmt, DoStmt, Node } from 'libpg-query';
import type { OpaqueReason } from './analysis.ts';
import { noteUntraced, resolveType } from './calls.ts';
import type { CatalogFunction } from './catalog.ts';
import { bodyText, doneText, moreFunctionsText, unreadBodyText } from './consequences.ts';
import { type Context, type Running, running } from './context.ts';
import { TooComplexError } from './errors.ts';
import { Findings } from './findings.ts';
import {
  maxAnalysisStepsOnEventLoop,
  maxBodyDepth,
  maxCatalogPlpgsqlTokens,
  maxFunctionsFollowed,
  maxFunctionsTold,
  maxOwnPaths,
  maxRememberedBodies,
} from './limits.ts';
import { type SearchPath, searchPath } from './names.ts';
import { itemsOf, listOf, strings } from './nodes.ts';
import { readsNoTables } from './opaque-functions.ts';
import { notePlpgsql, type PlpgsqlFunction } from './plpgsql-body.ts';
import { Budget, emptyScope, Scope } from './scope.ts';
import { isHarmlessSetting, settingName } from './settings.ts';
import { anyType, typeOid } from './types.ts';
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
  for (const sentence of calledBodies(body, context)) tell(sentence);
}

/** Tells what the functions do that may run, which are decided by their names; an approval is bound to that, too. */
export function noteCalledBodies(context: Context): void {
  const { findings } = context;
  for (const sentence of calledBodies(findings, context)) findings.consequence(sentence);
}

function calledBodies(findings: Findings, context: Context): readonly string[] {
  const run: Bodies = new Map();
  for (const one of findings.functions()) {
    if (readsNoTables(one)) continue;
    for (const [each, body] of runBy(one, context) ?? new Map([[one, null]])) run.set(each, body);
  }
  const sentences: string[] = [];
  for (const [one, body] of run) {
    // Of other languages the name alone is known, which is an effect.
    if (one.kind === 'aggregate' || !readLanguages.has(one.language)) continue;
    if (body === null) {
      sentences.push(unreadBodyText(one));
      continue;
    }
    findings.depend(body);
    findings.version(one.version);
    const done = doneText(body.effects(), body.opaqueReasons());
    if (done !== '') sentences.push(bodyText(one, done));
  }
  const told = sentences.slice(0, maxFunctionsTold);
  return told.length === sentences.length
    ? told
    : [...told, moreFunctionsText(sentences.length - told.length)];
}

const readLanguages: ReadonlySet<string> = new Set(['sql', 'plpgsql']);

/**
 * What a function of the catalog does when it is called, without what the functions do that it calls. Null where that cannot be read; what
 * has opaque reasons may do anything beside what was found.
 */
export function bodyOf(one: CatalogFunction, context: Context): Findings | null {
  const { bodies } = context;
  const key = `${one.oid} ${context.running.key}`;
  const known = bodies.get(key);
  if (known !== undefined) return known;
  const body = readDefinition(one, context);
  if (bodies.size >= maxRememberedBodies) bodies.clear();
  // Within a view, what leads back to that view looks unreadable.
  if (context.within.length === 0) bodies.set(key, body);
  return body;
}

function readDefinition(one: CatalogFunction, outer: Context): Findings | null {
  // What the catalog has must not make a text too large that only calls it; and whatever calls it, the same is found in it.
  const context: Context = {
    ...whenCalled(outer, one),
    budget: new Budget(maxAnalysisStepsOnEventLoop),
    plpgsqlTokens: maxCatalogPlpgsqlTokens,
    bodyDepth: 0,
    callers: [],
    parameters: null,
  };
  try {
    const statement = definitionOf(one, context);
    return statement === null ? null : readBody(statement, context);
  } catch (thrown) {
    if (thrown instanceof TooComplexError) return null;
    throw thrown;
  }
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
  for (const [{ kind }, body] of run) {
    if (kind === 'aggregate') continue;
    if (body === null || body.opaqueReasons().some((reason) => !aboutRights.has(reason))) return 'unknown';
    for (const column of body.columnsRead()) columns.add(column);
  }
  return [...columns];
}

/** Whose rights count in a call changes nothing about what it reads. */
const aboutRights: ReadonlySet<OpaqueReason> = new Set(['security-definer']);

type Bodies = Map<CatalogFunction, Findings | null>;

/** The function, and all that may run when it does, built-ins left out, with their bodies; null where they are too many to tell. */
function runBy(one: CatalogFunction, outer: Context): Bodies | null {
  let context = outer;
  for (let round = 0; round < maxOwnPaths; round++) {
    const found = closure(one, context);
    const next = found === null ? null : alsoAsCalled(found, context.running);
    if (next === null || next.key === context.running.key) return found;
    context = { ...context, running: next };
  }
  return null;
}

/** What functions call whose search path is their own, or that run as their owners, runs so too: all are looked at in all these ways. */
function alsoAsCalled(found: Bodies, { searchPaths, elsewhere, asOwner }: Running): Running {
  const own = [...found.values()].flatMap((body) => body?.ownPath ?? []);
  const paths = new Map([...searchPaths, ...own].map((path) => [JSON.stringify(path), path]));
  const isOwners = [...found.keys()].some(({ securityDefiner }) => securityDefiner);
  return running([...paths.values()], elsewhere, asOwner || isOwners);
}

function closure(one: CatalogFunction, context: Context): Bodies | null {
  const found: Bodies = new Map();
  const waiting = [one];
  for (const each of waiting) {
    if (found.has(each)) continue;
    if (found.size >= maxFunctionsFollowed) return null;
    context.budget.spend(1);
    const body = each.kind === 'aggregate' ? null : bodyOf(each, context);
    found.set(each, body);
    const called = [
      ...(body?.functions() ?? []),
      ...each.aggregates.flatMap((oid) => context.catalog.functionsByOid.get(oid) ?? []),
    ];
    for (const next of called) if (!readsNoTables(next)) waiting.push(next);
  }
  return found;
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
  const findings = new Findings();
  const context = withOwnSettings(statement, { ...outer, findings });
  if (context === null) return null;
  for (const node of defaultsOf(statement)) context.queries.bodyStatement(node, emptyScope, context);
  const language = languageOf(optionsOf(statement, 'language'));
  return language === 'plpgsql'
    ? inBody(context, (inner) => {
        const source = sourceOf(statement);
        return source !== null && notePlpgsql(plpgsqlFunction(statement, inner), source, inner);
      })
    : inBody(context, (inner) => noteSqlBody(statement, inner));
}

/** What a DO block does; null where it is in a language that is not read, or cannot be. */
export function blockOf(statement: DoStmt, outer: Context): Findings | null {
  const options = listOf(statement.args).flatMap((node) => ('DefElem' in node ? [node.DefElem] : []));
  const language = languageOf(
    options.flatMap(({ defname, arg }) => (defname === 'language' ? (arg ?? []) : [])),
  );
  const [source] = options.flatMap(({ defname, arg }) => (defname === 'as' ? (arg ?? []) : []));
  if (source === undefined || !('String' in source) || (language ?? 'plpgsql') !== 'plpgsql') return null;
  const text = source.String.sval ?? '';
  const body = inBody({ ...outer, findings: new Findings() }, (inner) => notePlpgsql(block, text, inner));
  // What functions that it calls have read goes where it likes.
  if (body !== null) for (const one of [...body.functions()]) noteUntraced(one, { ...outer, findings: body });
  return body;
}

const block: PlpgsqlFunction = {
  kind: 'block',
  name: null,
  parameters: [],
  fields: [],
  returns: 'nothing',
  returnsSet: false,
  returnType: anyType,
};

function inBody(outer: Context, read: (inner: Context) => boolean): Findings | null {
  const { findings } = outer;
  if (outer.bodyDepth >= maxBodyDepth || !read({ ...outer, bodyDepth: outer.bodyDepth + 1 })) return null;
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
      const path = searchPath(values);
      context = withPaths(context, [path], [], true);
      context.findings.ownPath = path;
    }
    if (setting === 'standard_conforming_strings' && !isHarmlessSetting(setting, values, [])) return null;
  }
  return context;
}

function noteSqlBody(statement: CreateFunctionStmt, context: Context): boolean {
  const nodes = statementsOf(statement, context);
  if (nodes === null) return false;
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
  for (const node of nodes) context.queries.bodyStatement(node, scope, context);
  return true;
}

/** Of a body in SQL, as text or as RETURN and BEGIN ATOMIC have it. */
export function statementsOf(statement: CreateFunctionStmt, context: Context): readonly Node[] | null {
  const { sql_body: body } = statement;
  if (body !== undefined && 'ReturnStmt' in body) return [asSelect(body.ReturnStmt.returnval)];
  if (body !== undefined) return itemsOf(body).flatMap(itemsOf);
  const language = languageOf(optionsOf(statement, 'language'));
  const source = language === 'sql' ? sourceOf(statement) : null;
  const parsed = source === null ? null : context.parse(source);
  return parsed?.kind === 'parsed' ? parsed.statements.flatMap(({ stmt }) => stmt ?? []) : null;
}

/** Null where it is not said. */
const languageOf = ([node]: readonly Node[]): string | null =>
  node !== undefined && 'String' in node ? (node.String.sval ?? '').toLowerCase() : null;

function sourceOf(statement: CreateFunctionStmt): string | null {
  const [text] = optionsOf(statement, 'as').flatMap(itemsOf);
  return text !== undefined && 'String' in text ? (text.String.sval ?? '') : null;
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

/** What event triggers are told; other triggers' variables are known to the parser. */
const eventFields: readonly Field[] = ['tg_event', 'tg_tag'].map((name) => ({
  name,
  value: constant(typeOid.text),
}));

/** A body in PL/pgSQL, with its head. */
function plpgsqlFunction(statement: CreateFunctionStmt, context: Context): PlpgsqlFunction {
  const { returnType, parameters } = statement;
  const returned = strings(returnType?.names).at(-1);
  const type = returnType === undefined ? anyType : resolveType(context, returnType);
  const isPseudo = context.types.get(type)?.kind === 'pseudo';
  const isRow = (one: number): boolean => one === typeOid.record || context.types.isComposite(one);
  const listed = listOf(parameters).flatMap((node) =>
    'FunctionParameter' in node ? [node.FunctionParameter] : [],
  );
  return {
    kind: returned === 'trigger' ? 'trigger' : statement.is_procedure === true ? 'procedure' : 'function',
    name: strings(statement.funcname).at(-1) ?? null,
    parameters: listed.map(({ name, mode, argType }) => ({
      name,
      isOutput: outputModes.has(mode ?? ''),
      isVariadic: mode === 'FUNC_PARAM_VARIADIC',
      isRow: isRow(resolveType(context, argType)),
    })),
    fields: [
      ...parametersOf(statement, context).filter(({ name }) => name !== ''),
      ...(returned === 'event_trigger' ? eventFields : []),
    ],
    returns:
      returned === undefined || returned === 'void' || returned === 'event_trigger'
        ? 'nothing'
        : isRow(type)
          ? 'row'
          : 'value',
    returnsSet: returnType?.setof === true || listed.some(({ mode }) => mode === 'FUNC_PARAM_TABLE'),
    returnType: isPseudo ? anyType : type,
  };
}

const outputModes: ReadonlySet<string> = new Set(['FUNC_PARAM_OUT', 'FUNC_PARAM_INOUT', 'FUNC_PARAM_TABLE']);
