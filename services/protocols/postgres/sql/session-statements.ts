/** Statements on the session itself: its parameters, transactions, prepared statements and cursors. */
import type {
  CallStmt,
  ClosePortalStmt,
  DeallocateStmt,
  DeclareCursorStmt,
  DiscardStmt,
  DoStmt,
  ExecuteStmt,
  ExplainStmt,
  FetchStmt,
  Node,
  PrepareStmt,
  TransactionStmt,
  VariableSetStmt,
  VariableShowStmt,
} from 'libpg-query';
import type { NameUse, PostgresEffect } from './analysis.ts';
import { resolveType } from './calls.ts';
import type { Context } from './context.ts';
import { evaluateAll, evaluator } from './expressions.ts';
import { blockOf } from './function-bodies.ts';
import { callFunction } from './function-calls.ts';
import { listOf } from './nodes.ts';
import { runningTypes } from './parameter-types.ts';
import { noteDefault, noteSetting } from './session-settings.ts';
import { isReadableSetting, settingName } from './settings.ts';
import type { Frame, Told } from './statement.ts';
import { textBehind } from './statement-text.ts';
import { anyType, typeOid } from './types.ts';
import { constant } from './value.ts';

export function setVariable(statement: VariableSetStmt, { context }: Frame): Told {
  const name = statement.name ?? '';
  switch (statement.kind) {
    case 'VAR_SET_VALUE':
      noteSetting(context, name, constantsOf(statement.args));
      return { command: 'SET' };
    case 'VAR_SET_DEFAULT':
      noteDefault(context, name);
      return { command: 'SET' };
    case 'VAR_RESET':
      noteDefault(context, name);
      return { command: 'RESET' };
    case 'VAR_RESET_ALL':
      context.findings.set('all');
      return { command: 'RESET' };
    case 'VAR_SET_MULTI':
      setSeveral(statement, context);
      return { command: 'SET' };
    default:
      context.findings.set(settingName(name));
      return { command: 'SET' };
  }
}

/** The constants of SET x TO a, b; null when one of them is something else. */
function constantsOf(nodes: readonly Node[] | undefined): readonly string[] | null {
  const values: string[] = [];
  for (const node of listOf(nodes)) {
    // SET TIME ZONE INTERVAL '1' HOUR
    const value = 'TypeCast' in node ? node.TypeCast.arg : node;
    if (value === undefined || !('A_Const' in value)) return null;
    const { sval, ival, fval, boolval } = value.A_Const;
    values.push(
      sval?.sval ?? fval?.fval ?? String(ival === undefined ? boolval?.boolval === true : (ival.ival ?? 0)),
    );
  }
  return values;
}

/** SET TRANSACTION and SET SESSION CHARACTERISTICS, which is SET of the defaults. */
function setSeveral(statement: VariableSetStmt, context: Context): void {
  const form = statement.name ?? '';
  if (form === 'TRANSACTION SNAPSHOT') context.findings.set('transaction_snapshot');
  else transactionModes(statement.args, form === 'TRANSACTION' ? '' : 'default_', context);
}

function transactionModes(nodes: readonly Node[] | undefined, prefix: string, context: Context): void {
  for (const node of listOf(nodes)) {
    if (!('DefElem' in node)) continue;
    const { defname, arg } = node.DefElem;
    noteSetting(context, `${prefix}${defname ?? ''}`, constantsOf(arg === undefined ? [] : [arg]));
  }
}

export function showVariable(statement: VariableShowStmt, { context }: Frame): Told {
  const name = settingName(statement.name ?? '');
  if (!isReadableSetting(name)) context.findings.callNamed('pg_catalog.current_setting', name);
  const names = name === 'all' ? ['name', 'setting', 'description'] : [name];
  const fields = names.map((column) => ({ name: column, value: constant(typeOid.text) }));
  return { command: 'SHOW', columns: { fields, open: null } };
}

export function transaction(statement: TransactionStmt, { context }: Frame): Told {
  const going = { transaction: { ends: false } } as const;
  const ended = { transaction: { ends: statement.chain !== true } } as const;
  switch (statement.kind) {
    case 'TRANS_STMT_BEGIN':
    case 'TRANS_STMT_START':
      transactionModes(statement.options, '', context);
      return { command: 'BEGIN', ...going };
    case 'TRANS_STMT_COMMIT':
      return { command: 'COMMIT', ...ended };
    case 'TRANS_STMT_ROLLBACK':
      return { command: 'ROLLBACK', ...ended };
    case 'TRANS_STMT_SAVEPOINT':
      return { command: 'SAVEPOINT', ...going };
    case 'TRANS_STMT_RELEASE':
      return { command: 'RELEASE', ...going };
    case 'TRANS_STMT_ROLLBACK_TO':
      return { command: 'ROLLBACK TO SAVEPOINT', ...going };
    case 'TRANS_STMT_PREPARE':
      context.findings.object('two-phase', null, `prepare ${statement.gid ?? ''}`);
      return { command: 'PREPARE TRANSACTION', transaction: { ends: true } };
    case 'TRANS_STMT_COMMIT_PREPARED':
      context.findings.object('two-phase', null, `commit ${statement.gid ?? ''}`);
      return { command: 'COMMIT PREPARED' };
    case 'TRANS_STMT_ROLLBACK_PREPARED':
      context.findings.object('two-phase', null, `rollback ${statement.gid ?? ''}`);
      return { command: 'ROLLBACK PREPARED' };
    default:
      context.findings.opaque('unknown-statement');
      return { command: 'TRANSACTION' };
  }
}

export function discard(statement: DiscardStmt, { context }: Frame): Told {
  const what = (statement.target ?? 'DISCARD_ALL').replace('DISCARD_', '').toLowerCase();
  context.findings.object('discard', null, what);
  return what === 'all'
    ? { command: 'DISCARD', nameChange: { kind: 'discard-all' } }
    : { command: 'DISCARD' };
}

/** Like Parse: it is not planned and does nothing until EXECUTE, which is decided each time (session/decisions.ts refuses what no EXECUTE may do). */
export function prepare(statement: PrepareStmt, frame: Frame): Told {
  const { query, name } = statement;
  if (query === undefined) return unknown('PREPARE', frame);
  const inner = frame.inner(query, textBehind('as', frame.text));
  const types = listOf(statement.argtypes).map((node) =>
    'TypeName' in node ? resolveType(frame.context, node.TypeName) : anyType,
  );
  const body = runningTypes(inner, types, frame.context);
  const effects = body.effects.map(withoutArrays);
  return {
    command: 'PREPARE',
    nameChange: { kind: 'prepare', name: name ?? '', body: { ...body, effects } },
  };
}

/** Its parameters are what EXECUTE says: an array may be computed there, and nobody can count its items. */
function withoutArrays(effect: PostgresEffect): PostgresEffect {
  const guesses = effect.guesses.filter(({ array }) => array === null);
  if (guesses.length === effect.guesses.length) return effect;
  const uncounted = effect.guesses.flatMap(({ columns, array }) => (array === null ? [] : columns));
  return { ...effect, guesses, conditionColumns: [...new Set([...effect.conditionColumns, ...uncounted])] };
}

/** CURSOR_OPT_HOLD in parsenodes.h. */
const withHoldBit = 0x20;

export function declareCursor(statement: DeclareCursorStmt, frame: Frame): Told {
  const { query, portalname } = statement;
  if (query === undefined) return unknown('DECLARE CURSOR', frame);
  const body = frame.inner(query, textBehind('for', frame.text));
  const withHold = ((statement.options ?? 0) & withHoldBit) !== 0;
  return {
    command: 'DECLARE CURSOR',
    nameChange: { kind: 'declare', name: portalname ?? '', withHold, body },
  };
}

export function executePrepared(
  statement: ExecuteStmt,
  { context, scope }: Frame,
  rows: NameUse['rows'],
): Told {
  const values = evaluateAll(statement.params, scope, context);
  for (const value of values) context.findings.condition(value.sources);
  return { command: 'EXECUTE', nameUse: { kind: 'prepared', name: statement.name ?? '', rows } };
}

export function deallocate(statement: DeallocateStmt): Told {
  return statement.isall === true || statement.name === undefined
    ? { command: 'DEALLOCATE', nameChange: { kind: 'deallocate-all' } }
    : { command: 'DEALLOCATE', nameChange: { kind: 'deallocate', name: statement.name } };
}

export function fetch(statement: FetchStmt): Told {
  const isMove = statement.ismove === true;
  return {
    command: isMove ? 'MOVE' : 'FETCH',
    nameUse: { kind: 'cursor', name: statement.portalname ?? '', rows: isMove ? 'dropped' : 'returned' },
  };
}

export function closeCursor(statement: ClosePortalStmt): Told {
  return statement.portalname === undefined
    ? { command: 'CLOSE CURSOR', nameChange: { kind: 'close-all' } }
    : { command: 'CLOSE CURSOR', nameChange: { kind: 'close', name: statement.portalname } };
}

/**
 * With ANALYZE it runs; without, planning runs immutable functions, and estimates tell what is in the tables: either way it
 * does what its statement does. The plan holds the statement's own constants and no columns.
 */
export function explain(statement: ExplainStmt, frame: Frame): Told {
  const { query } = statement;
  // EXPLAIN DECLARE explains the cursor's query.
  const inner = query !== undefined && 'DeclareCursorStmt' in query ? query.DeclareCursorStmt.query : query;
  if (inner === undefined) return unknown('EXPLAIN', frame);
  const told = frame.part(inner);
  const plan = { fields: [{ name: 'QUERY PLAN', value: constant(typeOid.text) }], open: null };
  const explained: Told = { command: 'EXPLAIN', columns: plan };
  if (told.nameUse === undefined) return explained;
  const rows = told.nameUse.rows === 'stored' ? 'stored' : 'explained';
  return { ...explained, nameUse: { ...told.nameUse, rows } };
}

export function call(statement: CallStmt, { context, scope }: Frame): Told {
  // What a procedure gives back in its OUT parameters is its own affair.
  if (statement.funccall !== undefined) {
    const { given } = callFunction(statement.funccall, scope, context, evaluator);
    context.findings.condition(given);
  }
  return { command: 'CALL' };
}

export function runCode(statement: DoStmt, { context }: Frame): Told {
  const language = listOf(statement.args)
    .flatMap((node) => ('DefElem' in node && node.DefElem.defname === 'language' ? [node.DefElem.arg] : []))
    .flatMap((arg) => (arg !== undefined && 'String' in arg ? [arg.String.sval ?? ''] : []));
  const { findings } = context;
  findings.object('do', null, language[0] ?? 'plpgsql');
  const body = blockOf(statement, context);
  const reasons = body?.opaqueReasons() ?? [];
  if (body === null || reasons.length > 0) findings.opaque('procedural-code');
  if (reasons.length > 0)
    findings.consequence(`its block has what is not understood (${reasons.join(', ')})`);
  if (body !== null) findings.includeBlock(body);
  return { command: 'DO' };
}

function unknown(command: string, { context }: Frame): Told {
  context.findings.opaque('unknown-statement');
  return { command };
}
