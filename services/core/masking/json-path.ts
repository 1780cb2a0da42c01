/** Where in a JSON document masked values stand: `users[*].email`, `**.ssn`, `metadata.annotations."a.b/c"`. */
import { maxKnownKeys, maxPathSegments } from './limits.ts';

/** Any number of levels, a name that stands as it is, or a pattern with stars. */
export type PathSegment =
  | { readonly kind: 'any-depth' }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'glob'; readonly glob: string };

/** A path as it is written in a policy, once it has been read. */
export interface JsonPath {
  readonly text: string;
  readonly segments: readonly PathSegment[];
}

/** One name, quoted or plain, with what says that a list of it is meant. */
const written = /^(?:"((?:[^"\\]|\\.)*)"|([^".[\]]+))((?:\[\*?\])*)(?:\.|$)/;
/** A list at the top: `[*].email`. */
const leadingList = /^(?:\[\*?\])+(?:\.|$)/;

/**
 * Names between dots; `*` in a name is any run of characters, `**` any number of levels, and a quoted name stands as it is. Elements of
 * an array belong to the field that holds it, so `users.email` and `users[*].email` say the same, and `users.**` is `users` with all
 * that is in it.
 *
 * @returns what is wrong, in a sentence, when it is no path
 */
export function parseJsonPath(text: string): JsonPath | { readonly fault: string } {
  const wanted = 'write names with dots between, as in users[*].email or **.email';
  const segments: PathSegment[] = [];
  let rest = text.replace(leadingList, '');
  while (rest !== '') {
    const found = written.exec(rest);
    if (found === null) return { fault: `"${text}" is not a path into JSON; ${wanted}` };
    const [whole, quoted, plain = ''] = found;
    if (whole.endsWith('.') && whole.length === rest.length)
      return { fault: `"${text}" ends in a dot; ${wanted}` };
    segments.push(quoted === undefined ? plainSegment(plain) : { kind: 'name', name: unescaped(quoted) });
    rest = rest.slice(whole.length);
  }
  if (segments.length === 0) return { fault: `"${text}" names no field; ${wanted}` };
  if (segments.length > maxPathSegments) {
    return { fault: `"${text}" has more than ${maxPathSegments} parts; ${wanted}` };
  }
  return { text, segments };
}

const unescaped = (quoted: string): string => quoted.replaceAll(/\\(.)/g, '$1');

function plainSegment(name: string): PathSegment {
  if (name === '**') return { kind: 'any-depth' };
  return name.includes('*') ? { kind: 'glob', glob: name } : { kind: 'name', name };
}

const nameMatcher = (segment: Exclude<PathSegment, { kind: 'any-depth' }>): ((name: string) => boolean) =>
  segment.kind === 'glob' ? globMatcher(segment.glob) : (name) => name === segment.name;

function globMatcher(glob: string): (name: string) => boolean {
  const [first = '', ...rest] = glob.split('*');
  const last = rest.pop() ?? '';
  return (name) => {
    if (!name.startsWith(first)) return false;
    let at = first.length;
    for (const part of rest) {
      const found = name.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return name.length - at >= last.length && name.endsWith(last);
  };
}

/** A place in documents, as far as paths tell places apart. */
export interface PathNode<Mask> {
  /** Of the value that stands here; null when no path ends here. */
  readonly mask: Mask | null;
  /** Whether no path goes on below. */
  readonly dead: boolean;
  step(key: string): PathNode<Mask>;
}

interface Rule<Mask> {
  readonly path: JsonPath;
  readonly mask: Mask;
}

/** How far along which rules: the rule's number and its next segment. */
type Position = readonly [rule: number, segment: number];

/**
 * Follows all paths at once, as a deterministic automaton that is made as documents need it. Where several paths lead to one value, the
 * first one's mask holds.
 */
export function compilePaths<Mask>(rules: readonly Rule<Mask>[]): PathNode<Mask> {
  const nodes = new Map<string, PathNode<Mask>>();

  /** Null is any depth. */
  const steps = rules.map(({ path }) =>
    path.segments.map((segment) => (segment.kind === 'any-depth' ? null : nameMatcher(segment))),
  );
  const stepAt = ([rule, segment]: Position): ((name: string) => boolean) | null | undefined =>
    steps[rule]?.[segment];

  /** `**` may also stand for no level at all. */
  const closed = (positions: readonly Position[]): readonly Position[] => {
    const all = new Map<string, Position>();
    const add = (position: Position): void => {
      if (all.has(String(position))) return;
      all.set(String(position), position);
      if (stepAt(position) === null) add([position[0], position[1] + 1]);
    };
    positions.forEach(add);
    return [...all.values()].toSorted((left, right) => left[0] - right[0] || left[1] - right[1]);
  };

  const next = (positions: readonly Position[], key: string): readonly Position[] =>
    positions.flatMap((position): Position[] => {
      const step = stepAt(position);
      if (step === undefined) return [];
      if (step === null) return [position];
      return step(key) ? [[position[0], position[1] + 1]] : [];
    });

  const nodeOf = (from: readonly Position[]): PathNode<Mask> => {
    const positions = closed(from);
    const name = positions.join(' ');
    let node = nodes.get(name);
    if (node === undefined) {
      const ended = positions.find((position) => stepAt(position) === undefined);
      const known = new Map<string, PathNode<Mask>>();
      node = {
        mask: (ended === undefined ? undefined : rules[ended[0]]?.mask) ?? null,
        dead: positions.every((position) => stepAt(position) === undefined),
        step(key) {
          let below = known.get(key);
          if (below === undefined) {
            below = nodeOf(next(positions, key));
            // Keys are the target's to choose, and may be as many as its rows.
            if (known.size >= maxKnownKeys) known.clear();
            known.set(key, below);
          }
          return below;
        },
      };
      nodes.set(name, node);
    }
    return node;
  };

  return nodeOf(rules.map((_, rule): Position => [rule, 0]));
}
