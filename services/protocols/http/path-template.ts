/**
 * `/users/{id}/orders`, `/v1/**`: which paths a rule is about. Segment by segment, so that matching takes time linear in the path whatever
 * somebody asks for.
 */
import type { RuleOutcome } from '../../core/model/decision.ts';
import { maxTemplateCharacters } from './limits.ts';

/** Null stands for any one segment that is not empty. */
type Step = string | null;

export interface PathTemplate {
  readonly steps: readonly Step[];
  /** Ends with `**`: whatever is below, and the path itself. */
  readonly open: boolean;
}

const variable = /^\{[A-Za-z_][A-Za-z0-9_-]*\}$/;

/** What is wrong with it, in a sentence; null when nothing is. */
export function templateFault(text: string): string | null {
  const wanted = 'write it as /users/{id}/orders or /v1/**';
  if (text.length > maxTemplateCharacters)
    return `a path of more than ${maxTemplateCharacters} characters matches nothing`;
  if (!text.startsWith('/')) return `"${text}" does not begin with a slash; ${wanted}`;
  const parts = text.slice(1).split('/');
  for (const [index, part] of parts.entries()) {
    const last = index === parts.length - 1;
    if (part === '' && !last) return `"${text}" has an empty segment; ${wanted}`;
    if (part === '**' && last) continue;
    if (part === '**') return `"${text}" has ** before its end; ${wanted}`;
    if (part.includes('*'))
      return `"${text}" has a star within a segment: {name} is any one segment, and ** at the end all that follow`;
    if (/[{}]/.test(part) && !variable.test(part))
      return `"${text}" has a brace within a segment: {name} stands for a whole one`;
    if (/%[0-9A-Fa-f]{2}/.test(part)) return `"${text}" is percent-encoded; write the characters themselves`;
    if (/[?#;\\\p{Cc}]/u.test(part))
      return `"${text}" has a "?", "#", ";" or "\\" in it, which no path has here; conditions on the query are "query"`;
    if (part === '.' || part === '..') return `"${text}" has a dot segment, which no path has here`;
  }
  return null;
}

/** Of a text without faults. */
export function compileTemplate(text: string): PathTemplate {
  const parts = text.slice(1).split('/');
  const open = parts.at(-1) === '**';
  const steps = (open ? parts.slice(0, -1) : parts).map((part): Step => (variable.test(part) ? null : part));
  return { steps, open };
}

/**
 * An allow rule matches what is written. Rules that deny or hold also match what a server could take for the same: other case, a slash at
 * the end, `;` and what follows it in a segment, dots at a segment's end (Windows).
 */
export function matcherOf(
  templates: readonly PathTemplate[],
  outcome: RuleOutcome,
): (segments: readonly string[]) => boolean {
  if (outcome === 'allow') return (segments) => templates.some((template) => matches(template, segments));
  const loose = templates.map(({ steps, open }) => ({
    open,
    steps: withoutLastSlash(steps.map((step) => (step === null ? null : looseSegment(step)))),
  }));
  return (segments) => {
    const read = withoutLastSlash(segments.map(looseSegment));
    return loose.some((template) => matches(template, read));
  };
}

function matches({ steps, open }: PathTemplate, segments: readonly string[]): boolean {
  if (open ? segments.length < steps.length : segments.length !== steps.length) return false;
  return steps.every((step, index) => (step === null ? segments[index] !== '' : step === segments[index]));
}

const looseSegment = (segment: string): string =>
  segment.replace(/;.*$/s, '').replace(/\.+$/, '').toLowerCase();

/** `/` alone is one empty segment, and stays. */
const withoutLastSlash = <Item extends Step>(parts: readonly Item[]): readonly Item[] =>
  parts.length > 1 && parts.at(-1) === '' ? parts.slice(0, -1) : parts;
