import type { KeyObject } from 'node:crypto';
import type { Obligations } from '../../../core/model/decision.ts';
import type { CopyOut, OutputColumn, StatementFacts } from '../sql/analysis.ts';
import type { Catalog } from '../sql/catalog.ts';
import { columnText } from '../sql/names.ts';
import type { FieldDescription, MessageFields } from '../wire/backend.ts';
import { typeOids } from '../wire/values.ts';
import {
  type ColumnMasker,
  derivedMasker,
  directMasker,
  type MaskedColumn,
  type MaskingMode,
  scanningMasker,
} from './column-mask.ts';
import { MaskingCopyPlan } from './copy-plan.ts';
import { FieldMasks } from './field-masks.ts';
import { scannedMessage, scannedText, withheldMessage } from './messages.ts';
import { isMasked, type Origin, originOf } from './origin.ts';
import type { CopyPlan, Masking, RowPlan } from './plan.ts';
import { MaskingRowPlan } from './row-plan.ts';

/**
 * Decides what is masked in results of one target. A column's origin comes from the statement's lineage; RowDescription's
 * table and attribute numbers are a second check, which can only add masks.
 */
export class TargetMasking implements Masking {
  readonly #catalog: () => Catalog;
  readonly #key: KeyObject;
  readonly #mode: MaskingMode;
  /** By obligations, which are one object for each principal, target and policy version. */
  readonly #masks = new WeakMap<Obligations, FieldMasks>();

  constructor(catalog: () => Catalog, key: KeyObject, mode: MaskingMode = 'always') {
    this.#catalog = catalog;
    this.#key = key;
    this.#mode = mode;
  }

  rows(
    obligations: Obligations,
    statement: StatementFacts,
    fields: readonly FieldDescription[],
  ): RowPlan | null {
    const masks = this.#masksOf(obligations);
    if (masks.none) return null;
    const known = masks.rowPlans.get(statement);
    if (known !== undefined && areSame(known.fields, fields)) return known.plan;
    const plan = this.#rowPlan(masks, statement, fields);
    masks.rowPlans.set(statement, { fields, plan });
    return plan;
  }

  #rowPlan(
    masks: FieldMasks,
    statement: StatementFacts,
    fields: readonly FieldDescription[],
  ): RowPlan | null {
    const outputs = statement.outputs?.length === fields.length ? statement.outputs : null;
    const maskers = fields.map((field, at) => {
      const origin = originOf(masks, outputs?.[at] ?? null, statement.touched, field);
      return this.#masker(masks, origin, field);
    });
    return maskers.every((masker) => masker === null) ? null : new MaskingRowPlan(maskers);
  }

  copy(obligations: Obligations, statement: StatementFacts, copy: CopyOut, columns: number): CopyPlan | null {
    const masks = this.#masksOf(obligations);
    if (masks.none) return null;
    const outputs = statement.outputs?.length === columns ? statement.outputs : null;
    const format = copy.format === 'binary' ? 1 : 0;
    const maskers = Array.from({ length: columns }, (_, at) => {
      const output = outputs?.[at] ?? null;
      const origin = originOf(masks, output, statement.touched, null);
      return this.#masker(masks, origin, { typeOid: copiedType(masks, output, format), format });
    });
    return maskers.every((masker) => masker === null) ? null : new MaskingCopyPlan(maskers, copy);
  }

  message(
    obligations: Obligations | null,
    statement: StatementFacts | null,
    fields: MessageFields,
  ): MessageFields {
    if (obligations === null) return scannedMessage(fields, null);
    const masks = this.#masksOf(obligations);
    return mayQuoteMasked(masks, statement) ? withheldMessage(fields) : scannedMessage(fields, masks.scanner);
  }

  notification(obligations: Obligations, payload: string): string {
    const { scanner } = this.#masksOf(obligations);
    return scanner === null ? payload : scannedText(payload, scanner);
  }

  /** `app.users.email -> email`: what becomes of the columns that a statement returns, for people. */
  describe(obligations: Obligations, { outputs, touched }: StatementFacts): readonly string[] {
    const masks = this.#masksOf(obligations);
    const said = (outputs ?? [{ sources: touched, derived: true }]).flatMap(({ sources, derived }) =>
      sources.flatMap((source) => {
        const transform = masks.of(source.relationOid, source.attributeNumber);
        if (transform === null) return [];
        return [
          derived
            ? `${columnText(source)} -> masked whole, as something is computed from it`
            : `${columnText(source)} -> ${transform}`,
        ];
      }),
    );
    return [...new Set(said)];
  }

  /** The same of one output column: its transform, `whole` where something is computed from a masked column, null where none is masked. */
  describeOutput(obligations: Obligations, output: OutputColumn): string | null {
    const origin = originOf(this.#masksOf(obligations), output, [], null);
    switch (origin.kind) {
      case 'masked':
        return origin.transform;
      case 'derived':
        return 'whole';
      case 'clear':
        return null;
    }
  }

  #masksOf(obligations: Obligations): FieldMasks {
    const catalog = this.#catalog();
    let masks = this.#masks.get(obligations);
    if (masks === undefined || masks.catalog !== catalog) {
      masks = new FieldMasks(obligations, catalog, this.#key);
      this.#masks.set(obligations, masks);
    }
    return masks;
  }

  #masker(masks: FieldMasks, origin: Origin, column: MaskedColumn): ColumnMasker | null {
    switch (origin.kind) {
      case 'masked':
        return directMasker(column, origin.transform, origin.field, masks.catalog, this.#key, this.#mode);
      case 'derived':
        return derivedMasker(column, masks.catalog);
      case 'clear':
        return masks.scanner === null ? null : scanningMasker(column, masks.scanner, masks.catalog);
    }
  }
}

/** Whether the server describes two results alike, in all that their masks depend on. */
const areSame = (left: readonly FieldDescription[], right: readonly FieldDescription[]): boolean =>
  left === right || (left.length === right.length && left.every((field, at) => isSame(field, right[at])));

const isSame = (left: FieldDescription, right: FieldDescription | undefined): boolean =>
  left.typeOid === right?.typeOid &&
  left.format === right.format &&
  left.tableOid === right.tableOid &&
  left.attributeNumber === right.attributeNumber &&
  left.name === right.name;

/**
 * COPY does not describe its columns: one that stands as it is has its source's type. Any other is text where all values are
 * written as text, and in binary of a type that nothing is known of: text in the place of a number, or a find that is replaced
 * within an array, would be bytes that no client can read.
 */
function copiedType(masks: FieldMasks, output: OutputColumn | null, format: number): number {
  const source = output?.derived === false ? output.sources[0] : undefined;
  const column = source && masks.columnAt(source.relationOid, source.attributeNumber);
  return column?.type ?? (format === 0 ? typeOids.text : unknownType);
}

/** InvalidOid: no type has it. */
const unknownType = 0;

/** Statements that run what a transaction has put off (deferred constraints and triggers), on whatever it has touched. */
const runsDeferred: ReadonlySet<string> = new Set(['COMMIT', 'PREPARE TRANSACTION', 'SET CONSTRAINTS']);

/** Whether an error may quote a masked value. `statement` is null when nobody knows which one it is of. */
function mayQuoteMasked(masks: FieldMasks, statement: StatementFacts | null): boolean {
  if (statement === null || runsDeferred.has(statement.command)) return masks.hasFields;
  return statement.touched.some((column) => isMasked(masks, column));
}
