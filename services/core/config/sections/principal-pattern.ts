import { z } from 'zod';
import { principalKinds } from '../../model/principal.ts';
import type { PrincipalPattern } from '../../model/principal-pattern.ts';
import { text } from './pieces.ts';

const words = (description: string, examples: readonly string[]) =>
  z
    .array(text)
    .min(1)
    .exactOptional()
    .meta({ description, examples: [examples] });

/** A condition on a principal, that must say something: everybody is never what was meant. */
export const principalPattern = z
  .strictObject({
    subjects: words('Subjects; * is any run of characters', ['agent-7', 'ci-*']),
    kinds: z
      .array(z.enum(principalKinds))
      .min(1)
      .exactOptional()
      .meta({ description: 'Kinds of principal', examples: [['agent']] }),
    groups: words('Groups; one of them must be among the principal’s', ['contractors']),
    issuers: words('URLs of issuers', ['https://login.example.com']),
    claims: z
      .record(text, z.array(z.union([z.string(), z.number(), z.boolean()])).min(1))
      .exactOptional()
      .meta({
        description: 'Claims, each with the values of which one must be there',
        examples: [{ department: ['sales'] }],
      }),
    actingFor: words('Subjects of which one must be in the chain that the principal acts for', [
      'anna@example.com',
    ]),
  })
  .refine((pattern) => Object.keys(pattern).length > 0, {
    error: 'matches everybody: give at least one condition',
  })
  .transform((pattern): PrincipalPattern => pattern);
