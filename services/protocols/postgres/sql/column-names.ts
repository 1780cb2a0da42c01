import type { Node } from 'libpg-query';
import { listOf, strings } from './nodes.ts';

/** PostgreSQL's name for an output column without an alias (FigureColname in parse_target.c). */
export const columnName = (node: Node | undefined): string => figure(node)?.name ?? '?column?';

interface Figured {
  readonly name: string;
  /** Weak names give way to a better one: a cast's type name to its argument's. */
  readonly strong: boolean;
}

const strong = (name: string | undefined): Figured | null =>
  name === undefined ? null : { name, strong: true };
const weak = (name: string | undefined): Figured | null =>
  name === undefined ? null : { name, strong: false };

const valueFunctions: Readonly<Record<string, string>> = {
  SVFOP_CURRENT_DATE: 'current_date',
  SVFOP_CURRENT_TIME: 'current_time',
  SVFOP_CURRENT_TIME_N: 'current_time',
  SVFOP_CURRENT_TIMESTAMP: 'current_timestamp',
  SVFOP_CURRENT_TIMESTAMP_N: 'current_timestamp',
  SVFOP_LOCALTIME: 'localtime',
  SVFOP_LOCALTIME_N: 'localtime',
  SVFOP_LOCALTIMESTAMP: 'localtimestamp',
  SVFOP_LOCALTIMESTAMP_N: 'localtimestamp',
  SVFOP_CURRENT_ROLE: 'current_role',
  SVFOP_CURRENT_USER: 'current_user',
  SVFOP_USER: 'user',
  SVFOP_SESSION_USER: 'session_user',
  SVFOP_CURRENT_CATALOG: 'current_catalog',
  SVFOP_CURRENT_SCHEMA: 'current_schema',
};

const xmlNames: Readonly<Record<string, string>> = {
  IS_XMLCONCAT: 'xmlconcat',
  IS_XMLELEMENT: 'xmlelement',
  IS_XMLFOREST: 'xmlforest',
  IS_XMLPARSE: 'xmlparse',
  IS_XMLPI: 'xmlpi',
  IS_XMLROOT: 'xmlroot',
  IS_XMLSERIALIZE: 'xmlserialize',
};

const jsonNames: Readonly<Record<string, string>> = {
  JSON_EXISTS_OP: 'json_exists',
  JSON_QUERY_OP: 'json_query',
  JSON_VALUE_OP: 'json_value',
};

function figure(node: Node | undefined): Figured | null {
  if (node === undefined) return null;
  if ('ColumnRef' in node) return strong(strings(node.ColumnRef.fields).at(-1));
  if ('A_Indirection' in node) {
    const field = strings(node.A_Indirection.indirection).at(-1);
    return field === undefined ? figure(node.A_Indirection.arg) : strong(field);
  }
  if ('FuncCall' in node) return strong(strings(node.FuncCall.funcname).at(-1));
  if ('A_Expr' in node) return node.A_Expr.kind === 'AEXPR_NULLIF' ? strong('nullif') : null;
  if ('TypeCast' in node) {
    const argument = figure(node.TypeCast.arg);
    return argument?.strong === true
      ? argument
      : (weak(strings(node.TypeCast.typeName?.names).at(-1)) ?? argument);
  }
  if ('CollateClause' in node) return figure(node.CollateClause.arg);
  if ('GroupingFunc' in node) return strong('grouping');
  if ('MergeSupportFunc' in node) return strong('merge_action');
  if ('SubLink' in node) return subLink(node.SubLink);
  if ('CaseExpr' in node) {
    const otherwise = figure(node.CaseExpr.defresult);
    return otherwise?.strong === true ? otherwise : weak('case');
  }
  if ('A_ArrayExpr' in node) return strong('array');
  if ('RowExpr' in node) return strong('row');
  if ('CoalesceExpr' in node) return strong('coalesce');
  if ('MinMaxExpr' in node) return strong(node.MinMaxExpr.op === 'IS_LEAST' ? 'least' : 'greatest');
  if ('SQLValueFunction' in node) return strong(valueFunctions[node.SQLValueFunction.op ?? '']);
  if ('XmlExpr' in node) return strong(xmlNames[node.XmlExpr.op ?? '']);
  if ('XmlSerialize' in node) return strong('xmlserialize');
  if ('JsonParseExpr' in node) return strong('json');
  if ('JsonScalarExpr' in node) return strong('json_scalar');
  if ('JsonSerializeExpr' in node) return strong('json_serialize');
  if ('JsonObjectConstructor' in node) return strong('json_object');
  if ('JsonArrayConstructor' in node || 'JsonArrayQueryConstructor' in node) return strong('json_array');
  if ('JsonObjectAgg' in node) return strong('json_objectagg');
  if ('JsonArrayAgg' in node) return strong('json_arrayagg');
  if ('JsonFuncExpr' in node) return strong(jsonNames[node.JsonFuncExpr.op ?? '']);
  return null;
}

function subLink(link: Extract<Node, { SubLink: unknown }>['SubLink']): Figured | null {
  switch (link.subLinkType) {
    case 'EXISTS_SUBLINK':
      return strong('exists');
    case 'ARRAY_SUBLINK':
      return strong('array');
    case 'EXPR_SUBLINK': {
      // The first column's name, as the sub-query itself would have given it.
      let select = link.subselect;
      while (select !== undefined && 'SelectStmt' in select && select.SelectStmt.larg !== undefined) {
        select = { SelectStmt: select.SelectStmt.larg };
      }
      if (select === undefined || !('SelectStmt' in select)) return null;
      if ((select.SelectStmt.valuesLists ?? []).length > 0) return strong('column1');
      const [target] = listOf(select.SelectStmt.targetList);
      if (target === undefined || !('ResTarget' in target)) return null;
      return strong(target.ResTarget.name ?? columnName(target.ResTarget.val));
    }
    default:
      return null;
  }
}
