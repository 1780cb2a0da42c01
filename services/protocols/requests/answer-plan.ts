/** What is done to the answers of a target, as policies say it: which values are masked, and how much may be answered. */
import type { KeyObject } from 'node:crypto';
import { detectorName } from '../../core/masking/detectors.ts';
import type { JsonPlan } from '../../core/masking/json-masker.ts';
import { compilePaths, type JsonPath, parseJsonPath } from '../../core/masking/json-path.ts';
import { type JsonMask, jsonMask } from '../../core/masking/json-values.ts';
import { ValueScanner } from '../../core/masking/scan.ts';
import { strictness, transformName } from '../../core/masking/transform-names.ts';
import type { Obligations } from '../../core/model/decision.ts';

export interface AnswerPlan {
  /** Null when no mask is in force. */
  readonly masks: AnswerMasks | null;
  readonly maxBytes: number | null;
  readonly isRecorded: boolean;
}

/** Of a stream that is read for nothing but to be counted, and to be ended with its session. */
export const countedAlone: AnswerPlan = { masks: null, maxBytes: null, isRecorded: false };

export interface AnswerMasks extends JsonPlan {
  /** Whether fields are masked, and not only what detectors find. */
  readonly hasFields: boolean;
  /** Whether text is refused, since a field could stand in it: clients choose a form (`Accept`, `?format=csv`, `?callback=x`) of what masks guard in JSON. */
  readonly refusesText: boolean;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, JsonMask>;
}

/** What a mask's field names: a header, or a place in the body. */
type Field =
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'body'; readonly path: JsonPath };

const headerPrefix = 'header:';

/** Without these an answer is no answer: Envoy and the client read them to know what follows. */
const structural = /^(?:content-(?:type|length|encoding)|transfer-encoding|connection|date)$/;

export function parseField(text: string): Field | { readonly fault: string } {
  if (text.startsWith(headerPrefix)) {
    const name = text.slice(headerPrefix.length);
    if (!/^[a-z0-9-]+$/.test(name)) {
      return { fault: `"${text}" names no header; write it in lower case, as in header:location` };
    }
    if (structural.test(name)) return { fault: `the header ${name} cannot be masked` };
    return { kind: 'header', name };
  }
  const path = parseJsonPath(text);
  return 'fault' in path ? path : { kind: 'body', path };
}

/** Null when answers need not be read. */
export function answerPlan(obligations: Obligations, key: KeyObject): AnswerPlan | null {
  const { masks, limits, recordResults, recordResultsAsked } = obligations;
  if (masks.length === 0 && limits.maxBytes === null && !recordResultsAsked) return null;
  return {
    masks: masks.length === 0 ? null : answerMasks(obligations, key),
    maxBytes: limits.maxBytes,
    isRecorded: recordResults,
  };
}

function answerMasks(obligations: Obligations, key: KeyObject): AnswerMasks {
  const masks = obligations.masks
    .map((mask) => ({ ...mask, transform: transformName(mask.transform) }))
    .toSorted((left, right) => strictness(left.transform) - strictness(right.transform));
  const fields = masks.flatMap(({ fields: written, transform }) =>
    written.flatMap((text) => {
      const field = parseField(text);
      // Policies are checked when they are loaded, and fields of other protocols left out.
      return 'fault' in field ? [] : [{ field, mask: jsonMask(transform, key, text) }];
    }),
  );
  const rules = fields.flatMap(({ field, mask }) =>
    field.kind === 'body' ? [{ path: field.path, mask }] : [],
  );
  const headers = new Map<string, JsonMask>();
  for (const { field, mask } of fields) {
    if (field.kind === 'header' && !headers.has(field.name)) headers.set(field.name, mask);
  }
  const detecting = masks.flatMap(({ detect, transform }) =>
    detect.map((name) => ({ detector: detectorName(name), transform })),
  );
  return {
    paths: compilePaths(rules),
    scanner: detecting.length === 0 ? null : new ValueScanner(detecting, key),
    hasFields: rules.length > 0,
    refusesText: rules.length > 0,
    headers,
  };
}

/** `users[*].email -> full`: what is masked in every answer, for people. */
export const describedMasks = ({ masks }: Obligations): readonly string[] => [
  ...new Set(
    masks.flatMap(({ fields, detect, transform }) => [
      ...fields.filter((text) => !('fault' in parseField(text))).map((text) => `${text} -> ${transform}`),
      ...detect.map((name) => `any ${name} -> ${transform}`),
    ]),
  ),
];
