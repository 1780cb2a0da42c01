import {
  Catalog,
  type CatalogCast,
  type CatalogFunction,
  type CatalogOperator,
  type CatalogType,
  type ForeignKey,
  type ReferentialAction,
  Relation,
  type RelationEvent,
  relationKinds,
} from './catalog.ts';
import { loadCode, loadEventTriggers } from './catalog-code.ts';
import { loadRings } from './catalog-rings.ts';
import {
  type CatalogResult,
  type CatalogRows,
  type Cell,
  columnsAt,
  flag,
  number,
  numbers,
  text,
} from './catalog-rows.ts';
import { dotted } from './names.ts';

const isRelationKind = (letter: string): letter is keyof typeof relationKinds =>
  Object.hasOwn(relationKinds, letter);

const functionKinds = { f: 'function', p: 'procedure', a: 'aggregate', w: 'window' } as const;
const volatilities = { i: 'immutable', s: 'stable', v: 'volatile' } as const;
const typeKinds = {
  b: 'base',
  c: 'composite',
  d: 'domain',
  e: 'enum',
  p: 'pseudo',
  r: 'range',
  m: 'multirange',
} as const;

/** A letter that a newer server has added counts as the most dangerous one. */
const letter = <Kinds extends Readonly<Record<string, string>>>(
  kinds: Kinds,
  cell: Cell,
  otherwise: Kinds[keyof Kinds],
): Kinds[keyof Kinds] => {
  for (const [key, kind] of Object.entries(kinds)) if (key === cell) return kind as Kinds[keyof Kinds];
  return otherwise;
};

/** Understands what was read. Rows that refer to what another query did not see (another schema) are left out. */
export function loadCatalog(rows: CatalogRows): Catalog {
  const { queries } = rows;
  const schemaNames = new Map(queries.schemas.map(([oid, name]) => [number(oid), text(name)]));
  const relations = loadRelations(queries.relations, queries.columns, schemaNames);
  loadGenerated(queries.generated, relations);
  for (const [on, xmin] of queries.relationParts) relations.get(number(on))?.changedBy.push(text(xmin));
  for (const [child, parent, xmin] of queries.inheritance) {
    const from = relations.get(number(child));
    const to = relations.get(number(parent));
    if (from === undefined || to === undefined) continue;
    from.parents.push(to);
    to.children.push(from);
    from.changedBy.push(text(xmin));
  }
  const types = loadTypes(queries.types, schemaNames);
  const functions = loadFunctions(rows, schemaNames, types);
  const operators = loadOperators(queries.operators, schemaNames);
  loadForeignKeys(queries.foreignKeys, relations);
  loadUniqueKeys(queries.uniqueKeys, relations);
  loadPartitionKeys(queries.partitionKeys, relations);
  loadRules(rows, relations);
  loadCode(rows, { relations, types, functions });
  const casts: CatalogCast[] = queries.casts.map(([source, target, castFunction, context]) => ({
    source: number(source),
    target: number(target),
    function: number(castFunction),
    context: letter({ i: 'implicit', a: 'assignment', e: 'explicit' } as const, context, 'implicit'),
  }));
  return new Catalog({
    fingerprint: rows.fingerprint,
    serverVersion: number(queries.server[0]?.[0]),
    schemas: new Map(queries.schemas.map(([, name, usable]) => [text(name), { usable: flag(usable) }])),
    relations,
    functions,
    types,
    operators,
    casts,
    rings: loadRings(queries),
    eventTriggers: loadEventTriggers(queries.eventTriggers, functions),
  });
}

function loadRelations(
  relationRows: CatalogResult,
  columnRows: CatalogResult,
  schemaNames: ReadonlyMap<number, string>,
): Map<number, Relation> {
  const relations = new Map<number, Relation>();
  for (const [oid, name, namespace, kind, rowType, partition, rowSecurity, xmin] of relationRows) {
    const schema = schemaNames.get(number(namespace));
    const relationKind = text(kind);
    if (schema === undefined || !isRelationKind(relationKind)) continue;
    const relation = new Relation({
      oid: number(oid),
      schema,
      name: text(name),
      kind: relationKinds[relationKind],
      partition: flag(partition),
      rowSecurity: flag(rowSecurity),
      rowType: number(rowType),
    });
    relation.changedBy.push(text(oid), text(xmin));
    relations.set(relation.oid, relation);
  }
  for (const [oid, attributeNumber, name, type, deterministic, xmin] of columnRows) {
    const relation = relations.get(number(oid));
    relation?.addColumn(text(name), number(attributeNumber), number(type), flag(deterministic));
    relation?.changedBy.push(text(xmin));
  }
  return relations;
}

function loadGenerated(rows: CatalogResult, relations: ReadonlyMap<number, Relation>): void {
  for (const [on, generated, source] of rows) {
    const relation = relations.get(number(on));
    const [to] = relation === undefined ? [] : columnsAt(relation, generated);
    const from = relation === undefined ? [] : columnsAt(relation, source);
    if (to === undefined) continue;
    relation?.generated.set(to.column, [...(relation.generated.get(to.column) ?? []), ...from]);
  }
}

function loadTypes(rows: CatalogResult, schemaNames: ReadonlyMap<number, string>): Map<number, CatalogType> {
  const types = new Map<number, CatalogType>();
  for (const row of rows) {
    const [oid, name, namespace, kind, category, preferred, base, element, array, relation, input] = row;
    const [rangeOf, canonical, difference, xmin] = row.slice(11);
    const schema = schemaNames.get(number(namespace));
    if (schema === undefined) continue;
    types.set(number(oid), {
      oid: number(oid),
      schema,
      name: text(name),
      kind: letter(typeKinds, kind, 'base'),
      category: text(category),
      preferred: flag(preferred),
      base: number(base),
      element: number(element),
      array: number(array),
      relation: number(relation),
      input: number(input),
      rangeOf: number(rangeOf),
      rangeFunctions: [number(canonical), number(difference)].filter((oid) => oid !== 0),
      checks: [],
      version: `${dotted(schema, text(name))}@${text(xmin)}`,
    });
  }
  return types;
}

function loadFunctions(
  { queries, definitions }: CatalogRows,
  schemaNames: ReadonlyMap<number, string>,
  types: ReadonlyMap<number, CatalogType>,
): Map<number, CatalogFunction> {
  const functions = new Map<number, CatalogFunction>();
  const definitionOf = new Map(
    definitions?.functions.map(([oid, definition]) => [number(oid), definition ?? null]),
  );
  for (const row of queries.functions) {
    const [oid, name, namespace, kind, inputs, returns, returnsSet, variadic, defaults] = row;
    const [allTypes, modes, names, volatility, language, securityDefiner, fromExtension, xmin] = row.slice(9);
    const [trustedLanguage, aggregates] = row.slice(17);
    const schema = schemaNames.get(number(namespace));
    if (schema === undefined) continue;
    const argumentTypes = numbers(inputs);
    const qualified = dotted(schema, text(name));
    const typeNames = argumentTypes.map((type) => types.get(type)?.name ?? String(type));
    functions.set(number(oid), {
      oid: number(oid),
      schema,
      name: text(name),
      text: qualified,
      kind: letter(functionKinds, kind, 'procedure'),
      argumentTypes,
      defaults: number(defaults),
      variadic: number(variadic),
      returns: number(returns),
      returnsSet: flag(returnsSet),
      outputs: outputColumns(numbers(allTypes), text(modes), names),
      volatility: letter(volatilities, volatility, 'volatile'),
      language: text(language),
      trustedLanguage: flag(trustedLanguage),
      aggregates: numbers(aggregates).filter((run) => run !== 0),
      securityDefiner: flag(securityDefiner),
      fromExtension: flag(fromExtension),
      definition: definitionOf.get(number(oid)) ?? null,
      version: `${qualified}(${typeNames.join(',')})@${text(xmin)}`,
    });
  }
  return functions;
}

/** pg_proc.proargmodes: i, o, b (inout), v (variadic), t (table). */
function outputColumns(
  allTypes: readonly number[],
  modes: string,
  namesJson: Cell,
): readonly { readonly name: string; readonly type: number }[] | null {
  if (modes === '') return null;
  const names: unknown = JSON.parse(namesJson ?? '[]');
  const columns = modes.split(' ').flatMap((mode, index) => {
    if (mode !== 'o' && mode !== 'b' && mode !== 't') return [];
    const name: unknown = Array.isArray(names) ? names[index] : null;
    return [{ name: typeof name === 'string' ? name : '', type: allTypes[index] ?? 0 }];
  });
  // PostgreSQL names what has no name column1, column2, ... by its place among the outputs.
  return columns.length === 0
    ? null
    : columns.map(({ name, type }, index) => ({ name: name === '' ? `column${index + 1}` : name, type }));
}

function loadOperators(
  rows: CatalogResult,
  schemaNames: ReadonlyMap<number, string>,
): readonly CatalogOperator[] {
  return rows.flatMap(([, name, namespace, left, right, result, operatorFunction]) => {
    const schema = schemaNames.get(number(namespace));
    if (schema === undefined) return [];
    const sides = [number(left), number(right)] as const;
    return [
      {
        schema,
        name: text(name),
        left: sides[0],
        right: sides[1],
        parameters: sides[0] === 0 ? [sides[1]] : sides,
        result: number(result),
        function: number(operatorFunction),
      },
    ];
  });
}

const referentialActions: Readonly<Record<string, ReferentialAction>> = { c: 'cascade', n: 'set', d: 'set' };

function loadForeignKeys(rows: CatalogResult, relations: ReadonlyMap<number, Relation>): void {
  for (const [from, to, fromColumns, toColumns, onDelete, onUpdate, xmin, name] of rows) {
    const dependent = relations.get(number(from));
    const referenced = relations.get(number(to));
    if (dependent === undefined || referenced === undefined) continue;
    const key: ForeignKey = {
      name: text(name),
      dependent,
      dependentColumns: columnsAt(dependent, fromColumns),
      referencedColumns: columnsAt(referenced, toColumns),
      onDelete: referentialActions[text(onDelete)] ?? 'none',
      onUpdate: referentialActions[text(onUpdate)] ?? 'none',
    };
    referenced.referencedBy.push(key);
    dependent.references.push(key);
    referenced.changedBy.push(text(xmin));
    dependent.changedBy.push(text(xmin));
  }
}

function loadUniqueKeys(rows: CatalogResult, relations: ReadonlyMap<number, Relation>): void {
  for (const [on, name, indexed, keyColumns, identifies, xmin] of rows) {
    const relation = relations.get(number(on));
    // What conflicts with a row is part of what ON CONFLICT does.
    relation?.changedBy.push(text(xmin));
    // Columns that are only stored beside the key come last.
    const keys = text(indexed).split(' ').slice(0, number(keyColumns)).join(' ');
    // A key of 0 is an expression.
    const columns = numbers(keys).includes(0) ? relation?.columns : relation && columnsAt(relation, keys);
    relation?.uniqueKeys.push({ name: text(name), columns: columns ?? [], identifies: flag(identifies) });
  }
}

function loadPartitionKeys(rows: CatalogResult, relations: ReadonlyMap<number, Relation>): void {
  for (const [on, attributeNumbers] of rows) {
    const relation = relations.get(number(on));
    if (relation === undefined) continue;
    const isExpression = numbers(attributeNumbers).includes(0);
    relation.partitionKey = isExpression ? relation.columns : columnsAt(relation, attributeNumbers);
  }
}

/** pg_rewrite.ev_type. */
const ruleEvents: Readonly<Record<string, RelationEvent>> = {
  1: 'select',
  2: 'update',
  3: 'insert',
  4: 'delete',
};

function loadRules(rows: CatalogRows, relations: ReadonlyMap<number, Relation>): void {
  for (const [on, name, event, instead, enabled, xmin] of rows.queries.rules) {
    const relation = relations.get(number(on));
    if (relation === undefined) continue;
    relation.changedBy.push(text(xmin));
    // _RETURN is what makes a view a view; `D` is a disabled rule.
    if (name === '_RETURN' || enabled === 'D') continue;
    relation.rules.push({
      name: text(name),
      event: ruleEvents[text(event)] ?? 'select',
      instead: flag(instead),
    });
  }
  for (const [on, definition] of rows.definitions?.views ?? []) {
    const relation = relations.get(number(on));
    if (relation !== undefined) relation.definition = definition ?? null;
  }
  for (const [on, definition] of rows.definitions?.rules ?? []) {
    relations.get(number(on))?.ruleDefinitions.push(definition ?? null);
  }
}
