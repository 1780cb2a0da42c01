import type { Problem, ValuePath } from '../model/problem.ts';
import type { YamlDocument } from './yaml-document.ts';
import { shownKey } from './yaml-tree.ts';

/** Something wrong at a path of the config, before it has a line. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  readonly path: ValuePath;
  /** Whether the key itself is what is wrong, and not its value. */
  readonly atKey?: boolean;
  /** Goes on from the path: `must be …`, `is missing`. */
  readonly message: string;
}

export const problemsOf = (document: YamlDocument, findings: readonly Finding[]): readonly Problem[] =>
  findings.map((finding) => problemOf(document, finding));

function problemOf(document: YamlDocument, { severity, path, atKey, message }: Finding): Problem {
  // Of what is missing, the place is the key of the section in which it should stand.
  const place = atKey || !document.has(path) ? document.locateKey(path) : document.locate(path);
  const subject = path.length === 0 ? 'the file' : pathText(path);
  return { severity, file: document.file, ...place, message: `${subject}: ${message}` };
}

/** `gateway.listeners[0].port` */
export const pathText = (path: ValuePath): string =>
  path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    const key = /^[A-Za-z0-9_.-]{1,64}$/.test(step) ? step : shownKey(step);
    return text === '' ? key : `${text}.${key}`;
  }, '');
