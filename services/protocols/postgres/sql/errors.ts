import { SallyportError } from '../../../core/model/errors.ts';

/** Why a catalog could not be read. */
export type CatalogErrorCode = 'catalog-unreadable' | 'catalog-too-large';

export class CatalogError extends SallyportError<CatalogErrorCode> {}

/** The text needs more work or depth than limits.ts grants; caught in analyse.ts, where it becomes a refusal. */
export class TooComplexError extends SallyportError<'too-complex'> {
  constructor(message: string) {
    super('too-complex', message);
  }
}
