const twoDigits = (value: number): string => String(value).padStart(2, "0")

/** A time as a `datetime-local` input shows it: in the time zone of the reader, to the minute. Empty if it is not a time. */
export const localInput = (at: string | undefined): string => {
  const date = new Date(at ?? "")
  if (Number.isNaN(date.getTime())) return ""
  const day = [date.getFullYear(), twoDigits(date.getMonth() + 1), twoDigits(date.getDate())].join("-")
  return `${day}T${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}`
}

/** The time that a `datetime-local` input has, in UTC. Undefined if the input is empty. */
export const timeOfInput = (value: string): string | undefined => {
  const date = new Date(value)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}
