const format = new Intl.RelativeTimeFormat("en-GB", { numeric: "always" })

const units = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60]
] as const

const ageText = (at: string): string => {
  const seconds = Math.max(0, (Date.now() - new Date(at).getTime()) / 1000)
  const found = units.find(([, length]) => seconds >= length)
  return found === undefined ? "just now" : format.format(-Math.floor(seconds / found[1]), found[0])
}

/** How long ago a time was, when it is rendered. */
export const Age = ({ at }: { at: string }) => <span className="soft">{ageText(at)}</span>
