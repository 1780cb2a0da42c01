/**
 * The text of a PL/pgSQL body -> the SQL in it. libpg-query's parser is PostgreSQL's own without a catalog, and it does not write all of
 * its tree down: the default of a variable whose type it does not know is missing. So what was found is compared with the body's
 * own tokens, and a body of which some SQL is left over is not read.
 */
import { maxBlockDepth } from './limits.ts';
import { parsePlpgsql } from './parse.ts';
import { blockDepth, TokenCount, tokensOf, withoutRowType, withTextInsteadOf } from './plpgsql-tokens.ts';

export interface PlpgsqlVariable {
  readonly name: string;
  /** As it was declared; null where no declaration says it (a parameter's, a loop's). */
  readonly type: string | null;
  /** Whether it has fields. */
  readonly isRow: boolean;
}

/**
 * `expression`: what stands behind SELECT. `assignment`: a variable, := or =, and an expression. `dynamic`: an expression whose value is the
 * text of a statement.
 */
export type PlpgsqlTextKind = 'statement' | 'expression' | 'assignment' | 'dynamic';

export interface PlpgsqlText {
  readonly kind: PlpgsqlTextKind;
  readonly text: string;
}

export interface PlpgsqlBody {
  readonly variables: readonly PlpgsqlVariable[];
  /** Names for parameters (ALIAS FOR). */
  readonly aliases: readonly string[];
  /** Of blocks and loops: `label.variable`. */
  readonly labels: readonly string[];
  readonly texts: readonly PlpgsqlText[];
  /** Rows are taken from a cursor that may be any of the session's. */
  readonly fetchesUnknown: boolean;
}

/** How the function is declared, as far as that changes what its body may say. */
export interface PlpgsqlHead {
  readonly kind: 'function' | 'procedure' | 'trigger' | 'block';
  readonly parameters: readonly {
    readonly name: string | undefined;
    readonly isOutput: boolean;
    readonly isVariadic: boolean;
    readonly isRow: boolean;
  }[];
  readonly returns: 'nothing' | 'value' | 'row';
  readonly returnsSet: boolean;
}

/** Null where it cannot be read, or not all of it. `isRowType`: whether a type that is declared so has fields. */
export function readPlpgsql(
  head: PlpgsqlHead,
  source: string,
  isRowType: (type: string) => boolean,
): PlpgsqlBody | null {
  const tokens = tokensOf(source);
  if (tokens === null || blockDepth(tokens) > maxBlockDepth) return null;
  const plain = withoutRowType(source, tokens);
  const declared = findIn(head, plain);
  if (declared === null) return null;
  const types = declared.variables.map(({ type }) => type);
  const scalars = declared.variables.flatMap(({ type, isRow }) =>
    type !== null && isRow && !isRowType(type) ? [type] : [],
  );
  const found =
    scalars.length === 0
      ? declared
      : findIn(head, withTextInsteadOf(new Set(scalars), plain, tokensOf(plain) ?? []));
  if (found === null || found.isStrange || found.variables.length !== types.length) return null;
  const left = new TokenCount();
  left.add(tokens, 1);
  for (const { text, wrapped } of found.texts) {
    const own = tokensOf(text);
    if (own === null) return null;
    left.add(own.slice(wrapped.before, own.length - wrapped.behind), -1);
  }
  const inTypes = types.flatMap((type) => tokensOf(type ?? '') ?? []).filter(({ text }) => text === '(');
  if (!left.isStructure(inTypes.length + found.lists)) return null;
  return { ...found, variables: found.variables.map((one, at) => ({ ...one, type: types[at] ?? null })) };
}

/** CREATE FUNCTION as the parser wants it: types matter only as far as values have fields or not. */
function createFunction({ kind, parameters, returns, returnsSet }: PlpgsqlHead, body: string): string {
  const quoted = `LANGUAGE plpgsql AS '${body.replaceAll("'", "''")}'`;
  if (kind === 'trigger') return `CREATE FUNCTION f() RETURNS trigger ${quoted}`;
  const typeOf = (isRow: boolean): string => (isRow ? 'record' : 'int');
  const list = parameters.map(({ name, isOutput, isVariadic, isRow }) => {
    const mode = isOutput ? 'INOUT ' : isVariadic ? 'VARIADIC ' : '';
    const written = name === undefined || name === '' ? '' : `"${name.replaceAll('"', '""')}" `;
    return `${mode}${written}${isVariadic ? 'int[]' : typeOf(isRow)}`;
  });
  const outputs = parameters.filter(({ isOutput }) => isOutput);
  const [output] = outputs;
  const set = returnsSet ? 'SETOF ' : '';
  const returned =
    output === undefined
      ? `RETURNS ${set}${returns === 'nothing' ? 'void' : typeOf(returns === 'row')}`
      : returnsSet
        ? `RETURNS SETOF ${outputs.length > 1 ? 'record' : typeOf(output.isRow)}`
        : '';
  return kind === 'procedure'
    ? `CREATE PROCEDURE f(${list.join(', ')}) ${quoted}`
    : `CREATE FUNCTION f(${list.join(', ')}) ${returned} ${quoted}`;
}

type Json = Readonly<Record<string, unknown>>;

const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const listIn = (json: Json, key: string): readonly unknown[] => {
  const value = json[key];
  return Array.isArray(value) ? value : [];
};
const textIn = (json: Json, key: string): string | null => {
  const value = json[key];
  return typeof value === 'string' ? value : null;
};
/** A zero is left out. */
const numberIn = (json: Json, key: string): number => {
  const value = json[key];
  return typeof value === 'number' ? value : 0;
};

function findIn(head: PlpgsqlHead, body: string): Finder | null {
  const tree = parsePlpgsql(createFunction(head, body));
  const functions = isJson(tree) ? listIn(tree, 'plpgsql_funcs') : [];
  const [one, ...more] = functions;
  const made = isJson(one) ? one['PLpgSQL_function'] : undefined;
  if (!isJson(made) || !isJson(made['action']) || more.length > 0) return null;
  return new Finder(made);
}

interface Found extends PlpgsqlText {
  /** Tokens of the text that PL/pgSQL has put around the source's. */
  readonly wrapped: { readonly before: number; readonly behind: number };
}

const asItStands = { before: 0, behind: 0 } as const;
/** PERFORM becomes SELECT. */
const performed = { before: 1, behind: 0 } as const;
/** `"__Case__Variable_1__" IN (` ... `)` */
const compared = { before: 3, behind: 1 } as const;

/** pl_gram.y's statements and what they are made of: whatever else comes makes a body unreadable. */
const known: ReadonlySet<string> = new Set(
  `stmt_block stmt_assign stmt_if stmt_case stmt_loop stmt_while stmt_fori stmt_fors stmt_forc stmt_foreach_a stmt_exit
   stmt_return stmt_return_next stmt_return_query stmt_raise stmt_assert stmt_execsql stmt_dynexecute stmt_dynfors
   stmt_getdiag stmt_open stmt_fetch stmt_close stmt_perform stmt_call stmt_commit stmt_rollback if_elsif case_when
   raise_option diag_item exception_block exception condition`
    .split(/\s+/)
    .map((name) => `PLpgSQL_${name}`),
);

/** RawParseMode in parser.h: a statement, an expression, and assignments to names of one, two and three parts. */
const modes: readonly (PlpgsqlTextKind | null)[] = [
  'statement',
  null,
  'expression',
  'assignment',
  'assignment',
  'assignment',
];

/** Names that may be the same are the same here. */
const plainName = (name: string): string => name.replaceAll('"', '').toLowerCase();

const expressionsIn = (body: Json): readonly string[] =>
  Object.values(body).flatMap((value) => {
    const expression = isJson(value) ? value['PLpgSQL_expr'] : undefined;
    return isJson(expression) ? (textIn(expression, 'query') ?? []) : [];
  });

/** Goes through one function's tree. */
class Finder {
  readonly variables: PlpgsqlVariable[] = [];
  readonly aliases: string[] = [];
  readonly labels: string[] = [];
  readonly texts: Found[] = [];
  /** Lists in parentheses that PL/pgSQL itself has: a cursor's parameters, and what they are given. */
  lists = 0;
  isStrange = false;
  fetchesUnknown = false;
  readonly #datums: readonly unknown[];
  /** Numbers of cursors that this body opens for a query of its own, and of variables that are given values otherwise. */
  readonly #opened = new Set<number>();
  readonly #assigned = new Set<number>();
  readonly #fetched = new Set<number>();
  /** Words of CALL statements: output parameters are known only when they run. */
  readonly #called = new Set<string>();

  constructor(made: Json) {
    this.#datums = listIn(made, 'datums');
    for (const [at, datum] of this.#datums.entries()) this.#declare(datum, at);
    for (const alias of listIn(made, 'aliases')) {
      const body = isJson(alias) ? alias['PLpgSQL_alias'] : undefined;
      const name = isJson(body) ? textIn(body, 'name') : null;
      if (name === null) this.isStrange = true;
      else this.aliases.push(name);
    }
    this.#walk(made['action']);
    // Whose name a variable holds that somebody else has set is not known.
    this.fetchesUnknown = [...this.#fetched].some(
      (at) => this.#assigned.has(at) || !this.#opened.has(at) || this.#mayBeOutput(at),
    );
  }

  #declare(datum: unknown, at: number): void {
    const [kind, body] = isJson(datum) ? (Object.entries(datum)[0] ?? []) : [];
    if (!isJson(body)) {
      this.isStrange = true;
      return;
    }
    switch (kind) {
      case 'PLpgSQL_var':
      case 'PLpgSQL_rec':
        this.#declareVariable(body, at, kind === 'PLpgSQL_rec');
        return;
      case 'PLpgSQL_row':
        for (const field of listIn(body, 'fields')) {
          if (isJson(field)) this.#assigned.add(numberIn(field, 'varno'));
        }
        return;
      case 'PLpgSQL_recfield':
        return;
      default:
        this.isStrange = true;
    }
  }

  #declareVariable(body: Json, at: number, isRow: boolean): void {
    const name = textIn(body, 'refname');
    const type = isJson(body['datatype']) ? body['datatype']['PLpgSQL_type'] : undefined;
    // What has no line of its own is a parameter, or PL/pgSQL's.
    const isDeclared = numberIn(body, 'lineno') > 0;
    const typeName = isDeclared && isJson(type) ? textIn(type, 'typname') : null;
    if (name !== null) this.variables.push({ name, type: typeName, isRow });
    if (!isDeclared || body['default_val'] !== undefined) this.#assigned.add(at);
    this.#expression(body['default_val']);
    if (body['cursor_explicit_expr'] === undefined) return;
    this.#opened.add(at);
    this.#expression(body['cursor_explicit_expr']);
    if (numberIn(body, 'cursor_explicit_argrow') > 0) this.lists += 1;
  }

  #walk(node: unknown): void {
    if (Array.isArray(node)) for (const item of node) this.#walk(item);
    if (!isJson(node)) return;
    for (const [kind, body] of Object.entries(node)) {
      if (!known.has(kind) || !isJson(body)) this.isStrange = true;
      else this.#statement(kind, body);
    }
  }

  #statement(kind: string, body: Json): void {
    const label = textIn(body, 'label');
    if (label !== null) this.labels.push(label);
    this.#cursors(kind, body);
    for (const [key, value] of Object.entries(body)) {
      // Variables are among the datums.
      if (key === 'var' || key === 'target') continue;
      const isExpression = isJson(value) && 'PLpgSQL_expr' in value;
      if (isExpression) this.#expression(value, kind, key);
      else if (key === 'params') for (const one of listIn(body, key)) this.#expression(one);
      else if (isJson(value) || Array.isArray(value)) this.#walk(value);
    }
  }

  #cursors(kind: string, body: Json): void {
    const cursor = numberIn(body, 'curvar');
    switch (kind) {
      case 'PLpgSQL_stmt_open':
        this.#opened.add(cursor);
        if (body['argquery'] !== undefined) this.lists += 1;
        return;
      case 'PLpgSQL_stmt_forc':
        this.#fetched.add(cursor);
        if (body['argquery'] !== undefined) this.lists += 1;
        return;
      case 'PLpgSQL_stmt_fetch':
        this.#fetched.add(cursor);
        return;
      case 'PLpgSQL_stmt_assign':
      case 'PLpgSQL_stmt_foreach_a':
        this.#assigned.add(numberIn(body, 'varno'));
        return;
      case 'PLpgSQL_diag_item':
        this.#assigned.add(numberIn(body, 'target'));
        return;
      case 'PLpgSQL_stmt_call':
        for (const text of expressionsIn(body))
          for (const token of tokensOf(text) ?? []) this.#called.add(plainName(token.text));
    }
  }

  #mayBeOutput(at: number): boolean {
    const datum = this.#datums[at];
    const cursor =
      isJson(datum) && isJson(datum['PLpgSQL_var']) ? textIn(datum['PLpgSQL_var'], 'refname') : null;
    // By another name it is not seen.
    const isNamedOtherwise = this.aliases.length > 0 && this.#called.size > 0;
    return cursor === null || isNamedOtherwise || this.#called.has(plainName(cursor));
  }

  #expression(value: unknown, within = '', as = ''): void {
    if (value === undefined) return;
    const body = isJson(value) ? value['PLpgSQL_expr'] : undefined;
    const text = isJson(body) ? textIn(body, 'query') : null;
    const kind = isJson(body) ? (modes[numberIn(body, 'parseMode')] ?? null) : null;
    if (text === null || kind === null) {
      this.isStrange = true;
      return;
    }
    const executed =
      as === 'dynquery' ||
      (as === 'query' && (within === 'PLpgSQL_stmt_dynexecute' || within === 'PLpgSQL_stmt_dynfors'));
    const isCompared = within === 'PLpgSQL_case_when' && text.startsWith('"__Case__Variable_');
    this.texts.push({
      kind: executed ? 'dynamic' : kind,
      text,
      wrapped: within === 'PLpgSQL_stmt_perform' ? performed : isCompared ? compared : asItStands,
    });
  }
}
