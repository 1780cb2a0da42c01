/** `json: {amount: {atMost: 100}}`: rules on what a JSON body says. */
import type { RuleOutcome } from '../../core/model/decision.ts';
import type { EffectCondition } from '../protocol.ts';
import { asHttp } from './effect.ts';
import { compileFieldValues, fieldValues } from './field-values.ts';
import type { JsonNode } from './json-text.ts';

/** To allow, the request must say that its body is JSON. Nobody can say what a server reads in one that is not. */
export const json: EffectCondition = {
  schema: fieldValues,
  compile(value: unknown, outcome: RuleOutcome) {
    const matchesDocument = compileFieldValues(value, outcome);
    // Each effect of a GraphQL request has the same body.
    const known = new WeakMap<JsonNode, boolean>();
    const matches = (document: JsonNode): boolean => {
      const already = known.get(document);
      if (already !== undefined) return already;
      const found = matchesDocument(document);
      known.set(document, found);
      return found;
    };
    return (effect) => {
      const { body } = asHttp(effect);
      switch (body.kind) {
        case 'none':
          return false;
        case 'json':
          return (body.declared || outcome !== 'allow') && matches(body.document);
        case 'unread':
          return outcome !== 'allow';
      }
    };
  },
};
