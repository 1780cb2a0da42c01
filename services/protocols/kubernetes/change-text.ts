/** What a write changes, a line for each value: what approvers read, and part of what an approval is bound to. */
import { hash } from 'node:crypto';
import type { JsonObject, JsonValue } from '../../core/model/strict-json.ts';
import { isObject, metadataOf, textAt, withoutBookkeeping } from './api-object.ts';
import type { Change } from './object-effects.ts';

/** `~ spec.replicas: 2 -> 3`, in the order of the names. */
export function changeLines({ before, after }: Change): readonly string[] {
  const old = before === null ? new Map<string, string>() : valuesOf(before, null);
  // What the API server chooses anew each time it is asked for the same new object must not make another action of it.
  const made = after === null ? new Map<string, string>() : valuesOf(after, before === null ? after : null);
  const lines: string[] = [];
  for (const path of [...new Set([...old.keys(), ...made.keys()])].sort()) {
    const [was, is] = [old.get(path), made.get(path)];
    if (was === is) continue;
    if (was === undefined) lines.push(`+ ${path}: ${is}`);
    else if (is === undefined) lines.push(`- ${path}: ${was}`);
    else lines.push(`~ ${path}: ${was} -> ${is}`);
  }
  return lines;
}

/** Paths whose values are random where the client names none. */
const chosenByServer =
  /^(?:spec\.clusterIPs?\b|spec\.healthCheckNodePort$|spec\.ports\[.*\]\.nodePort$)|kube-api-access-/;

/** @param created the object itself, where it is a new one */
function valuesOf(object: JsonObject, created: JsonObject | null): Map<string, string> {
  const values = new Map<string, string>();
  const uid = created === null ? '' : textAt(metadataOf(created), 'uid');
  const generated = created !== null && textAt(metadataOf(created), 'generateName') !== '';
  const isSecret = textAt(object, 'kind') === 'Secret';
  const collect = (path: string, value: JsonValue): void => {
    if (created !== null && chosenByServer.test(path)) return;
    if (generated && path === 'metadata.name') return;
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) collect(`${path}[${keyOf(item, index)}]`, item);
      if (value.length === 0) values.set(path, '[]');
    } else if (isObject(value)) {
      const members = Object.entries(value);
      for (const [name, member] of members) collect(path === '' ? name : `${path}.${name}`, member);
      if (members.length === 0) values.set(path, '{}');
    } else if (isSecret && /^(?:data|stringData)\./.test(path)) values.set(path, pseudonym(String(value)));
    else if (isSecret && path.startsWith('metadata.annotations.') && /last-applied/.test(path)) {
      // kubectl keeps the whole Secret in it.
      values.set(path, pseudonym(String(value)));
    } else values.set(path, uid !== '' && value === uid ? '(its uid)' : JSON.stringify(value));
  };
  collect('', withoutBookkeeping(object));
  return values;
}

/** Lists in objects are mostly told apart by names, and by their places where they are not. */
const keyOf = (item: JsonValue, index: number): string =>
  isObject(item) && textAt(item, 'name') !== '' ? textAt(item, 'name') : String(index);

/** Equal for equal values, so that an approval is bound to it; trail and approver learn no more. */
const pseudonym = (value: string): string => `sha256:${hash('sha256', value, 'hex').slice(0, 32)}`;
