import { dirname, resolve } from 'node:path';
import type { Clock } from '../model/clock.ts';
import type { Problem, ValuePath } from '../model/problem.ts';
import type { Settings } from '../model/settings.ts';
import { adviceFor } from './advice.ts';
import { type Finding, problemsOf } from './finding.ts';
import { findingsOf, issueText } from './issues.ts';
import { type JsonSchema, keysAt, settingsJsonSchema } from './json-schema.ts';
import { type Outline, outlineOf } from './outline.ts';
import { References } from './references.ts';
import { configSchema } from './schema.ts';
import type { TargetProtocol } from './sections/targets.ts';
import { wholeFileFindings } from './whole-file.ts';
import { inOrder, readYamlDocument, type YamlDocument } from './yaml-document.ts';

export interface LoadOptions {
  readonly protocols: readonly TargetProtocol[];
  /** Where `env:` references lead; `process.env` outside of tests. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

export interface LoadedSettings {
  /** Null when a problem is an error. */
  readonly settings: Settings | null;
  /** Null when the file cannot be read as YAML. Places of targets and listeners are asked of it. */
  readonly document: YamlDocument | null;
  /** For checking policies, also when something else in the config is wrong; null when this much could not be read. */
  readonly outline: Outline | null;
  /** Errors and warnings, in the order of the file. */
  readonly problems: readonly Problem[];
  /** For `watchFiles`: absolute paths of all files and folders on which the settings depend, the config among them. */
  readonly watched: readonly string[];
}

/** Reads sallyport.yaml and everything that it refers to. Never throws: what is wrong is in the problems. */
export function loadSettings(file: string, options: LoadOptions): LoadedSettings {
  const { document, problems } = readYamlDocument(file);
  if (document === null) {
    return { settings: null, document, outline: null, problems, watched: [resolve(file)] };
  }
  const references = new References(dirname(resolve(file)), options.env);
  const { settings, findings } = settingsOf(document, references, options);
  const protocols = options.protocols.map(({ name }) => name);
  const all = inOrder([...problems, ...problemsOf(document, findings)]);
  return {
    settings: all.some(({ severity }) => severity === 'error') ? null : settings,
    document,
    outline: outlineOf(document, references, protocols),
    problems: all,
    watched: [resolve(file), ...references.watched],
  };
}

function settingsOf(
  document: YamlDocument,
  references: References,
  { protocols, clock }: LoadOptions,
): { readonly settings: Settings | null; readonly findings: readonly Finding[] } {
  const whole = wholeFileFindings(document);
  const parsed = configSchema(protocols, references).safeParse(document.value, { error: issueText });
  if (parsed.success) {
    const advice = adviceFor(parsed.data, document.value, references, clock.nowMs());
    return { settings: parsed.data, findings: [...whole, ...advice] };
  }
  // Made only when a key is unknown: writing the schema down takes longer than checking a config by it.
  let schema: JsonSchema | null = null;
  const subject = {
    has: (path: ValuePath) => document.has(path),
    knownKeys: (path: ValuePath) => {
      schema ??= settingsJsonSchema(protocols);
      return keysAt(schema, document.value, path);
    },
  };
  return { settings: null, findings: [...whole, ...findingsOf(parsed.error.issues, subject)] };
}
