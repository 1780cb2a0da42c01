/** Event triggers: functions that the server runs whenever somebody changes definitions, whoever it is. */
import type { EventTrigger } from './catalog.ts';
import { eventTriggerText } from './consequences.ts';
import type { Context } from './context.ts';

/** Command tags that are definitions: https://www.postgresql.org/docs/current/event-trigger-matrix.html */
const definitions =
  /^(?:ALTER|COMMENT|CREATE|DROP|GRANT|IMPORT|REASSIGN|REFRESH|REVOKE|SECURITY LABEL|SELECT INTO)\b/;

/** Objects of the whole cluster, and event triggers themselves: these fire none. */
const silentKinds: ReadonlySet<string | null> = new Set([
  'role',
  'database',
  'tablespace',
  'parameter',
  'server configuration',
  'event trigger',
]);

/** They run statements of their own, each of which has its own tag. */
const runOthers: ReadonlySet<string> = new Set([
  'CREATE EXTENSION',
  'ALTER EXTENSION',
  'REFRESH MATERIALIZED VIEW',
]);

/** Notes the event triggers that a statement with this command tag sets off. */
export function noteEventTriggers(command: string, { catalog, findings }: Context): void {
  if (catalog.eventTriggers.length === 0) return;
  const reindexes = command === 'REINDEX' && catalog.serverVersion >= 170_000;
  if (!reindexes && !definitions.test(command)) return;
  if (findings.effects().every(({ objectKind }) => silentKinds.has(objectKind))) return;
  for (const trigger of catalog.eventTriggers) {
    if (!fires(trigger, command)) continue;
    findings.version(trigger.version);
    findings.consequence(eventTriggerText(trigger));
    if (!trigger.isTrusted) findings.call(trigger.function);
  }
}

function fires({ event, tags }: EventTrigger, command: string): boolean {
  if (tags !== null && !tags.includes(command) && !runOthers.has(command)) return false;
  switch (event) {
    case 'login':
      return false;
    case 'sql_drop':
      // ALTER may drop parts of what it is about; which ones only the server knows.
      return /^(?:DROP|ALTER)\b/.test(command) || runOthers.has(command);
    case 'table_rewrite':
      return /^ALTER (?:TABLE|TYPE|MATERIALIZED VIEW)$/.test(command) || runOthers.has(command);
    default:
      return true;
  }
}
