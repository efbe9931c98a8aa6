import { Config, Duration, Option, Schema } from "effect"

const unitMillis: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const pattern = /^([1-9]\d{0,5})([smhd])$/

/** The longest duration of a setting, 100 years. Not all engines support times that are further away. */
export const maxDays = 36_500

/** Parses a duration such as `30s`, `5m`, `1h` or `7d`, at most {@link maxDays}. None for invalid text. */
export const parseShortDuration = (text: string): Option.Option<Duration.Duration> => {
  const [, count, unit = ""] = pattern.exec(text) ?? []
  const duration = Option.map(Option.fromUndefinedOr(unitMillis[unit]), (millis) => Number(count) * millis)
  return Option.map(
    Option.filter(duration, (millis) => millis <= Duration.toMillis(Duration.days(maxDays))),
    Duration.millis
  )
}

const DurationText = Schema.String.check(
  Schema.makeFilter((text: string) => {
    if (!pattern.test(text)) return 'must be a duration such as "30s", "5m", "1h" or "7d"'
    return Option.isSome(parseShortDuration(text)) || `must be ${maxDays}d at most`
  })
)

/** Reads a duration from `variable`, see {@link parseShortDuration}. */
export const shortDurationConfig = (variable: string, fallback: string): Config.Config<Duration.Duration> =>
  Config.schema(DurationText, variable).pipe(
    Config.withDefault(fallback),
    Config.map((text) => Option.getOrThrow(parseShortDuration(text)))
  )
