import { z } from 'zod';
import { SallyportError } from '../../core/model/errors.ts';

/** Every way in which a request can fail: stable codes, each with its HTTP status and a title for people. */
export const problemKinds = {
  'invalid-request': [400, 'The request is not of the form that is wanted'],
  unauthenticated: [401, 'A token is needed'],
  'token-rejected': [401, 'The token is not accepted'],
  'principal-disabled': [403, 'This principal is disabled on the gateway'],
  'not-permitted': [403, 'Not permitted'],
  'requester-cannot-approve': [403, 'Who asks does not approve'],
  'not-an-approver': [403, 'Not an approver of this hold'],
  'not-found': [404, 'Not found'],
  'digest-mismatch': [409, 'The hold is not what was shown'],
  'not-open': [409, 'The hold has been decided'],
  'hold-expired': [409, 'The hold has expired'],
  'already-voted': [409, 'This person has voted already'],
  'owner-gone': [409, 'Nobody waits for the hold any more'],
  'too-large': [413, 'The request is too large'],
  'unsupported-media-type': [415, 'Only JSON is read'],
  internal: [500, 'The gateway has failed'],
  busy: [503, 'Too many requests at a time'],
  'timed-out': [503, 'The answer took too long'],
  'identity-unavailable': [503, 'The token cannot be verified now'],
  'processes-silent': [503, 'Not every gateway process has answered'],
  'approvals-unavailable': [503, 'The approvals cannot be reached'],
  'trail-unavailable': [503, 'The trail cannot be written'],
  'transcripts-unavailable': [503, 'The transcripts cannot be read'],
} as const satisfies Readonly<Record<string, readonly [status: number, title: string]>>;

export type ProblemCode = keyof typeof problemKinds;
const problemCodes = Object.keys(problemKinds) as ProblemCode[]; // keys of the literal above

/** A request that fails. The message and the hint are for the person who asked. */
export class ProblemError extends SallyportError<ProblemCode> {
  readonly hint: string | null;

  constructor(
    code: ProblemCode,
    message: string,
    hint: string | null = null,
    options?: { readonly cause?: unknown },
  ) {
    super(code, message, options);
    this.hint = hint;
  }

  get status(): number {
    return problemKinds[this.code][0];
  }
}

/** RFC 9457, with our code and a hint. */
export const problemSchema = z
  .strictObject({
    type: z.string().meta({ description: 'urn:sallyport:problem: and the code' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'What happened, for the person who asked' }),
    code: z.enum(problemCodes),
    hint: z.string().nullable().meta({ description: 'What to do about it' }),
  })
  .meta({ description: 'What went wrong (RFC 9457)' });
export type ProblemDocument = z.output<typeof problemSchema>;

export const problemMediaType = 'application/problem+json';

export const problemOf = ({ code, message, hint, status }: ProblemError): ProblemDocument => ({
  type: `urn:sallyport:problem:${code}`,
  title: problemKinds[code][1],
  status,
  detail: message,
  code,
  hint,
});
