/** Where the connection came from: its source address, and the listener that it came in by. */
import { isIPv6 } from 'node:net';
import { z } from 'zod';
import { AddressRanges, type SourceAddress } from '../../model/address.ts';
import { matchesGlob } from '../../model/principal-pattern.ts';
import { maxListItems } from '../limits.ts';
import { listText, name } from '../shapes.ts';
import { truthOf } from '../truth.ts';
import type { DynamicCondition } from './dynamic.ts';

function rangeProblem(range: string): string | null {
  try {
    new AddressRanges([range]);
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
  const ip = range.split('/')[0] ?? '';
  // Source addresses of this kind are known by their IPv4 part, so such a range would never match.
  if (isIPv6(ip) && /^::ffff:/i.test(ip)) return `"${range}" must be written as the IPv4 range that it is`;
  return null;
}

export const sourcesSchema = z
  .array(
    z.string().superRefine((range, context) => {
      const message = rangeProblem(range);
      if (message !== null) context.addIssue({ code: 'custom', message });
    }),
  )
  .max(maxListItems);

export function compileSources(ranges: readonly string[]): DynamicCondition {
  const addresses = new AddressRanges(ranges);
  // A look-up takes 2.5 µs, and a session has one source for all its actions.
  const known = new WeakMap<SourceAddress, boolean>();
  return {
    name: 'sources',
    text: listText(ranges),
    truth(_, { source }) {
      let inside = known.get(source);
      if (inside === undefined) {
        inside = addresses.contains(source);
        known.set(source, inside);
      }
      return truthOf(inside);
    },
    found: (_, { source }) => `the source is ${source.ip}`,
  };
}

export const listenersSchema = z.array(name).max(maxListItems);

export function compileListeners(patterns: readonly string[]): DynamicCondition {
  return {
    name: 'listeners',
    text: listText(patterns),
    truth: (_, { listener }) => truthOf(patterns.some((pattern) => matchesGlob(pattern, listener))),
    found: (_, { listener }) => `the listener is ${listener}`,
  };
}
