/**
 * What a GraphQL document asks for: the fields at the top of each of its operations, with all that is asked for below them. Fragments are
 * unfolded, aliases seen through, and @include and @skip hide nothing, since their variables may say anything. All operations count,
 * whichever `operationName` chooses.
 */
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';
import { type JsonNode, valuesIn } from './json-text.ts';
import {
  maxGraphqlDepth,
  maxGraphqlEffects,
  maxGraphqlFields,
  maxGraphqlTokens,
  maxJsonValues,
} from './limits.ts';

/** What `operations` in a policy can name. `introspection` is a query for the schema itself. */
export const operationTypes = ['query', 'mutation', 'subscription', 'introspection'] as const;
export type OperationType = (typeof operationTypes)[number];

/** By name, whatever it is selected as; no fields below are a leaf. */
export type SelectedFields = ReadonlyMap<string, SelectedFields>;

/** A field at the top of an operation. */
export interface GraphqlField {
  readonly operation: OperationType;
  readonly operationName: string | null;
  readonly name: string;
  readonly below: SelectedFields;
  /** An object of its arguments with their values, those of variables too; null when they cannot be known. */
  readonly arguments: JsonNode | null;
  /** Arguments of the fields below it, in the same way. */
  readonly argumentsBelow: readonly (JsonNode | null)[];
  /** What it, or a field below it, is called in the answer where that is another name. */
  readonly renamed: readonly Renamed[];
}

export interface Renamed {
  readonly name: string;
  readonly alias: string;
}

/** The values of variables: null when they cannot be known. */
export type Variables = ReadonlyMap<string, JsonNode> | null;

/** Not a document, or more of one than is read. */
class Unreadable extends Error {}

/** Null when it cannot be read. */
export function readDocument(text: string, variables: Variables): readonly GraphqlField[] | null {
  // Some take these for the end of a comment or for space, others do not.
  if (/[\u2028\u2029\ufeff\u0085\v\f\0]/.test(text)) return null;
  try {
    return new DocumentReader(
      parse(text, { noLocation: true, maxTokens: maxGraphqlTokens }),
      variables,
    ).fields();
  } catch (error) {
    // RangeError: nested so deeply that the parser's stack does not hold it.
    if (error instanceof GraphQLError || error instanceof RangeError || error instanceof Unreadable)
      return null;
    throw error;
  }
}

type MutableFields = Map<string, MutableFields>;

/** What is found in a field at the top and below it. */
interface Found {
  readonly defaults: ReadonlyMap<string, JsonNode>;
  readonly argumentsBelow: (JsonNode | null)[];
  readonly renamed: Renamed[];
}

class DocumentReader {
  readonly #operations: readonly OperationDefinitionNode[];
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  readonly #variables: Variables;
  #fields = 0;
  /** Values of variables, as often as they are used: a rule looks at each. */
  #variableValues = 0;

  constructor({ definitions }: DocumentNode, variables: Variables) {
    const operations: OperationDefinitionNode[] = [];
    for (const definition of definitions) {
      if (definition.kind === Kind.OPERATION_DEFINITION) operations.push(definition);
      else if (definition.kind !== Kind.FRAGMENT_DEFINITION) throw new Unreadable('it defines a schema');
      else if (this.#fragments.has(definition.name.value)) throw new Unreadable('a fragment is there twice');
      else this.#fragments.set(definition.name.value, definition);
    }
    this.#operations = operations;
    this.#variables = variables;
  }

  fields(): readonly GraphqlField[] {
    const fields = this.#operations.flatMap((operation) => this.#fieldsOf(operation));
    if (fields.length === 0 || fields.length > maxGraphqlEffects)
      throw new Unreadable('too few or many fields');
    return fields;
  }

  #fieldsOf(operation: OperationDefinitionNode): readonly GraphqlField[] {
    const defaults = new Map<string, JsonNode>();
    for (const { variable, defaultValue } of operation.variableDefinitions ?? []) {
      if (defaults.has(variable.name.value)) throw new Unreadable('a variable is there twice');
      if (defaultValue !== undefined)
        defaults.set(variable.name.value, this.#value(defaultValue, defaults) ?? absent);
    }
    const found: FieldNode[] = [];
    this.#topFields(operation.selectionSet, [], found);
    const named = found.filter(({ name }) => name.value !== '__typename');
    // Clients ask for __typename beside what they want; alone it is all there is.
    return (named.length > 0 ? named : found.slice(0, 1)).map((field) => {
      const below: MutableFields = new Map();
      const inside: Found = { defaults, argumentsBelow: [], renamed: [...renamedBy(field)] };
      this.#collect(field, below, inside, [], 1);
      return {
        argumentsBelow: inside.argumentsBelow,
        renamed: inside.renamed,
        operation: isIntrospection(field) ? 'introspection' : operation.operation,
        operationName: operation.name?.value ?? null,
        name: field.name.value,
        below,
        arguments: this.#arguments(field, defaults),
      };
    });
  }

  #topFields(selected: SelectionSetNode, within: readonly string[], found: FieldNode[]): void {
    for (const selection of selected.selections) {
      this.#count();
      if (selection.kind === Kind.FIELD) found.push(selection);
      else if (selection.kind === Kind.INLINE_FRAGMENT)
        this.#topFields(selection.selectionSet, within, found);
      else {
        const name = selection.name.value;
        this.#topFields(this.#fragment(name, within), [...within, name], found);
      }
    }
  }

  #collect(
    field: FieldNode,
    into: MutableFields,
    found: Found,
    within: readonly string[],
    depth: number,
  ): void {
    if (depth > maxGraphqlDepth) throw new Unreadable('too deep');
    if (field.selectionSet !== undefined) this.#collectSet(field.selectionSet, into, found, within, depth);
  }

  #collectSet(
    selected: SelectionSetNode,
    into: MutableFields,
    found: Found,
    within: readonly string[],
    depth: number,
  ): void {
    for (const selection of selected.selections) {
      this.#count();
      switch (selection.kind) {
        case Kind.FIELD: {
          const below: MutableFields = into.get(selection.name.value) ?? new Map();
          into.set(selection.name.value, below);
          found.renamed.push(...renamedBy(selection));
          if (selection.arguments !== undefined && selection.arguments.length > 0) {
            found.argumentsBelow.push(this.#arguments(selection, found.defaults));
          }
          this.#collect(selection, below, found, within, depth + 1);
          break;
        }
        case Kind.INLINE_FRAGMENT:
          this.#collectSet(selection.selectionSet, into, found, within, depth);
          break;
        case Kind.FRAGMENT_SPREAD: {
          const name = selection.name.value;
          this.#collectSet(this.#fragment(name, within), into, found, [...within, name], depth);
        }
      }
    }
  }

  #count(): void {
    this.#fields += 1;
    if (this.#fields > maxGraphqlFields) throw new Unreadable('too many fields');
  }

  /** @param within the fragments that lead here: one that uses itself has no end */
  #fragment(name: string, within: readonly string[]): SelectionSetNode {
    const fragment = this.#fragments.get(name);
    if (fragment === undefined || within.includes(name))
      throw new Unreadable('no such fragment, or a circle');
    return fragment.selectionSet;
  }

  #arguments(field: FieldNode, defaults: ReadonlyMap<string, JsonNode>): JsonNode | null {
    return this.#object(field.arguments ?? [], defaults);
  }

  #object(
    written: readonly { readonly name: { readonly value: string }; readonly value: ValueNode }[],
    defaults: ReadonlyMap<string, JsonNode>,
  ): JsonNode | null {
    const members = new Map<string, JsonNode>();
    for (const { name, value } of written) {
      if (members.has(name.value)) throw new Unreadable('an argument is there twice');
      const node = this.#value(value, defaults);
      if (node === null) return null;
      if (node !== absent) members.set(name.value, node);
    }
    return { kind: 'object', members };
  }

  /** Null when it hangs on variables that cannot be known. */
  #value(value: ValueNode, defaults: ReadonlyMap<string, JsonNode>): JsonNode | null {
    this.#count();
    switch (value.kind) {
      case Kind.VARIABLE: {
        if (this.#variables === null) return null;
        const node = this.#variables.get(value.name.value) ?? defaults.get(value.name.value) ?? absent;
        this.#variableValues += valuesIn(node);
        if (this.#variableValues > maxJsonValues) throw new Unreadable('too much in its variables');
        return node;
      }
      case Kind.INT:
      case Kind.FLOAT:
        return { kind: 'number', text: value.value };
      case Kind.STRING:
      case Kind.ENUM:
        return { kind: 'string', text: value.value };
      case Kind.BOOLEAN:
        return { kind: 'boolean', value: value.value };
      case Kind.NULL:
        return { kind: 'null' };
      case Kind.LIST: {
        const items: JsonNode[] = [];
        for (const each of value.values) {
          const item = this.#value(each, defaults);
          if (item === null) return null;
          items.push(item);
        }
        return { kind: 'array', items };
      }
      case Kind.OBJECT:
        return this.#object(value.fields, defaults);
    }
  }
}

/** A variable without a value and without a default: the argument is not there; in a list, it is null. */
const absent: JsonNode = { kind: 'null' };

const renamedBy = ({ name, alias }: FieldNode): readonly Renamed[] =>
  alias === undefined || alias.value === name.value ? [] : [{ name: name.value, alias: alias.value }];

const isIntrospection = ({ name }: FieldNode): boolean =>
  name.value === '__schema' || name.value === '__type';
