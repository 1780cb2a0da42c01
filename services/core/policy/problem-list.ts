import type { z } from 'zod';
import type { Problem, SourceDocument, ValuePath } from '../model/problem.ts';

type Issue = z.core.$ZodIssue;

/** Keys of a record may be symbols in zod's types; a YAML or JSON file has none. */
const plainPath = (path: readonly PropertyKey[]): ValuePath =>
  path.map((key) => (typeof key === 'number' ? key : String(key)));

/** Of a union's branches, the one that was meant: the one that got furthest into the value. */
function meantBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | null {
  const depth = (issues: readonly Issue[]): number =>
    Math.max(0, ...issues.map((issue) => issue.path.length + (issue.code === 'unrecognized_keys' ? 1 : 0)));
  const [best] = branches.toSorted((left, right) => depth(right) - depth(left));
  return best === undefined || depth(best) === 0 ? null : best;
}

/** Collects what is wrong, with its place. */
export class ProblemList {
  readonly #problems: Problem[] = [];

  get problems(): readonly Problem[] {
    return this.#problems;
  }

  get broken(): boolean {
    return this.#problems.some((problem) => problem.severity === 'error');
  }

  error(document: SourceDocument, path: ValuePath, message: string): void {
    this.#problems.push({ severity: 'error', file: document.file, ...document.locate(path), message });
  }

  warning(document: SourceDocument, path: ValuePath, message: string): void {
    this.#problems.push({ severity: 'warning', file: document.file, ...document.locate(path), message });
  }

  /** `path` is where the value stood that did not fit its schema. */
  schema(document: SourceDocument, path: ValuePath, issues: readonly Issue[]): void {
    for (const issue of issues) {
      const place = [...path, ...plainPath(issue.path)];
      if (issue.code === 'unrecognized_keys') {
        // One line a key: see `strict` in shapes.ts.
        const messages = issue.message.split('\n');
        for (const [index, key] of issue.keys.entries()) {
          this.error(document, [...place, key], messages[index] ?? `unknown key "${key}"`);
        }
        continue;
      }
      if (issue.code === 'invalid_key') {
        this.schema(document, place, issue.issues);
        continue;
      }
      const meant = issue.code === 'invalid_union' ? meantBranch(issue.errors) : null;
      if (meant !== null) this.schema(document, place, meant);
      else this.error(document, place, this.#sentence(document, place, issue));
    }
  }

  #sentence(document: SourceDocument, place: ValuePath, issue: Issue): string {
    const key = place.findLast((step) => typeof step === 'string');
    const subject = key === undefined ? 'the file' : `"${key}"`;
    if (!has(document.value, place)) return `${subject} is missing`;
    return `${subject}: ${issue.message}`;
  }
}

/** zod says of an absent key that its value is wrong. */
function has(value: unknown, path: ValuePath): boolean {
  let here = value;
  for (const key of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, key)) return false;
    here = Reflect.get(here, key);
  }
  return true;
}
