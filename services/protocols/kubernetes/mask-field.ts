/** `secrets:data.*`, `configmaps:data.password`, `*:metadata.annotations."example.com/token"`: which values of which objects a mask is about. */
import { type JsonPath, parseJsonPath } from '../../core/masking/json-path.ts';
import type { JsonMask } from '../../core/masking/json-values.ts';
import { InvariantError } from '../../core/model/errors.ts';
import {
  type ResourcePattern,
  readResourcePattern,
  resourceMatcher,
  resourcePatternFault,
} from './resource-pattern.ts';

export interface MaskField {
  readonly resource: ResourcePattern;
  /** In the object, at whatever depth it stands: alone, in a list, in a watch's event or in a row of a table. */
  readonly path: JsonPath;
  /** Whether the values are base64, and stay so. */
  readonly isBase64: boolean;
}

export function parseMaskField(text: string): MaskField | { readonly fault: string } {
  const colon = text.indexOf(':');
  if (colon < 0) {
    return { fault: `"${text}" names no resource; write it before the path, as in secrets:data.*` };
  }
  const [resource, path] = [text.slice(0, colon), text.slice(colon + 1)];
  const fault = resourcePatternFault(resource);
  if (fault !== null) return { fault };
  const written = parseJsonPath(path);
  if ('fault' in written) return written;
  const anywhere = parseJsonPath(`**.${path}`);
  if ('fault' in anywhere) return anywhere;
  const pattern = readResourcePattern(resource);
  return {
    resource: pattern,
    path: anywhere,
    isBase64: /^(?:"data"|data)(?:\.|$)/.test(path) && isSecrets(pattern),
  };
}

const isSecrets = ({ resource, group }: ResourcePattern): boolean => resource === 'secrets' && group === '';

/** Whether answers about this resource hold what is masked. A log is text, and no object. */
export const isAbout = ({ resource }: MaskField, group: string, type: string): boolean =>
  !type.endsWith('/log') && resourceMatcher([resource], 'deny')({ group, type });

const pathOf = (text: string): JsonPath => {
  const path = parseJsonPath(text);
  if ('fault' in path) throw new InvariantError(path.fault);
  return path;
};

/** kubectl keeps the whole object in it, as it was applied, and reads it as if it was not there when it is null. */
export const lastAppliedPath = pathOf(
  '**.metadata.annotations."kubectl.kubernetes.io/last-applied-configuration"',
);

/** Of tables: values of fields that the resource's definition chooses. */
export const cellsPath = pathOf('**.rows.cells');

/** Masks what base64 stands for, and gives base64: clients decode it, and fail on what is none. */
export const inBase64 = (mask: JsonMask): JsonMask => ({
  ...mask,
  string: (text) => {
    const shown = mask.string(Buffer.from(text, 'base64').toString('utf8'));
    return shown === null ? null : Buffer.from(shown).toString('base64');
  },
  longString:
    mask.longString === 'null'
      ? 'null'
      : JSON.stringify(Buffer.from(JSON.parse(mask.longString)).toString('base64')),
});
