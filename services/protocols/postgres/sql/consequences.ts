/** What a statement sets off by itself, in words for whoever approves it. The effects of it are decided like all others. */
import type { OpaqueReason, PostgresEffect } from './analysis.ts';
import type {
  CatalogFunction,
  EventTrigger,
  ForeignKey,
  Relation,
  RewriteRule,
  Trigger,
  WriteEvent,
} from './catalog.ts';
import { maxEffectsTold } from './limits.ts';

const plainName = /^[\p{L}_][\p{L}\p{N}_$]*$/u;

/** As SQL writes it: a name with blanks in it could pass for another sentence. */
const name = (written: string): string =>
  plainName.test(written) ? written : `"${written.replaceAll('"', '""')}"`;

const nameOf = (one: { readonly schema: string; readonly name: string }): string =>
  `${name(one.schema)}.${name(one.name)}`;

/** `app.log (plpgsql, security definer)`: the language and whose rights tell how far it can go. */
const functionText = (one: CatalogFunction): string =>
  `${nameOf(one)} (${one.language}${one.securityDefiner ? ', security definer' : ''})`;

/** What a body was found to do, as approvers read it: `insert app.log, call app.mail, what is not understood (dynamic-sql)`. */
export function doneText(effects: readonly PostgresEffect[], opaque: readonly OpaqueReason[]): string {
  const shown = effects.slice(0, maxEffectsTold).map(({ verb, resource }) => `${verb} ${resource}`);
  const more = effects.length - shown.length;
  return [
    ...shown,
    ...(more > 0 ? [`${more} more`] : []),
    ...(opaque.length > 0 ? [`what is not understood (${opaque.join(', ')})`] : []),
  ].join(', ');
}

export const bodyText = (one: CatalogFunction, done: string): string => `${functionText(one)} does: ${done}`;

export const unreadBodyText = (one: CatalogFunction): string =>
  `${functionText(one)}: what it does could not be read`;

export const moreFunctionsText = (count: number): string =>
  `${count} more function${count === 1 ? '' : 's'} may run`;

export function triggerText(trigger: Trigger, on: Relation, event: WriteEvent): string {
  const inPlace = on.isView && on.insteadOf.has(event) ? ` in place of the ${event}` : '';
  return `trigger ${name(trigger.name)} on ${nameOf(on)} runs ${functionText(trigger.function)}${inPlace}`;
}

export const eventTriggerText = (trigger: EventTrigger): string =>
  `event trigger ${name(trigger.name)} (${trigger.event}) runs ${functionText(trigger.function)}`;

export const ruleText = ({ name: rule, event, instead }: RewriteRule, on: Relation): string =>
  `rule ${name(rule)} on ${nameOf(on)} acts ${instead ? 'in place of' : 'beside'} the ${event}`;

export const cascadedDeleteText = (key: ForeignKey, of: Relation): string =>
  `deletes rows of ${nameOf(key.dependent)} that refer to ${nameOf(of)} (foreign key ${name(key.name)})`;

export function cascadedUpdateText(key: ForeignKey, of: Relation): string {
  const columns = key.dependentColumns.map(({ column }) => name(column)).join(', ');
  return `changes ${columns} of ${nameOf(key.dependent)} where it refers to ${nameOf(of)} (foreign key ${name(key.name)})`;
}

export const cascadedTruncateText = (key: ForeignKey, of: Relation): string =>
  `empties ${nameOf(key.dependent)}, which refers to ${nameOf(of)} (foreign key ${name(key.name)})`;

export const partitionsText = (relation: Relation, count: number): string =>
  `rows of ${nameOf(relation)} lie in ${count} partition${count === 1 ? '' : 's'}`;

/** As cascades.ts says it of what the target has told. */
export const droppedText = (relation: Relation): string => `drops ${relation.kind} ${nameOf(relation)}`;
