/** How long bans last. Pure. */

/** The durations on offer. The longest is what Supabase's documents use for "for good". */
export const BAN_CHOICES: { label: string; hours: number }[] = [
  { label: '1 hour', hours: 1 },
  { label: '24 hours', hours: 24 },
  { label: '7 days', hours: 168 },
  { label: '30 days', hours: 720 },
  { label: '1 year', hours: 8760 },
  { label: '100 years', hours: 876_000 },
]

/** When a ban of so many hours ends. */
export function banEnd(hours: number, now: number = Date.now()): Date {
  return new Date(now + hours * 3_600_000)
}
