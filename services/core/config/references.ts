import { dirname, resolve } from 'node:path';
import { Secret } from '../model/secret.ts';
import { ConfigError } from './errors.ts';
import { maxSecretBytes, maxTextFileBytes } from './limits.ts';
import { isPattern, policyFilesOf } from './policy-files.ts';
import type { Resolved } from './resolved.ts';
import { readTextFile } from './text-file.ts';

/** `env:NAME`, `file:PATH`; a path ends at no NUL, which would end it for the kernel. */
export const secretReference = /^(?:env:[A-Za-z_][A-Za-z0-9_]*|file:[^\0]+)$/;
export const fileReference = /^file:[^\0]+$/;

/** Follows the references of one config, and remembers what it met on the way. */
export class References {
  readonly #folder: string;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #watched = new Set<string>();
  readonly #exposed = new Map<string, string>();

  /** @param folder absolute; what relative paths start from */
  constructor(folder: string, env: Readonly<Record<string, string | undefined>>) {
    this.#folder = folder;
    this.#env = env;
  }

  /** Absolute paths of all files, and of folders of patterns, on which the settings depend, read or unreadable. */
  get watched(): readonly string[] {
    return [...this.#watched];
  }

  /** References, as they were written, to secrets that others on this machine can read; and what to do. */
  get exposed(): ReadonlyMap<string, string> {
    return this.#exposed;
  }

  path(written: string): string {
    return resolve(this.#folder, written);
  }

  secret(reference: string): Resolved<Secret> {
    const [scheme = '', name = ''] = split(reference);
    return scheme === 'env' ? this.#variable(name) : this.#secretFile(reference, this.path(name));
  }

  text(reference: string): Resolved<string> {
    const [, name = ''] = split(reference);
    const path = this.path(name);
    return this.#read(path, maxTextFileBytes, ({ text }) => ({ value: text }));
  }

  /** The files of a policy path or pattern, absolute. They are read later, by others. */
  policyFiles(pattern: string): Resolved<readonly string[]> {
    const path = this.path(pattern);
    const found = policyFilesOf(path);
    // A file that comes into the folder of a pattern may match it.
    this.#watched.add(isPattern(path) ? dirname(path) : path);
    if ('value' in found) for (const file of found.value) this.#watched.add(file);
    return found;
  }

  #variable(name: string): Resolved<Secret> {
    // Not what every object has: `env:constructor` is a variable that is not set.
    const value = Object.hasOwn(this.#env, name) ? this.#env[name] : undefined;
    if (value === undefined) return { fault: `the environment variable ${name} is not set` };
    return value === ''
      ? { fault: `the environment variable ${name} is empty` }
      : { value: new Secret(value) };
  }

  #secretFile(reference: string, path: string): Resolved<Secret> {
    return this.#read(path, maxSecretBytes, ({ text, mode }) => {
      // One line break at the end is the editor's or echo's; a password with one more is somebody's intention.
      const value = text.replace(/\r?\n$/, '');
      if (value === '') return { fault: `the file ${path} is empty` };
      // Group bits are left alone: Kubernetes and systemd give the gateway its files by group.
      if ((mode & 0o007) !== 0) {
        this.#exposed.set(
          reference,
          `every user of this machine can read ${path} (mode ${mode.toString(8)}); chmod 600 it`,
        );
      }
      return { value: new Secret(value) };
    });
  }

  #read<T>(
    path: string,
    maxBytes: number,
    use: (file: { readonly text: string; readonly mode: number }) => Resolved<T>,
  ): Resolved<T> {
    this.#watched.add(path);
    try {
      return use(readTextFile(path, maxBytes));
    } catch (cause) {
      if (!(cause instanceof ConfigError)) throw cause;
      return { fault: `the file ${path} ${cause.message}` };
    }
  }
}

const split = (reference: string): readonly [string, string] => {
  const colon = reference.indexOf(':');
  return [reference.slice(0, colon), reference.slice(colon + 1)];
};
