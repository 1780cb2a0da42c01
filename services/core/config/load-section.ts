/**
 * Single sections of a config, for commands of people: whoever logs in or looks for the gateway's socket does not have
 * the secrets of its targets, without which the whole is not loaded.
 */
import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import type { Problem, ValuePath } from '../model/problem.ts';
import type { IdentitySettings } from '../model/settings.ts';
import { defaults } from './defaults.ts';
import { problemsOf } from './finding.ts';
import { findingsOf, issueText } from './issues.ts';
import { configParts } from './parts.ts';
import { References } from './references.ts';
import { stateDirSchema } from './sections/gateway.ts';
import { identitySchema } from './sections/identity.ts';
import { inOrder, readYamlDocument } from './yaml-document.ts';

export interface LoadedSection<Section> {
  /** Null when it could not be read; then the problems say why. */
  readonly section: Section | null;
  readonly problems: readonly Problem[];
}

/** `env` is where `env:` references lead. */
export const loadIdentity = (
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): LoadedSection<IdentitySettings> =>
  loadSection(file, ['identity'], (references) => identitySchema(configParts(references)), env);

/** The state folder's absolute path. */
export const loadStateDir = (file: string): LoadedSection<string> =>
  loadSection(
    file,
    ['gateway', 'stateDir'],
    (references) => stateDirSchema(references).prefault(defaults.stateDir),
    {},
  );

function loadSection<Section>(
  file: string,
  path: ValuePath,
  schema: (references: References) => z.ZodType<Section>,
  env: Readonly<Record<string, string | undefined>>,
): LoadedSection<Section> {
  const { document, problems } = readYamlDocument(file);
  if (document === null) return { section: null, problems };
  const references = new References(dirname(resolve(file)), env);
  const parsed = schema(references).safeParse(valueAt(document.value, path), { error: issueText });
  if (parsed.success) return { section: parsed.data, problems };
  const issues = parsed.error.issues.map((issue) => ({ ...issue, path: [...path, ...issue.path] }));
  // Which keys there are is told by `check`, which knows the whole schema.
  const findings = findingsOf(issues, { has: (place) => document.has(place), knownKeys: () => [] });
  return { section: null, problems: inOrder([...problems, ...problemsOf(document, findings)]) };
}

const valueAt = (value: unknown, path: ValuePath): unknown =>
  path.reduce<unknown>(
    (here, step) =>
      typeof here === 'object' && here !== null && Object.hasOwn(here, step)
        ? Reflect.get(here, step)
        : undefined,
    value,
  );
