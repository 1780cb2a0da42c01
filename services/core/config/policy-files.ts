import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { matchesGlob } from '../model/principal-pattern.ts';
import { maxPolicyFiles } from './limits.ts';
import type { Resolved } from './resolved.ts';
import { fileError } from './text-file.ts';

/** `*` in the file's own name only: one folder is read and can be watched, and nothing is walked through. */
export const policyPattern = /^(?:[^*\0]*\/)?[^/\0]+\.(?:yaml|yml|ts)$/;

export const policyPatternWanted =
  'must be a path that ends in .yaml, .yml or .ts; * in the file’s name stands for any characters';

export const isPattern = (path: string): boolean => basename(path).includes('*');

/** The files that an absolute path or pattern names, in the order of their names. */
export function policyFilesOf(pattern: string): Resolved<readonly string[]> {
  const files = isPattern(pattern) ? matching(pattern) : { value: [pattern] };
  if ('fault' in files) return files;
  for (const file of files.value) {
    const fault = faultOf(file);
    if (fault !== null) return { fault };
  }
  return files;
}

function matching(pattern: string): Resolved<readonly string[]> {
  const folder = dirname(pattern);
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch (cause) {
    return { fault: `the folder ${folder} ${fileError(cause).message}` };
  }
  // As in a shell, * finds no name that begins with a dot: editors and Kubernetes keep their own files there.
  const found = names.filter((name) => !name.startsWith('.') && matchesGlob(basename(pattern), name));
  if (found.length === 0) return { fault: `no file of the folder ${folder} matches it` };
  if (found.length > maxPolicyFiles) {
    return {
      fault: `more than ${maxPolicyFiles} files of the folder ${folder} match it, which is the limit`,
    };
  }
  return { value: found.toSorted().map((name) => join(folder, name)) };
}

/** Whether the file is there to be read; what is in it concerns `core/policy`. */
function faultOf(file: string): string | null {
  try {
    if (!statSync(file).isFile()) return `the file ${file} is not a regular file`;
    accessSync(file, constants.R_OK);
    return null;
  } catch (cause) {
    return `the file ${file} ${fileError(cause).message}`;
  }
}
