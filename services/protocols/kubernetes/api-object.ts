/** Objects of the API as JSON: what is read of any of them, whatever its kind. */
import { hash } from 'node:crypto';
import type { JsonObject, JsonValue } from '../../core/model/strict-json.ts';
import type { Labels } from './effect.ts';

export const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const objectAt = (from: JsonObject, name: string): JsonObject => {
  const value = from[name];
  return isObject(value) ? value : none;
};
const none: JsonObject = Object.freeze(Object.create(null));

export const listAt = (from: JsonObject, name: string): readonly JsonValue[] => {
  const value = from[name];
  return Array.isArray(value) ? value : [];
};

export const textAt = (from: JsonObject, name: string): string => {
  const value = from[name];
  return typeof value === 'string' ? value : '';
};

export const metadataOf = (object: JsonObject): JsonObject => objectAt(object, 'metadata');

export const labelsOf = (object: JsonObject): Labels =>
  new Map(
    Object.entries(objectAt(metadataOf(object), 'labels')).flatMap(([key, value]) =>
      typeof value === 'string' ? [[key, value] as const] : [],
    ),
  );

/** The same for equal values, whatever the order of their members. */
export function canonicalJson(value: JsonValue | undefined): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value ?? null);
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name])}`);
  return `{${members.join(',')}}`;
}

/** What the API server counts and notes by itself. */
const kept: ReadonlySet<string> = new Set([
  'managedFields',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'selfLink',
  'uid',
]);

/** Without what changes though nobody has changed the object: its status, and the API server's own notes. */
export function withoutBookkeeping(object: JsonObject): JsonObject {
  const metadata = Object.fromEntries(Object.entries(metadataOf(object)).filter(([name]) => !kept.has(name)));
  const rest = Object.entries(object).filter(([name]) => name !== 'status' && name !== 'metadata');
  return { ...Object.fromEntries(rest), metadata };
}

/** Without its version, and when its fields were last written: what a write that changes nothing may leave another. */
export function contentOf(object: JsonObject): JsonObject {
  const { resourceVersion: _version, ...metadata } = metadataOf(object);
  const owners = listAt(metadata, 'managedFields').map((owner) =>
    isObject(owner) ? Object.fromEntries(Object.entries(owner).filter(([name]) => name !== 'time')) : owner,
  );
  return { ...object, metadata: { ...metadata, managedFields: owners } };
}

/**
 * `web@UID:DIGEST`: another object of the same name, or another content, has another version. Its status may change. Its kind, which the path says
 * too, is left out: within a list it is not said again.
 */
export function versionOf(object: JsonObject): string {
  const metadata = metadataOf(object);
  const { kind: _kind, apiVersion: _apiVersion, ...content } = withoutBookkeeping(object);
  const digest = hash('sha256', canonicalJson(content), 'hex').slice(0, 32);
  return `${textAt(metadata, 'name')}@${textAt(metadata, 'uid')}:${digest}`;
}
