/**
 * Runs in a process of its own (see evaluate-typescript.ts): evaluates one policy file and writes the plain data that it
 * exports, or what went wrong, as JSON to file descriptor 3. Arguments: the policy file, and the module that stands for
 * `sallyport/policy`.
 *
 * Node's permission model keeps the file system, child processes, workers and add-ons from it, but has nothing for the
 * network in Node 24 (and lets a process kill others). So before the policy runs, everything that is not the language
 * itself is taken out of the global object, what remains is frozen so that these lines cannot be turned against
 * themselves, and imports are held to the policy's own folder.
 */
import { writeSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type CallSite, callSite } from './define-policy.ts';
import type { EvaluationResult } from './evaluate-typescript.ts';

const resultDescriptor = 3;

/** Of ECMAScript's own globals those that compute on plain data. */
const keptGlobals: ReadonlySet<string> = new Set(
  [
    'globalThis undefined NaN Infinity isFinite isNaN parseFloat parseInt',
    'Object Function Array String Number Boolean BigInt Symbol Math JSON',
    'Date Intl RegExp Map Set WeakMap WeakSet Promise Proxy Reflect Iterator',
    'Error TypeError RangeError SyntaxError ReferenceError EvalError URIError AggregateError',
    'encodeURI encodeURIComponent decodeURI decodeURIComponent',
  ].flatMap((line) => line.split(' ')),
);

/** Deeper data than any policy has is a mistake, or a circle. */
const maxDepth = 20;

type Plain = string | number | boolean | null | Plain[] | { [key: string]: Plain };

/** Copies plain data. Anything else has no meaning in a policy, and JSON would drop it without a word. */
function plain(value: unknown, path: string, depth = 0): Plain | undefined {
  if (depth > maxDepth) throw new TypeError(`${path} is nested too deeply`);
  if (value === null || value === undefined || typeof value === 'string' || typeof value === 'boolean') {
    return value;
  }
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (Array.isArray(value)) {
    return value.map((item: unknown, index) => plain(item, `${path}[${index}]`, depth + 1) ?? null);
  }
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    const entries = Object.entries(value).flatMap(([key, item]) => {
      const copied = plain(item, path === '' ? key : `${path}.${key}`, depth + 1);
      return copied === undefined ? [] : [[key, copied] as const];
    });
    return Object.fromEntries(entries);
  }
  const what =
    value instanceof RegExp ? 'a regular expression; write its source as text' : `a ${typeof value}`;
  throw new TypeError(`a policy must be plain data, and ${path} is ${what}`);
}

function siteOf(policy: unknown): CallSite {
  const site: unknown =
    typeof policy === 'object' && policy !== null ? Reflect.get(policy, callSite) : undefined;
  const number = (key: string): number => {
    const found: unknown = typeof site === 'object' && site !== null ? Reflect.get(site, key) : undefined;
    return typeof found === 'number' ? found : 1;
  };
  return { line: number('line'), column: number('column') };
}

function resultOf(exported: unknown): EvaluationResult {
  if (exported === undefined) {
    throw new TypeError('the file has no default export; write "export default definePolicy({ ... })"');
  }
  const policies: readonly unknown[] = Array.isArray(exported) ? exported : [exported];
  const data: unknown[] = [];
  for (const policy of policies) {
    try {
      data.push(plain(policy, ''));
    } catch (error) {
      return { kind: 'failed', message: textOf(error), ...siteOf(policy) };
    }
  }
  return { kind: 'policies', policies: data, sites: policies.map(siteOf) };
}

const textOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

/** The place of the policy file that the stack names first. */
function failureOf(error: unknown, file: string): EvaluationResult {
  const message = textOf(error);
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const at = stack.indexOf(`${file}:`);
  const [line, column] = at < 0 ? [] : stack.slice(at + file.length + 1).split(/[^\d]/);
  return { kind: 'failed', message, line: Number(line ?? 1) || 1, column: Number(column ?? 1) || 1 };
}

function write(result: EvaluationResult): void {
  const bytes = Buffer.from(JSON.stringify(result));
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(resultDescriptor, bytes, written);
  }
}

function freeze(value: unknown): void {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return;
  Object.freeze(value);
  const prototype: unknown = Reflect.get(value, 'prototype');
  if (typeof prototype === 'object' && prototype !== null) Object.freeze(prototype);
}

/** Prototypes that no global names: iterators, generators and async functions. */
function freezeHidden(): void {
  const iterators = [[][Symbol.iterator](), ''[Symbol.iterator](), new Map().entries(), new Set().entries()];
  for (const iterator of [...iterators, ''.matchAll(/x/g)]) Object.freeze(Object.getPrototypeOf(iterator));
  for (const make of [
    async () => null,
    function* () {
      yield null;
    },
    async function* () {
      yield null;
    },
  ]) {
    for (let here = Object.getPrototypeOf(make); here !== null; here = Object.getPrototypeOf(here))
      freeze(here);
  }
}

function closeDoors(folder: string, policyModule: string): void {
  registerHooks({
    resolve(specifier, context, nextResolve) {
      if (specifier === 'sallyport/policy') return { url: policyModule, shortCircuit: true };
      const resolved = nextResolve(specifier, context);
      if (resolved.url === policyModule || resolved.url.startsWith(folder)) return resolved;
      throw new Error(`a policy may import files of its own folder and sallyport/policy, not "${specifier}"`);
    },
  });
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    if (keptGlobals.has(name) || Reflect.deleteProperty(globalThis, name)) continue;
    throw new Error(`the global ${name} cannot be removed`);
  }
  freezeHidden();
  for (const name of keptGlobals) freeze(Reflect.get(globalThis, name));
}

const [, , file = '', policyModule = ''] = process.argv;
const fileUrl = pathToFileURL(file).href;
const moduleUrl = pathToFileURL(policyModule).href;
const folderUrl = `${pathToFileURL(dirname(file)).href}/`;
// Loaded while imports are still free: from now on it, and what it imports, come from the cache of modules.
await import(moduleUrl);
const { Buffer } = globalThis;
closeDoors(folderUrl, moduleUrl);
let result: EvaluationResult;
try {
  const exports: { readonly default?: unknown } = await import(fileUrl);
  result = resultOf(exports.default);
} catch (error) {
  result = failureOf(error, file);
}
write(result);
