/** `grpc: [billing.Refunds/Get, billing.Catalog/*]`: rules on which method is called. Messages are bytes that nobody reads. */
import { z } from 'zod';
import type { RuleOutcome } from '../../core/model/decision.ts';
import type { EffectCondition } from '../protocol.ts';
import { asHttp } from './effect.ts';
import { isGrpcType, methodMatcher, methodPattern } from './grpc-method.ts';

const methods = z.array(
  z.string().max(1000).regex(methodPattern, {
    error: 'must be a method such as billing.Refunds/Create or billing.Refunds/*',
  }),
);

/** To allow it must be a call of gRPC's own form. What else comes by the same path (Connect, gRPC-Web, transcoded JSON) may be a call too. */
export const grpc: EffectCondition = {
  schema: methods,
  compile(value: unknown, outcome: RuleOutcome) {
    const patterns = methods.parse(value);
    if (outcome === 'allow') {
      const matchers = patterns.map(methodMatcher);
      return (effect) => {
        const { verb, path, headers } = asHttp(effect);
        return (
          verb === 'post' &&
          path.segments.length === 2 &&
          isGrpcType(headers.get('content-type') ?? []) &&
          matchers.some((matches) => matches(path.segments))
        );
      };
    }
    const loose = patterns.map((pattern) => methodMatcher(pattern.toLowerCase()));
    return (effect) => {
      const segments = asHttp(effect).path.segments.map((segment) =>
        segment.replace(/;.*$/s, '').toLowerCase(),
      );
      const named = segments.at(-1) === '' ? segments.slice(0, -1) : segments;
      return loose.some((matches) => matches(named));
    };
  },
};
