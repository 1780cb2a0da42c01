import { z } from 'zod';
import type { ConsoleSettings } from '../../model/settings.ts';
import { principalPattern } from './principal-pattern.ts';

const people = (description: string, group: string) =>
  z
    .array(principalPattern)
    .default([])
    .meta({ description, examples: [[{ groups: [group] }]] });

export const consoleSchema = z
  .strictObject({
    operators: people('People who may list all sessions and holds, and end sessions', 'sre'),
    auditors: people('People who may read all sessions, transcripts and holds', 'audit'),
  })
  .transform((section): ConsoleSettings => section)
  .meta({
    description:
      'What people may do in the gateway’s own API, beside approving: each rule of a policy names its approvers',
  });
