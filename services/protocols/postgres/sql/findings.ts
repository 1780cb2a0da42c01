import type {
  CascadeRoot,
  ColumnRef,
  Guess,
  OpaqueReason,
  OtherSchemas,
  PostgresEffect,
  RowChoice,
  StatementFacts,
  Verb,
} from './analysis.ts';
import { type CatalogColumn, type CatalogFunction, isSystemSchema, type Relation } from './catalog.ts';
import {
  type Asked,
  addUntraced,
  type Draft,
  effectOf,
  noColumns,
  noDescendants,
  weakerOf,
} from './effect-draft.ts';
import type { SearchPath } from './names.ts';
import { mergeOtherSchemas } from './other-schemas.ts';
import { typeOid } from './types.ts';
import { isParameter, type Source, type Sources } from './value.ts';

type GuessedValues = Omit<Guess, 'columns'>;

export interface Choice {
  readonly sources: Sources;
  readonly stored: boolean;
}

/** What has been found out about one statement so far. Things found twice count once. */
export class Findings {
  /** The statement makes the search path empty: what comes behind it in the text may be read with or without. */
  emptiesSearchPath = false;
  otherSchemas: OtherSchemas = null;
  setsMeaning = false;
  /** Of a body: the search path that it sets, for itself and for what it calls. */
  ownPath: SearchPath | null = null;
  /** A function is called that is no trigger's, which planning may run. */
  plansWithCode = false;
  readonly #effects = new Map<string, Draft>();
  /** Drafts of `select`, by relation: every column that is named goes through here. */
  readonly #selects = new Map<number, Draft>();
  readonly #opaque = new Set<OpaqueReason>();
  readonly #versions = new Set<string>();
  readonly #touched = new Set<Relation>();
  readonly #consequences = new Set<string>();
  readonly #cascades: CascadeRoot[] = [];
  readonly #functions = new Set<CatalogFunction>();
  readonly #through = new Map<string, StatementFacts['through'][number]>();
  /** What functions that are called read, by the effect of the call. */
  readonly #readByCalls = new Map<Draft, Set<Relation>>();
  readonly #choices: Choice[] = [];

  opaque(reason: OpaqueReason): void {
    this.#opaque.add(reason);
  }

  /** A sentence on what the statement sets off by itself. */
  consequence(text: string): void {
    this.#consequences.add(text);
  }

  /** The statement takes this along with what hangs on it. */
  cascade(root: CascadeRoot): void {
    this.#cascades.push(root);
  }

  cascades(): readonly CascadeRoot[] {
    return this.#cascades;
  }

  /** The statement depends on what this relation is. */
  touch(relation: Relation): void {
    if (this.#touched.has(relation)) return;
    this.#touched.add(relation);
    if (!relation.system) this.#versions.add(relation.version);
  }

  version(version: string): void {
    this.#versions.add(version);
  }

  select(relation: Relation): void {
    this.touch(relation);
    this.#select(relation.oid, relation.text);
  }

  /** Columns whose values are looked at. */
  read(sources: Sources): void {
    for (const source of sources) this.#draftOf(source)?.columns.add(source.text);
  }

  /** Columns whose values decide something else than what stands in an output column. */
  condition(sources: Sources): void {
    if (sources.some(isParameter)) this.#choices.push({ sources, stored: false });
    this.#noteCondition(sources);
  }

  /** Values that go where no mask follows them: into a table, a setting, somebody's code. */
  store(sources: Sources): void {
    if (sources.length > 0) this.#choices.push({ sources, stored: true });
    this.#noteCondition(sources);
  }

  #noteCondition(sources: Sources): void {
    for (const source of sources) {
      const draft = this.#draftOf(source);
      draft?.columns.add(source.text);
      draft?.conditionColumns.add(source.text);
    }
  }

  /** A column is compared with values. `comparison` tells one from another. `by`: the parameters of a function among the values. */
  guess(comparison: object, sources: Sources, { values, array }: GuessedValues, by: Sources = []): void {
    this.read(sources);
    const [first] = sources;
    const draft = first && this.#draftOf(first);
    const columns = sources.map((source) => source.text);
    draft?.guesses.set(comparison, { columns, values, array, sources, by });
  }

  /** What is not the affair of a function's owner alone: conditions that its parameters have a say in, and values that it stores. */
  choices(): readonly Choice[] {
    return this.#choices;
  }

  /** Guesses whose values parameters are. */
  *guessesByParameters(): Iterable<readonly [comparison: object, asked: Asked]> {
    for (const { guesses } of this.#effects.values())
      for (const entry of guesses) if (entry[1].by.length > 0) yield entry;
  }

  /** The statement's own effect, which comes first, takes these out of the reach of their masks. */
  expose(sources: Sources): void {
    const [own] = this.#effects.values();
    for (const source of sources) own?.conditionColumns.add(source.text);
  }

  /** Writing asks whether so many values are in these columns; null is nobody knows how many. */
  ask(verb: Verb, { text }: Relation, asking: object, sources: Sources, values: number | null): void {
    if (sources.length === 0) return;
    const { conditionColumns, guesses } = this.#draft(verb, text, text);
    const columns = sources.map((source) => source.text);
    if (values === null) for (const column of columns) conditionColumns.add(column);
    else guesses.set(asking, { columns, values, array: null, sources, by: [] });
  }

  /** A value that is returned was computed from these. */
  derive(sources: Sources): void {
    for (const source of sources) this.#draftOf(source)?.derivedColumns.add(source.text);
  }

  /** Nobody knows what is returned: it may come from all that is read. */
  deriveAll(): void {
    for (const relation of this.#touched) {
      const select = this.#selects.get(relation.oid);
      if (select !== undefined) for (const column of relation.columns) select.derivedColumns.add(column.text);
    }
    for (const [draft, relations] of this.#readByCalls)
      for (const { columns } of relations)
        for (const column of columns) draft.derivedColumns.add(column.text);
  }

  write(
    verb: Verb,
    relation: Relation,
    columns: readonly CatalogColumn[],
    rowsChosenBy: RowChoice | null,
  ): void {
    this.touch(relation);
    const draft = this.#draft(verb, relation.text, relation.text);
    draft.rowsChosenBy = weakerOf(draft.rowsChosenBy, rowsChosenBy);
    for (const column of columns) draft.columns.add(column.text);
  }

  call(one: CatalogFunction): void {
    this.#functions.add(one);
    this.#callNamed(one.text, null);
    if (one.securityDefiner) this.asOwner(one);
    if (one.returns !== typeOid.trigger) this.plansWithCode = true;
    if (!isSystemSchema(one.schema)) this.#versions.add(one.version);
  }

  /** A function reads these when it is called: the call is decided, and none of them by itself. */
  readByCall(one: CatalogFunction, relations: Iterable<Relation>): void {
    const draft = this.#callOf(one.text);
    const known = this.#readByCalls.get(draft) ?? new Set<Relation>();
    for (const relation of relations) {
      this.touch(relation);
      known.add(relation);
    }
    this.#readByCalls.set(draft, known);
  }

  /** What a function gives may hold these, nobody knows where. */
  untraced(one: CatalogFunction, columns: PostgresEffect['untraced']): void {
    const draft = this.#callOf(one.text);
    if (columns === 'anything') draft.untracedAnything = true;
    else for (const column of columns) draft.untraced.add(column);
  }

  #callOf(name: string): Draft {
    return this.#draft('call', name, null, { function: name });
  }

  /** It, or what it calls, runs with an owner's rights. */
  asOwner(one: CatalogFunction): void {
    this.#callOf(one.text).asOwner = true;
  }

  runsAsOwner(): boolean {
    return this.#effects.values().some((draft) => draft.asOwner);
  }

  /** Of all calls together. */
  allUntraced(): PostgresEffect['untraced'] {
    const drafts = [...this.#effects.values()];
    if (drafts.some((draft) => draft.untracedAnything)) return 'anything';
    return [...new Set(drafts.flatMap((draft) => [...draft.untraced]))];
  }

  /** `name` is qualified where the statement qualifies it, or where the catalog knows it. */
  callNamed(name: string, setting: string | null = null): void {
    this.plansWithCode = true;
    this.#callNamed(name, setting);
  }

  #callNamed(name: string, setting: string | null): void {
    this.#draft('call', name, null, { function: name, setting });
  }

  set(setting: string): void {
    this.#draft('set', setting, null, { setting });
  }

  /** An effect on an object that is no relation, or on one that need not be there yet. */
  object(verb: Verb, objectKind: string | null, resource: string, relation: string | null = null): void {
    this.#draft(verb, resource, relation, { objectKind });
  }

  /** An effect on a relation of the catalog that is no reading or writing of rows. */
  define(verb: Verb, objectKind: string, resource: string, relation: Relation): void {
    this.touch(relation);
    const draft = this.#draft(verb, resource, relation.text, { objectKind });
    for (const column of relation.columns) draft.columns.add(column.text);
  }

  /**
   * Takes over what reading the view does beside giving its columns: they count when they are named. What a materialized view
   * would run has run when it was filled (`stored`).
   */
  readThrough(named: Relation, view: Findings, stored: boolean): void {
    for (const relation of view.#touched) {
      this.touch(relation);
      const key = `${relation.oid} ${named.oid}`;
      if (!this.#through.has(key)) this.#through.set(key, { relation: relation.text, view: named.text });
    }
    for (const version of view.#versions) this.#versions.add(version);
    for (const reason of view.#opaque) this.#opaque.add(reason);
    if (view.plansWithCode && !stored) this.plansWithCode = true;
    if (!stored) for (const one of view.#functions) this.#functions.add(one);
    for (const [key, draft] of view.#effects) {
      if (stored && draft.verb === 'call') {
        addUntraced(this.#select(named.oid, named.text), draft);
        continue;
      }
      const mine = this.#effects.get(key) ?? { ...draft, ...noColumns() };
      this.#effects.set(key, mine);
      addUntraced(mine, draft);
      mine.asOwner ||= draft.asOwner;
      const relations = view.#readByCalls.get(draft);
      if (relations !== undefined)
        this.#readByCalls.set(mine, new Set([...(this.#readByCalls.get(mine) ?? []), ...relations]));
      // The view's own conditions are its owner's: they are read, not chosen by whoever reads the view.
      for (const column of draft.conditionColumns) mine.columns.add(column);
      for (const guess of draft.guesses.values())
        for (const column of guess.columns) mine.columns.add(column);
    }
  }

  /** The statement runs this body, which may change what the session's later statements mean. */
  depend(body: Findings): void {
    for (const version of body.#versions) this.#versions.add(version);
    this.emptiesSearchPath ||= body.emptiesSearchPath;
    this.setsMeaning ||= body.setsMeaning;
    this.otherSchemas = mergeOtherSchemas(this.otherSchemas, body.otherSchemas);
  }

  /**
   * Takes over what a DO block does, but for what is not understood of it. Whatever it reads may choose what it does next, and be shown in a
   * notice.
   */
  includeBlock(block: Findings): void {
    block.condition(block.columnsRead());
    // In a loop one comparison asks as often as it likes.
    for (const { guesses, conditionColumns } of block.#effects.values())
      for (const { columns } of guesses.values()) for (const column of columns) conditionColumns.add(column);
    for (const relation of block.#touched) this.touch(relation);
    for (const version of block.#versions) this.#versions.add(version);
    for (const one of block.#functions) this.#functions.add(one);
    for (const sentence of block.#consequences) this.#consequences.add(sentence);
    for (const [key, through] of block.#through) this.#through.set(key, through);
    this.#cascades.push(...block.#cascades);
    for (const [key, draft] of block.#effects)
      this.#effects.set(`block\0${key}`, { ...draft, coveredBy: 'procedural-code' });
    this.plansWithCode ||= block.plansWithCode;
    this.emptiesSearchPath ||= block.emptiesSearchPath;
    this.setsMeaning ||= block.setsMeaning;
    this.otherSchemas = mergeOtherSchemas(this.otherSchemas, block.otherSchemas);
  }

  /** Every relation that is looked at or changed. */
  relations(): Iterable<Relation> {
    return this.#touched;
  }

  changesSearchPath(): boolean {
    const sets = (draft: Draft): boolean => draft.verb === 'set' && draft.setting === 'search_path';
    return this.emptiesSearchPath || [...this.#effects.values()].some(sets);
  }

  /** Functions of the catalog that may run. */
  functions(): Iterable<CatalogFunction> {
    return this.#functions;
  }

  /** Columns whose values are looked at, a view's beside those that it leads to. */
  columnsRead(): Sources {
    const read = new Set<string>();
    for (const { verb, columns } of this.#effects.values())
      if (verb === 'select') for (const column of columns) read.add(column);
    return [...this.#touched].flatMap((relation) => relation.columns.filter(({ text }) => read.has(text)));
  }

  /** `descendants`: those of the catalog. */
  effects(descendants = noDescendants): readonly PostgresEffect[] {
    return [...this.#effects.values()].map((draft) => effectOf(draft, descendants));
  }

  opaqueReasons(): readonly OpaqueReason[] {
    return [...this.#opaque];
  }

  versions(): readonly string[] {
    return [...this.#versions];
  }

  through(): StatementFacts['through'] {
    return [...this.#through.values()];
  }

  consequences(): readonly string[] {
    return [...this.#consequences];
  }

  touched(): readonly ColumnRef[] {
    return [...this.#touched].flatMap((relation) => relation.columns);
  }

  /** Null for a parameter: what is passed for it counts, at the call. */
  #draftOf(source: Source): Draft | null {
    if (isParameter(source)) return null;
    const { countsWith, relationOid, relation } = source;
    if (countsWith === undefined) return this.#select(relationOid, relation);
    const { verb, resource } = countsWith;
    return verb === 'call' ? this.#callOf(resource) : this.#draft('select', resource, resource);
  }

  #select(oid: number, text: string): Draft {
    let draft = this.#selects.get(oid);
    if (draft === undefined) {
      draft = this.#draft('select', text, text);
      this.#selects.set(oid, draft);
    }
    return draft;
  }

  #draft(
    verb: Verb,
    resource: string,
    relation: string | null,
    more: {
      readonly function?: string;
      readonly setting?: string | null;
      readonly objectKind?: string | null;
    } = {},
  ): Draft {
    const setting = more.setting ?? null;
    const objectKind = more.objectKind ?? null;
    // A zero character cannot stand in a name.
    const key = [verb, resource, setting, objectKind].join('\0');
    let draft = this.#effects.get(key);
    if (draft === undefined) {
      draft = {
        verb,
        resource,
        relation,
        function: more.function ?? null,
        setting,
        objectKind,
        coveredBy: null,
        ...noColumns(),
        rowsChosenBy: null,
      };
      this.#effects.set(key, draft);
    }
    return draft;
  }
}
