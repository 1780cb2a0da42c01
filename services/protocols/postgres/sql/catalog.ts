import { createHash } from 'node:crypto';
import type { ColumnRef } from './analysis.ts';
import type { CatalogRing } from './catalog-rings.ts';
import { dotted, type SearchPath } from './names.ts';

/** pg_class.relkind of what a statement can name. */
export const relationKinds = {
  r: 'table',
  p: 'table',
  v: 'view',
  m: 'materialized view',
  f: 'foreign table',
  S: 'sequence',
  c: 'composite type',
  i: 'index',
  I: 'index',
} as const;
export type RelationKind = (typeof relationKinds)[keyof typeof relationKinds];

export interface CatalogColumn extends ColumnRef {
  /** `app.users.email`. */
  readonly text: string;
  /** pg_type.oid. */
  readonly type: number;
  /** Whether equal means the same bytes: false under a collation that takes some texts for equal that differ. */
  readonly deterministic: boolean;
}

export const writeEvents = ['insert', 'update', 'delete', 'truncate'] as const;
export type WriteEvent = (typeof writeEvents)[number];
/** `maintain`: ANALYZE, REINDEX, CLUSTER and the like; `rewrite`: ALTER TABLE that goes through the rows. */
export type RelationEvent = 'select' | WriteEvent | 'maintain' | 'rewrite';

/** Somebody's function that the server runs by itself when rows of a relation are read or written. */
export interface RelationCode {
  readonly events: readonly RelationEvent[];
  readonly function: CatalogFunction;
}

/** One that is not disabled. Its function is among the relation's code, unless it is a trusted one. */
export interface Trigger {
  readonly name: string;
  readonly events: readonly RelationEvent[];
  readonly function: CatalogFunction;
}

/** One that is not disabled. Whatever role changes definitions sets it off. */
export interface EventTrigger {
  readonly name: string;
  /** `ddl_command_start`, `ddl_command_end`, `sql_drop`, `table_rewrite`, `login`. */
  readonly event: string;
  /** Command tags that it is for; null for all. */
  readonly tags: readonly string[] | null;
  readonly function: CatalogFunction;
  /** A built-in, or an extension's in C. */
  readonly isTrusted: boolean;
  /** `event trigger audit@812`. */
  readonly version: string;
}

export interface RewriteRule {
  readonly name: string;
  readonly event: RelationEvent;
  readonly instead: boolean;
}

/** A unique index, which a constraint of the same name may stand for. */
export interface UniqueKey {
  readonly name: string;
  /** All of the relation's columns where the index is on expressions. */
  readonly columns: readonly CatalogColumn[];
  /** Whether no two rows have the same values in these columns. Indexes on some rows and on expressions, and exclusions, only tell of others. */
  readonly identifies: boolean;
}

/** A foreign key; both its relations know it. */
export interface ForeignKey {
  readonly name: string;
  readonly dependent: Relation;
  readonly dependentColumns: readonly CatalogColumn[];
  readonly referencedColumns: readonly CatalogColumn[];
  readonly onDelete: ReferentialAction;
  readonly onUpdate: ReferentialAction;
}
/** `none` stands for NO ACTION and RESTRICT: dependent rows stay as they are. */
export type ReferentialAction = 'none' | 'cascade' | 'set';

/** A table, view or whatever else stands in pg_class. Made by catalog-loader.ts, then never changed. */
export class Relation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** `app.users`. */
  readonly text: string;
  readonly kind: RelationKind;
  readonly partition: boolean;
  readonly rowSecurity: boolean;
  /** The composite type of its rows; 0 when it has none. */
  readonly rowType: number;
  /** pg_catalog or information_schema: a view there is not followed to its tables. */
  readonly system: boolean;
  readonly columns: CatalogColumn[] = [];
  /** Generated columns, by name, with the columns that they are computed from. */
  readonly generated = new Map<string, CatalogColumn[]>();
  readonly parents: Relation[] = [];
  readonly children: Relation[] = [];
  readonly rules: RewriteRule[] = [];
  readonly ruleDefinitions: (string | null)[] = [];
  readonly referencedBy: ForeignKey[] = [];
  /** Its own foreign keys. */
  readonly references: ForeignKey[] = [];
  readonly uniqueKeys: UniqueKey[] = [];
  readonly code: RelationCode[] = [];
  readonly triggers: Trigger[] = [];
  /** What a row's partition is chosen by; all columns where that is an expression, none where there are no partitions. */
  partitionKey: readonly CatalogColumn[] = [];
  /** What a view's INSTEAD OF triggers do in its place. */
  readonly insteadOf = new Set<RelationEvent>();
  /** pg_get_viewdef of a view; null when it is none, or could not be read. */
  definition: string | null = null;
  /** Transaction ids of all catalog rows that say what the relation is. */
  readonly changedBy: string[] = [];
  readonly #byName = new Map<string, CatalogColumn>();
  #version: string | null = null;

  constructor(row: {
    readonly oid: number;
    readonly schema: string;
    readonly name: string;
    readonly kind: RelationKind;
    readonly partition: boolean;
    readonly rowSecurity: boolean;
    readonly rowType: number;
  }) {
    this.oid = row.oid;
    this.schema = row.schema;
    this.name = row.name;
    this.text = dotted(row.schema, row.name);
    this.kind = row.kind;
    this.partition = row.partition;
    this.rowSecurity = row.rowSecurity;
    this.rowType = row.rowType;
    this.system = isSystemSchema(row.schema);
  }

  get isView(): boolean {
    return this.kind === 'view' || this.kind === 'materialized view';
  }

  addColumn(name: string, attributeNumber: number, type: number, deterministic = true): void {
    const column: CatalogColumn = {
      relation: this.text,
      relationOid: this.oid,
      column: name,
      attributeNumber,
      text: dotted(this.schema, this.name, name),
      type,
      deterministic,
    };
    this.columns.push(column);
    this.#byName.set(name, column);
  }

  column(name: string): CatalogColumn | undefined {
    return this.#byName.get(name);
  }

  /** `app.users@` and a digest of the transaction ids that made it what it is; changes with every ALTER. */
  get version(): string {
    // The server gives rows in any order.
    this.#version ??= `${this.text}@${digest(this.changedBy.toSorted())}`;
    return this.#version;
  }
}

/** 96 bits: enough that nobody finds two sets of transaction ids with the same digest by trying. */
const digest = (parts: readonly string[]): string =>
  createHash('sha256').update(parts.join(',')).digest('base64url').slice(0, 16);

export interface CatalogFunction {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** `app.cleanup`. */
  readonly text: string;
  readonly kind: 'function' | 'procedure' | 'aggregate' | 'window';
  /** Types of the input arguments, by position. */
  readonly argumentTypes: readonly number[];
  readonly defaults: number;
  /** Element type of a VARIADIC argument; 0 when there is none. */
  readonly variadic: number;
  readonly returns: number;
  readonly returnsSet: boolean;
  /** OUT, INOUT and TABLE columns; null when the function has none. */
  readonly outputs: readonly { readonly name: string; readonly type: number }[] | null;
  readonly volatility: 'immutable' | 'stable' | 'volatile';
  readonly language: string;
  /** Whether its language lets it do no more than its caller or owner may (pg_language.lanpltrusted). */
  readonly trustedLanguage: boolean;
  /** pg_proc.oid of the functions that an aggregate runs; empty for all others. */
  readonly aggregates: readonly number[];
  readonly securityDefiner: boolean;
  readonly fromExtension: boolean;
  /**
   * pg_get_functiondef of one in SQL or PL/pgSQL: the CREATE statement, body and all. Null in other languages, of built-ins, and where
   * it could not be read.
   */
  readonly definition: string | null;
  /** `app.cleanup(integer)@812`. */
  readonly version: string;
}

export interface CatalogType {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: 'base' | 'composite' | 'domain' | 'enum' | 'pseudo' | 'range' | 'multirange';
  readonly category: string;
  readonly preferred: boolean;
  /** A domain's underlying type, else 0. */
  readonly base: number;
  /** An array's (or other subscriptable type's) element, else 0. */
  readonly element: number;
  readonly array: number;
  /** pg_class.oid of a composite type, else 0. */
  readonly relation: number;
  /** pg_proc.oid. */
  readonly input: number;
  readonly rangeOf: number;
  readonly rangeFunctions: readonly number[];
  /** Functions that a domain's checks run, and by which values of the type are sorted and compared; built-ins left out. */
  readonly checks: CatalogFunction[];
  readonly version: string;
}

export interface CatalogOperator {
  readonly schema: string;
  readonly name: string;
  /** 0 for a prefix operator. */
  readonly left: number;
  readonly right: number;
  /** Both sides' types, or a prefix operator's one. */
  readonly parameters: readonly number[];
  readonly result: number;
  /** pg_proc.oid. */
  readonly function: number;
}

export interface CatalogCast {
  readonly source: number;
  readonly target: number;
  /** pg_proc.oid; 0 when the bytes are the same or go through text. */
  readonly function: number;
  readonly context: 'implicit' | 'assignment' | 'explicit';
}

export const isSystemSchema = (schema: string): boolean =>
  schema === 'pg_catalog' || schema === 'information_schema' || schema === 'pg_toast';

const none: readonly never[] = [];

/** What a target's catalog said at one moment. Never changes; a change of the target makes a new one. */
export class Catalog {
  /** Equal as long as nothing has changed. */
  readonly fingerprint: string;
  /** server_version_num: 150018. */
  readonly serverVersion: number;
  readonly schemas: ReadonlyMap<string, { readonly usable: boolean }>;
  readonly relationsByOid: ReadonlyMap<number, Relation>;
  readonly functionsByOid: ReadonlyMap<number, CatalogFunction>;
  readonly typesByOid: ReadonlyMap<number, CatalogType>;
  /** Masking rings of this database, whoever made them, by the name of their role and schema. */
  readonly rings: ReadonlyMap<string, CatalogRing>;
  readonly eventTriggers: readonly EventTrigger[];
  /** Partitions and tables that inherit, by their parents' names. */
  readonly descendants: ReadonlyMap<string, readonly string[]>;
  /** Casts by functions outside pg_catalog: the only ones that run somebody's code. */
  readonly foreignCasts: readonly CatalogCast[];
  readonly #relations = new Map<string, Map<string, Relation>>();
  readonly #types = new Map<string, Map<string, CatalogType>>();
  readonly #functions = new Map<string, CatalogFunction[]>();
  readonly #operators = new Map<string, CatalogOperator[]>();
  /** Names that somebody has added functions or operators to: all others can only be built-ins. */
  readonly #foreignFunctionNames = new Set<string>();
  readonly #foreignOperatorNames = new Set<string>();
  readonly #implicitCasts = new Set<string>();

  constructor(parts: {
    readonly fingerprint: string;
    readonly serverVersion: number;
    readonly schemas: ReadonlyMap<string, { readonly usable: boolean }>;
    readonly relations: ReadonlyMap<number, Relation>;
    readonly functions: ReadonlyMap<number, CatalogFunction>;
    readonly types: ReadonlyMap<number, CatalogType>;
    readonly operators: readonly CatalogOperator[];
    readonly casts: readonly CatalogCast[];
    readonly rings: ReadonlyMap<string, CatalogRing>;
    readonly eventTriggers: readonly EventTrigger[];
  }) {
    this.fingerprint = parts.fingerprint;
    this.serverVersion = parts.serverVersion;
    this.schemas = parts.schemas;
    this.relationsByOid = parts.relations;
    this.functionsByOid = parts.functions;
    this.typesByOid = parts.types;
    this.rings = parts.rings;
    this.eventTriggers = parts.eventTriggers;
    for (const relation of parts.relations.values()) put(this.#relations, relation);
    this.descendants = new Map(
      [...parts.relations.values()]
        .filter(({ children }) => children.length > 0)
        .map((parent) => [parent.text, descendantsOf(parent).map(({ text }) => text)]),
    );
    for (const type of parts.types.values()) put(this.#types, type);
    for (const one of parts.functions.values()) {
      add(this.#functions, one);
      if (one.schema !== 'pg_catalog') this.#foreignFunctionNames.add(one.name);
    }
    for (const operator of parts.operators) {
      add(this.#operators, operator);
      if (operator.schema !== 'pg_catalog') this.#foreignOperatorNames.add(operator.name);
    }
    for (const cast of parts.casts) {
      if (cast.context === 'implicit') this.#implicitCasts.add(`${cast.source} ${cast.target}`);
    }
    this.foreignCasts = parts.casts.filter(
      (cast) => cast.function !== 0 && parts.functions.get(cast.function)?.schema !== 'pg_catalog',
    );
  }

  relation(schema: string, name: string): Relation | undefined {
    return this.#relations.get(schema)?.get(name);
  }

  type(schema: string, name: string): CatalogType | undefined {
    return this.#types.get(schema)?.get(name);
  }

  /** All functions of this name, whatever their schema. */
  functions(name: string): readonly CatalogFunction[] {
    return this.#functions.get(name) ?? none;
  }

  operators(name: string): readonly CatalogOperator[] {
    return this.#operators.get(name) ?? none;
  }

  /** False when every function of this name, if there is one, is a built-in. */
  hasForeignFunction(name: string): boolean {
    return this.#foreignFunctionNames.has(name);
  }

  hasForeignOperator(name: string): boolean {
    return this.#foreignOperatorNames.has(name);
  }

  hasImplicitCast(source: number, target: number): boolean {
    return this.#implicitCasts.has(`${source} ${target}`);
  }

  *relations(): Iterable<Relation> {
    yield* this.relationsByOid.values();
  }

  /** The schemas of a search path that count: those that exist and that the login may use. PostgreSQL skips the others. */
  usable(path: SearchPath): readonly string[] {
    return path.schemas.filter((name) => this.schemas.get(name)?.usable === true);
  }
}

/** Partitions and inheriting tables, at any depth: whose triggers fire too. */
export function descendantsOf(relation: Relation): readonly Relation[] {
  return closure(relation, (one) => one.children);
}

export function closure(
  relation: Relation,
  next: (one: Relation) => readonly Relation[],
): readonly Relation[] {
  const found = new Set<Relation>();
  const waiting = [...next(relation)];
  for (const one of waiting) {
    if (found.has(one)) continue;
    found.add(one);
    waiting.push(...next(one));
  }
  return [...found];
}

function put<Item extends { readonly schema: string; readonly name: string }>(
  bySchema: Map<string, Map<string, Item>>,
  item: Item,
): void {
  const items = bySchema.get(item.schema);
  if (items === undefined) bySchema.set(item.schema, new Map([[item.name, item]]));
  else items.set(item.name, item);
}

function add<Item extends { readonly name: string }>(byName: Map<string, Item[]>, item: Item): void {
  const items = byName.get(item.name);
  if (items === undefined) byName.set(item.name, [item]);
  else items.push(item);
}
