/** Small pieces that several sections are made of. A message goes on from the key's name: "port: must be …". */
import { z } from 'zod';
import type { Secret } from '../../model/secret.ts';
import { maxTextCharacters } from '../limits.ts';
import type { ConfigParts } from '../parts.ts';
import { certificatesOf, privateKeyOf } from '../pem.ts';

export const text = z.string().min(1).max(maxTextCharacters);

/** What is not there is null in `Settings`, so that nobody has to think of two kinds of absence. */
export const orNull = <Schema extends z.ZodType>(
  schema: Schema,
): z.ZodPipe<z.ZodOptional<Schema>, z.ZodTransform<z.output<Schema> | null, z.output<Schema> | undefined>> =>
  schema.optional().transform((value) => value ?? null);

/** @param fault what is wrong with a value, or null */
export const checked = <Schema extends z.ZodType>(
  schema: Schema,
  fault: (value: z.output<Schema>) => string | null,
): Schema =>
  schema.check((context) => {
    const message = fault(context.value);
    if (message !== null) context.issues.push({ code: 'custom', message, input: context.value });
  });

export const certificates = (parts: ConfigParts): z.ZodType<string, string> =>
  parts.textFile.refine((pem) => certificatesOf(pem) !== null, {
    error: 'the file holds no certificate in PEM that can be read',
  });

export const privateKey = (parts: ConfigParts): z.ZodType<Secret, string> =>
  parts.secret.refine((pem) => privateKeyOf(pem) !== null, {
    error: 'what it refers to is not a private key in PEM without a passphrase',
  });
