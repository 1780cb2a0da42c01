/**
 * sallyport.yaml and its policies, read together: by the gateway when it starts and reloads, and by the commands that
 * check and explain. Beside main.ts, because it joins config, policy, masking and the protocols, which do not know each other.
 */
import { extname, isAbsolute, relative } from 'node:path';
import { loadSettings } from './core/config/load.ts';
import type { Outline } from './core/config/outline.ts';
import { readYamlDocument, type YamlDocument } from './core/config/yaml-document.ts';
import { detectorNames } from './core/masking/detectors.ts';
import { transformNames } from './core/masking/transform-names.ts';
import type { Clock } from './core/model/clock.ts';
import type { Problem, SourceDocument } from './core/model/problem.ts';
import type { Settings } from './core/model/settings.ts';
import { evaluateTypeScript } from './core/policy/evaluate-typescript.ts';
import { type LoadedPolicies, loadPolicies } from './core/policy/load.ts';
import type { Vocabulary } from './core/policy/vocabulary.ts';
import type { Protocol } from './protocols/protocol.ts';

export interface GatewayFilesOptions {
  readonly protocols: readonly Protocol[];
  /** Where `env:` references lead. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

export interface GatewayFiles {
  /** Null when the config is broken. */
  readonly settings: Settings | null;
  /** Knows where everything in the config stands; null when it is no YAML. */
  readonly document: YamlDocument | null;
  /** Its `policies` are null when one of them is broken, or when the config has no targets to check them against. */
  readonly policies: LoadedPolicies;
  /** Of the config and then of the policies, each in the order of its file. */
  readonly problems: readonly Problem[];
  /** For `watchFiles`: absolute paths of all that settings and policies depend on. */
  readonly watched: readonly string[];
}

/** Never rejects: what is wrong is in the problems. */
export async function loadGatewayFiles(file: string, options: GatewayFilesOptions): Promise<GatewayFiles> {
  const { protocols } = options;
  const { settings, document, outline, problems, watched } = loadSettings(file, options);
  const policies = outline === null ? nothing : await loadPolicyFiles(outline, file, protocols);
  return { settings, document, policies, problems: [...problems, ...policies.problems], watched };
}

const nothing: LoadedPolicies = { policies: null, problems: [], patterns: [] };

/** TypeScript policies are evaluated in a process each; on two cores more of them at a time take no less time. */
const evaluationsAtATime = 2;

async function loadPolicyFiles(
  outline: Outline,
  configFile: string,
  protocols: readonly Protocol[],
): Promise<LoadedPolicies> {
  const documents: SourceDocument[] = [];
  const problems: Problem[] = [];
  const files = [...outline.policyFiles];
  while (files.length > 0) {
    const batch = files.splice(0, evaluationsAtATime);
    const read = await Promise.all(batch.map((path) => readPolicyFile(path, shownPath(path, configFile))));
    for (const { document, problems: found } of read) {
      if (document !== null) documents.push(document);
      problems.push(...found);
    }
  }
  return loadPolicies(documents, vocabularyOf(protocols, outline), problems);
}

const readPolicyFile = async (
  path: string,
  shownAs: string,
): Promise<{ readonly document: SourceDocument | null; readonly problems: readonly Problem[] }> =>
  extname(path) === '.ts' ? evaluateTypeScript(path, { shownAs }) : readYamlDocument(shownAs);

/** As the person named the config, so that it can be clicked: relative to where they are, or absolute. */
const shownPath = (path: string, configFile: string): string =>
  isAbsolute(configFile) ? path : relative(process.cwd(), path);

/** The words that policies are checked against. */
export const vocabularyOf = (
  protocols: readonly Protocol[],
  { targets, listeners }: Pick<Outline, 'targets' | 'listeners'>,
): Vocabulary => ({
  protocols: Object.fromEntries(protocols.map(({ name, policy }) => [name, policy])),
  reachedBy: Object.fromEntries(protocols.map(({ name, listeners: spoken }) => [name, spoken])),
  targets,
  listeners,
  detectors: detectorNames,
  transforms: transformNames,
});
