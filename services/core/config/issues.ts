import type { z } from 'zod';
import { suggestion } from '../model/nearest.ts';
import type { ValuePath } from '../model/problem.ts';
import type { Finding } from './finding.ts';

type Issue = z.core.$ZodIssue;

/** What the findings are about. */
export interface Subject {
  has(path: ValuePath): boolean;
  /** The keys that the section at this path may have. */
  knownKeys(path: ValuePath): readonly string[];
}

/** What zod found wrong, as findings. Their messages come from `issueText` or from the schema itself. */
export function findingsOf(issues: readonly Issue[], subject: Subject): readonly Finding[] {
  const found = issues.flatMap((issue) => findings(issue, [], subject));
  const byText = new Map(
    found.map((finding) => [`${JSON.stringify(finding.path)} ${finding.message}`, finding]),
  );
  return withoutConsequences([...byText.values()]);
}

/** A target of an unknown protocol lacks every key of the protocols that there are; that is not what is wrong. */
function withoutConsequences(found: readonly Finding[]): readonly Finding[] {
  const target = ({ path: [section, index] }: Finding): string => `${section} ${index}`;
  const unknown = new Set(
    found
      .filter(({ path }) => path.length === 3 && path[0] === 'targets' && path[2] === discriminator)
      .map(target),
  );
  return found.filter(
    (finding) =>
      !unknown.has(target(finding)) || finding.path[2] === discriminator || finding.path[2] === 'name',
  );
}

function findings(issue: Issue, parent: ValuePath, subject: Subject): readonly Finding[] {
  const path = [...parent, ...plainPath(issue.path)];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        severity: 'error',
        path: [...path, key],
        atKey: true,
        message: `unknown key${suggestion(key, subject.knownKeys(path))}`,
      }));
    case 'invalid_key':
      return issue.issues.map(({ message }) => ({ severity: 'error', path, atKey: true, message }));
    case 'invalid_union': {
      const meant = meantBranch(issue.errors);
      if (meant !== null) return meant.flatMap((each) => findings(each, path, subject));
      break;
    }
  }
  if (path.length === 0) {
    return [{ severity: 'error', path, message: `must hold sections: ${subject.knownKeys([]).join(', ')}` }];
  }
  // Words about a form are about what is there; only a check of the schema's own knows why something must be there.
  const message = subject.has(path) || issue.code === 'custom' ? issue.message : 'is missing';
  return [{ severity: 'error', path, message }];
}

/** The key that tells the targets of one protocol from those of another. */
const discriminator = 'protocol';

const isOtherProtocol = ({ code, path }: Issue): boolean =>
  code === 'invalid_value' && path.length === 1 && path[0] === discriminator;

/**
 * Of the branches of a union, what is wrong in the one that was meant. When the protocol is none of ours, that is what
 * is wrong; null when the union is not one of protocols.
 */
function meantBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | null {
  const others = branches.filter((issues) => issues.some(isOtherProtocol));
  if (others.length === 0) return sameIn(branches);
  const meant = branches.find((issues) => !others.includes(issues));
  if (meant !== undefined) return meant;
  const values = others
    .flat()
    .flatMap((issue) => (isOtherProtocol(issue) && 'values' in issue ? issue.values : []));
  return [{ code: 'invalid_value', path: [discriminator], values, message: oneOf(values) }];
}

/** What every branch says of the value as a whole (that it is no section at all). */
function sameIn(branches: readonly (readonly Issue[])[]): readonly Issue[] | null {
  const [first] = branches[0] ?? [];
  if (first === undefined || first.code !== 'invalid_type' || first.path.length > 0) return null;
  return branches.every(([issue]) => issue?.message === first.message) ? [first] : null;
}

/** Paths of zod may hold symbols; a YAML file has none. */
const plainPath = (path: readonly PropertyKey[]): ValuePath =>
  path.map((step) => (typeof step === 'number' ? step : String(step)));

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  object: 'a section with keys',
  record: 'a section with keys',
  array: 'a list',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};

const oneOf = (values: readonly unknown[]): string =>
  `must be ${values.length === 1 ? '' : 'one of '}${values.map(String).join(', ')}`;

/**
 * Our words for what zod finds, where a schema has none of its own. No value is ever quoted: it may be a secret that
 * stands in the wrong place.
 */
export function issueText(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return typeText(issue.expected, issue.input);
    case 'invalid_value': {
      const words = issue.values.filter((value) => typeof value === 'string');
      const hint = typeof issue.input === 'string' ? suggestion(issue.input, words) : '';
      return words.length > 1 && hint.startsWith('; did you mean')
        ? `${oneOf(issue.values)}${hint}`
        : oneOf(issue.values);
    }
    case 'too_small':
      return sizeText('at least', issue.minimum, issue.origin);
    case 'too_big':
      return sizeText('at most', issue.maximum, issue.origin);
    default:
      return 'is not of the form that is wanted here';
  }
}

function typeText(expected: string, input: unknown): string {
  if (input === null) return 'has no value; give it one, or take the key out';
  const quoting = expected === 'string' && typeof input !== 'object' ? '; put it in quotes' : '';
  return `must be ${kinds[expected] ?? expected}${quoting}`;
}

function sizeText(bound: 'at least' | 'at most', limit: number | bigint, origin: string): string {
  if (origin !== 'string' && origin !== 'array') return `must be ${bound} ${limit}`;
  if (bound === 'at least' && limit === 1)
    return origin === 'array' ? 'must not be an empty list' : 'must not be empty';
  return `must have ${bound} ${limit} ${origin === 'array' ? 'items' : 'characters'}`;
}
