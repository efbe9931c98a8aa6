const format = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" })

/** A time in the time zone of the reader. The tooltip has it in UTC. */
export const Time = ({ at }: { at: string | null }) =>
  at === null ? (
    <span className="soft">never</span>
  ) : (
    <time dateTime={at} title={at}>
      {format.format(new Date(at))}
    </time>
  )
