/** Label and field selectors in a query, as far as they narrow a request surely (apimachinery's pkg/labels and pkg/fields). */
import { namePattern } from './names.ts';

export interface EqualRequirement {
  readonly key: string;
  readonly value: string;
}

/** Requirements that all objects meet which the request is about; others may narrow it further. */
export interface Requirements {
  readonly equal: readonly EqualRequirement[];
}

interface Fault {
  readonly fault: string;
}

type Parameters = readonly { readonly name: string; readonly value: string }[];

/** The one value of a parameter: the API server takes the first of several, and other readers another one. */
function only(parameters: Parameters, name: string): string | Fault {
  const values = parameters.filter((each) => each.name === name).map(({ value }) => value);
  return values.length > 1 ? { fault: `has the parameter ${name} more than once` } : (values[0] ?? '');
}

/** `metadata.name=web,status.phase!=Failed`. Escapes are refused: no name needs them. */
export function fieldRequirements(parameters: Parameters): Requirements | Fault {
  const text = only(parameters, 'fieldSelector');
  if (typeof text !== 'string') return text;
  const equal: EqualRequirement[] = [];
  for (const term of text === '' ? [] : text.split(',')) {
    const { key, operator, value } =
      /^(?<key>[A-Za-z0-9_.[\]/-]+)(?<operator>!=|==?)(?<value>[^\\,=]*)$/.exec(term)?.groups ?? {};
    if (key === undefined || value === undefined)
      return { fault: 'has a field selector that cannot be read' };
    if (operator !== '!=') equal.push({ key, value });
  }
  return { equal };
}

/** `app=web,tier in (front),!canary`: sets of one value are equalities. */
export function labelRequirements(parameters: Parameters): Requirements | Fault {
  const text = only(parameters, 'labelSelector');
  if (typeof text !== 'string') return text;
  const equal: EqualRequirement[] = [];
  for (const term of text.trim() === '' ? [] : text.split(/,(?![^(]*\))/)) {
    const equality = /^\s*(?<key>[^\s=!()]+)\s*(?<operator>==?|!=)\s*(?<value>[^\s=!()]*)\s*$/.exec(
      term,
    )?.groups;
    const set = /^\s*(?<key>[^\s=!()]+)\s+(?<operator>in|notin)\s*\((?<values>[^()]*)\)\s*$/.exec(
      term,
    )?.groups;
    const existence = /^\s*!?\s*(?<key>[^\s=!()]+)\s*$/.exec(term)?.groups;
    const key = (equality ?? set ?? existence)?.['key'];
    if (key === undefined || !namePattern.labelKey.test(key)) {
      return { fault: 'has a label selector that cannot be read' };
    }
    if (equality !== undefined && equality['operator'] !== '!=')
      equal.push({ key, value: equality['value'] ?? '' });
    const values = set?.['values']?.split(',').map((value) => value.trim()) ?? [];
    if (set?.['operator'] === 'in' && values.length === 1) equal.push({ key, value: values[0] ?? '' });
  }
  return { equal };
}
