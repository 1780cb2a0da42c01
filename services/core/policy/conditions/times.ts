import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { maxZones } from '../limits.ts';
import { strict, word } from '../shapes.ts';
import { truthOf } from '../truth.ts';
import type { DynamicCondition } from './dynamic.ts';

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const weekdayNames: readonly string[] = weekdays;

const dayMinutes = 24 * 60;

/** `09:00` -> 540; `24:00` is the end of the day. */
const timeOfDay = z
  .string({ error: 'must be a time of day like "09:00", in quotes' })
  .regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/, { error: 'must be a time of day from "00:00" to "24:00"' })
  .transform((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3)));

interface LocalTime {
  /** Index in `weekdays`. */
  readonly day: number;
  readonly minute: number;
}

/**
 * Local time in one zone. An instant has one local time, so summer time needs no care: an hour that comes twice matches
 * twice, one that is left out never comes.
 */
class Zone {
  readonly #format: Intl.DateTimeFormat;
  #lastMinute = Number.NaN;
  #last: LocalTime = { day: -1, minute: -1 };

  /** @throws RangeError for a name that is not in the IANA database. */
  constructor(name: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
  }

  /** The answer can only change with the minute (zones differ by whole minutes since 1972), and finding it takes 2 µs. */
  at(nowMs: number): LocalTime {
    const minute = Math.floor(nowMs / 60_000);
    if (minute !== this.#lastMinute) {
      const parts = new Map(this.#format.formatToParts(nowMs).map((part) => [part.type, part.value]));
      this.#last = {
        day: weekdayNames.indexOf((parts.get('weekday') ?? '').toLowerCase()),
        minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
      };
      this.#lastMinute = minute;
    }
    return this.#last;
  }
}

/** Making one takes 0.5 ms and 50 KiB, and all rules of a gateway name few. */
const zones = new LRUCache<string, Zone>({ max: maxZones });

/** @throws RangeError */
function zoneOf(name: string): Zone {
  let zone = zones.get(name);
  if (zone === undefined) {
    zone = new Zone(name);
    zones.set(name, zone);
  }
  return zone;
}

function isZone(name: string): boolean {
  // JavaScript takes "+02:00" as well; a zone of that kind has no summer time, which nobody means.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    zoneOf(name);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** A time of day and weekdays in a named zone. From a later to an earlier time runs past midnight. */
export const timesSchema = strict({
  zone: z
    .string()
    .max(100)
    .refine(isZone, { error: 'is not a zone of the IANA database; write one like Europe/Berlin or UTC' }),
  weekdays: z.array(word('a weekday', weekdays)).max(7).exactOptional(),
  from: timeOfDay.exactOptional(),
  to: timeOfDay.exactOptional(),
}).superRefine((times, context) => {
  if ((times.from === undefined) !== (times.to === undefined)) {
    context.addIssue({ code: 'custom', message: '"from" and "to" go together' });
  } else if (times.from !== undefined && times.from === times.to) {
    context.addIssue({
      code: 'custom',
      message: '"from" and "to" are the same; leave both out for the whole day',
    });
  }
});
export type Times = z.output<typeof timesSchema>;

const clockText = (minute: number): string =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;

const isWanted = ({ weekdays: wanted }: Times, day: number): boolean => {
  if (wanted === undefined) return true;
  const name = weekdays[day];
  return name !== undefined && wanted.includes(name);
};

function matches(times: Times, { day, minute }: LocalTime): boolean {
  const { from = 0, to = dayMinutes } = times;
  if (from < to) return minute >= from && minute < to && isWanted(times, day);
  // Past midnight the window still belongs to the day on which it began.
  return (minute >= from && isWanted(times, day)) || (minute < to && isWanted(times, (day + 6) % 7));
}

export function compileTimes(times: Times): DynamicCondition {
  const zone = zoneOf(times.zone);
  const days = times.weekdays?.join(', ') ?? 'every day';
  const hours =
    times.from === undefined ? '' : ` ${clockText(times.from)}-${clockText(times.to ?? dayMinutes)}`;
  return {
    name: 'times',
    text: `${days}${hours} ${times.zone}`,
    truth: (_, { nowMs }) => truthOf(matches(times, zone.at(nowMs))),
    found(_, { nowMs }) {
      const { day, minute } = zone.at(nowMs);
      return `it is ${weekdays[day] ?? ''} ${clockText(minute)} ${times.zone}`;
    },
  };
}
