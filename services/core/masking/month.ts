/** ISO 8601 and PostgreSQL's default style, with a year from 0001 to 9999: other styles write days and months in either order. */
const dateForm =
  /^(?<date>(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))(?:(?<separator>[ T])(?<time>\d\d:\d\d(?::\d\d)?)(?:\.\d{1,9})?(?<zone>Z|[+-]\d\d(?::?\d\d){0,2})?)?$/;
/** The sign, hours, minutes, and seconds, which zones had before there were clocks on trains. */
const zoneForm = /^(?<sign>[+-])(?<hours>\d\d)(?::?(?<minutes>\d\d))?(?::?(?<seconds>\d\d))?$/;

/**
 * A date, or a date and time, as the beginning of its month, in the form that it has. What has a zone is told in UTC, so that the
 * zone of who asks changes nothing. Null when it is none.
 */
export function monthOf(text: string): string | null {
  const groups = dateForm.exec(text)?.groups;
  if (groups === undefined) return null;
  const { date = '', separator, time = '', zone } = groups;
  if (separator === undefined) return `${date.slice(0, 7)}-01`;
  if (zone === undefined) return `${date.slice(0, 7)}-01${separator}00:00:00`;
  const atZone = Date.parse(`${date}T${time}Z`);
  if (Number.isNaN(atZone)) return null;
  const utc = new Date(atZone - offsetMs(zone)).toISOString();
  // Years before 0000 begin with a sign; 0000 itself is none to PostgreSQL.
  return /^(?!0000)\d/.test(utc)
    ? `${utc.slice(0, 7)}-01${separator}00:00:00${separator === 'T' ? 'Z' : '+00'}`
    : null;
}

function offsetMs(zone: string): number {
  const { sign, hours = 0, minutes = 0, seconds = 0 } = zoneForm.exec(zone)?.groups ?? {};
  const offset = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
  return sign === '-' ? -offset : offset;
}
