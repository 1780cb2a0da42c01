/** Whoever reads an object, changes it and writes it back, writes masks where values were: that would destroy them. */
import { holdsMask } from '../../core/masking/mask-forms.ts';
import type { JsonObject, JsonValue } from '../../core/model/strict-json.ts';
import { isObject, textAt } from './api-object.ts';
import type { Change } from './object-effects.ts';

/** Whether the object would have what looks like masks, where it has something else now or nothing. */
export function writesMasks({ before, after }: Change): boolean {
  if (after === null) return false;
  const known = new Set(before === null ? [] : textsOf(before));
  return textsOf(after).some((text) => holdsMask(text) && !known.has(text));
}

function textsOf(object: JsonObject): readonly string[] {
  const texts: string[] = [];
  const isSecret = textAt(object, 'kind') === 'Secret';
  const collect = (value: JsonValue, isBase64: boolean): void => {
    if (typeof value === 'string')
      texts.push(isBase64 ? Buffer.from(value, 'base64').toString('utf8') : value);
    else if (Array.isArray(value)) for (const item of value) collect(item, isBase64);
    else if (isObject(value)) {
      for (const [name, member] of Object.entries(value))
        collect(member, isBase64 || (isSecret && name === 'data'));
    }
  };
  collect(object, false);
  return texts;
}
