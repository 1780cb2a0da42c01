import { spawn } from 'node:child_process';
import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { messageOf } from '../model/errors.ts';
import type { Position, Problem, SourceDocument } from '../model/problem.ts';
import { visibleText } from '../model/visible-text.ts';
import {
  maxEvaluationBytes,
  maxEvaluationHeapMib,
  maxEvaluationMemoryMib,
  maxEvaluationMs,
  maxMessageCharacters,
} from './limits.ts';

const position = { line: z.int().min(1), column: z.int().min(1) };

const resultSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('policies'),
    policies: z.array(z.unknown()),
    /** Where each was defined. */
    sites: z.array(z.object(position)),
  }),
  z.object({ kind: z.literal('failed'), message: z.string(), ...position }),
]);

/** What the child says. It ran somebody's code, so it is checked like everything from outside. */
export type EvaluationResult = z.output<typeof resultSchema>;

export interface EvaluatedPolicies {
  /** For `loadPolicies`; null when the file could not be evaluated. */
  readonly document: SourceDocument | null;
  readonly problems: readonly Problem[];
}

export interface EvaluationOptions {
  /** The path as the person wrote it, for problems. */
  readonly shownAs?: string;
  /** The module that stands for `sallyport/policy`; define-policy.ts when left out. */
  readonly policyModule?: string;
  readonly timeoutMs?: number;
}

type ChildEnd =
  | { readonly kind: 'written'; readonly text: string }
  | { readonly kind: 'broken'; readonly why: string };

/**
 * Evaluates a policy file in a process that has no environment, reads nothing but the file's folder, reaches no network,
 * and is bounded in time, memory and output.
 */
export async function evaluateTypeScript(
  path: string,
  options: EvaluationOptions = {},
): Promise<EvaluatedPolicies> {
  const file = options.shownAs ?? path;
  const broken = (message: string, place: Position = { line: 1, column: 1 }): EvaluatedPolicies => ({
    document: null,
    problems: [{ severity: 'error', file, ...place, message }],
  });
  let realFile: string;
  try {
    // A mounted ConfigMap is links to links; permissions and imports are by the real folder.
    realFile = await realpath(path);
  } catch (error) {
    return broken(`cannot be read: ${messageOf(error)}`);
  }
  const policyModule = options.policyModule ?? join(import.meta.dirname, 'define-policy.ts');
  const end = await runChild(realFile, policyModule, options.timeoutMs ?? maxEvaluationMs);
  if (end.kind === 'broken') return broken(end.why);
  const result = parseResult(end.text);
  if (result === null) return broken('the evaluation gave no result that can be read');
  if (result.kind === 'failed') {
    const { message, line, column } = result;
    return broken(visibleText(message.slice(0, maxMessageCharacters)), { line, column });
  }
  return { document: documentOf(file, result.policies, result.sites), problems: [] };
}

function parseResult(text: string): EvaluationResult | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  const parsed = resultSchema.safeParse(value);
  return parsed.success ? parsed.data : null;
}

const documentOf = (
  file: string,
  policies: readonly unknown[],
  sites: readonly Position[],
): SourceDocument => ({
  file,
  value: { policies },
  locate: ([first, index]) =>
    (first === 'policies' && typeof index === 'number' ? sites[index] : undefined) ?? { line: 1, column: 1 },
});

function childArguments(realFile: string, policyModule: string): readonly string[] {
  const readable = [dirname(realFile), import.meta.dirname, dirname(policyModule)];
  return [
    '--permission',
    ...[...new Set(readable)].map((folder) => `--allow-fs-read=${folder}`),
    '--disallow-code-generation-from-strings',
    '--no-warnings',
    `--max-old-space-size=${maxEvaluationHeapMib}`,
    join(import.meta.dirname, 'evaluation-child.ts'),
    realFile,
    policyModule,
  ];
}

function runChild(realFile: string, policyModule: string, timeoutMs: number): Promise<ChildEnd> {
  // V8's limit is for its own heap; the rest (ICU's objects) is held by the kernel's limit on data, set by a shell. The
  // shell also sets PWD, hence env.
  const limited = `ulimit -d ${maxEvaluationMemoryMib * 1024}; exec /usr/bin/env -i "$0" "$@"`;
  const child = spawn(
    '/bin/sh',
    ['-c', limited, process.execPath, ...childArguments(realFile, policyModule)],
    {
      env: {},
      cwd: '/',
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      // `exec` keeps the shell's process id, so this kills Node itself.
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    },
  );
  // stdio[3] is declared as a stream of either direction; ours only reads.
  const output = child.stdio[3] as Readable;
  const chunks: Buffer[] = [];
  let bytes = 0;
  output.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxEvaluationBytes) child.kill('SIGKILL');
    else chunks.push(chunk);
  });
  return new Promise((resolve) => {
    child.once('error', (error) =>
      resolve({ kind: 'broken', why: `the evaluation could not be started: ${error.message}` }),
    );
    child.once('close', (code, signal) => {
      if (bytes > maxEvaluationBytes) {
        resolve({ kind: 'broken', why: `gives more than ${maxEvaluationBytes} bytes of policies` });
      } else if (code === 0) {
        resolve({ kind: 'written', text: Buffer.concat(chunks).toString('utf8') });
      } else if (signal === 'SIGKILL') {
        resolve({ kind: 'broken', why: `did not end within ${timeoutMs} ms` });
      } else {
        const how = signal ?? `exit status ${code}`;
        const why = `ended without a result (${how}): out of memory, or it awaits what never comes`;
        resolve({ kind: 'broken', why });
      }
    });
  });
}
