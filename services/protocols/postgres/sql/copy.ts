import type { CopyStmt, Node } from 'libpg-query';
import type { CopyOut } from './analysis.ts';
import type { CatalogColumn, Relation } from './catalog.ts';
import { type Context, findRelation } from './context.ts';
import { evaluateBoolean } from './expressions.ts';
import { noteUnknownRelation, relationItem } from './from.ts';
import { noteKeys } from './keys-asked.ts';
import { listOf, strings } from './nodes.ts';
import { noteRead, noteWrite } from './relation-effects.ts';
import { type Columns, emptyScope, fieldNamed, Scope } from './scope.ts';
import { isHarmlessSetting } from './settings.ts';
import type { Frame, Told } from './statement.ts';
import { anything, type Field } from './value.ts';

export function copy(statement: CopyStmt, { context }: Frame): Told {
  const options = optionsOf(statement.options);
  const { filename, is_program: isProgram, is_from: isFrom } = statement;
  if (filename !== undefined) {
    context.findings.object(isProgram === true ? 'copy-program' : 'copy-file', null, filename);
  }
  const encoding = options.get('encoding');
  // Another encoding changes what the bytes of the data mean, as client_encoding does.
  if (encoding !== undefined && !isHarmlessSetting('client_encoding', [encoding], [])) {
    context.findings.set('client_encoding');
  }
  const columns = isFrom === true ? copyFrom(statement, context) : copyTo(statement, context);
  const throughClient = filename === undefined;
  if (isFrom === true) return { command: 'COPY', copyIn: throughClient };
  return throughClient ? { command: 'COPY', columns, copyOut: formatOf(options) } : { command: 'COPY' };
}

function copyFrom(statement: CopyStmt, context: Context): Columns {
  const relation = relationOf(statement, context);
  if (relation === null) {
    noteUnknownRelation('insert', statement.relation ?? {}, context);
    return nothing;
  }
  const columns = listedColumns(statement.attlist, relation, context);
  const item = relationItem(relation, statement.relation ?? {}, context);
  evaluateBoolean(statement.whereClause, new Scope(null, [item]), context);
  noteWrite('insert', relation, columns, false, null, context);
  noteKeys('insert', statement, relation, columns, () => null, context);
  return nothing;
}

const nothing: Columns = { fields: [], open: null };

function copyTo(statement: CopyStmt, context: Context): Columns {
  if (statement.query !== undefined) return context.queries.query(statement.query, emptyScope, context);
  const relation = relationOf(statement, context);
  if (relation === null) {
    noteUnknownRelation('select', statement.relation ?? {}, context);
    return { fields: [], open: anything };
  }
  // COPY of a table leaves out what inherits from it.
  noteRead(relation, true, context);
  const { fields } = context.queries.relationColumns(relation, true, context);
  const copied = listedColumns(statement.attlist, relation, context).flatMap((column): readonly Field[] => {
    const value = fieldNamed(fields, column.column);
    return value === undefined ? [] : [{ name: column.column, value }];
  });
  for (const field of copied) context.findings.read(field.value.sources);
  return { fields: copied, open: null };
}

const relationOf = ({ relation }: CopyStmt, context: Context): Relation | null =>
  findRelation(context, relation?.schemaname, relation?.relname ?? '');

function listedColumns(
  nodes: readonly Node[] | undefined,
  relation: Relation,
  context: Context,
): readonly CatalogColumn[] {
  const names = strings(nodes);
  if (names.length === 0) return relation.columns;
  return names.flatMap((name) => {
    const column = relation.column(name);
    if (column === undefined) context.findings.opaque('unknown-column');
    return column ?? [];
  });
}

/** Options by name; a switch without a value is `true`. */
function optionsOf(nodes: readonly Node[] | undefined): ReadonlyMap<string, string> {
  return new Map(
    listOf(nodes).flatMap((node) => {
      if (!('DefElem' in node)) return [];
      const { defname, arg } = node.DefElem;
      return [[(defname ?? '').toLowerCase(), optionText(arg)] as const];
    }),
  );
}

function optionText(node: Node | undefined): string {
  if (node === undefined) return 'true';
  if ('String' in node) return node.String.sval ?? '';
  if ('Boolean' in node) return String(node.Boolean.boolval === true);
  if ('Integer' in node) return String(node.Integer.ival ?? 0);
  if ('Float' in node) return node.Float.fval ?? '';
  return '';
}

const falseValues = new Set(['false', 'off', '0']);

/** The defaults of PostgreSQL's COPY. */
function formatOf(options: ReadonlyMap<string, string>): CopyOut {
  const written = options.get('format') ?? 'text';
  const format = written === 'csv' || written === 'binary' ? written : 'text';
  const isCsv = format === 'csv';
  const quote = options.get('quote') ?? '"';
  return {
    format,
    delimiter: options.get('delimiter') ?? (isCsv ? ',' : '\t'),
    nullText: options.get('null') ?? (isCsv ? '' : '\\N'),
    quote,
    escape: options.get('escape') ?? quote,
    header: options.has('header') && !falseValues.has((options.get('header') ?? '').toLowerCase()),
  };
}
