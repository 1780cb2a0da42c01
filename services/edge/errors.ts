import { SallyportError } from '../core/model/errors.ts';

export class EdgeError extends SallyportError<'cannot-listen'> {}
