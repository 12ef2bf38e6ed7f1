import { fullTime, shortTime } from './time'

/** A time with everything else in its tooltip; a dash for none. */
export function TimeText({ at, none = '–' }: { at: string | null | undefined; none?: string }) {
  if (!at) return <span className="faint">{none}</span>
  return (
    <time dateTime={at} title={fullTime(at)}>
      {shortTime(at)}
    </time>
  )
}
