// The metrics of several processes as those of one (decision 0023).
/** A metric in Prometheus's text format. */
interface Family {
  /** The HELP and TYPE lines. */
  readonly head: ReadonlyArray<string>
  readonly type: string
  /** The values by name with labels. */
  readonly series: ReadonlyMap<string, number>
}

type Families = ReadonlyMap<string, Family>

/** Aggregates the metrics of several processes. */
export interface ProcessesMetrics {
  /** Stores the metrics of a process. */
  readonly record: (process: number, text: string) => void
  /** Adds the counters of a terminated process to the total, so that sums never decrease. */
  readonly retire: (process: number) => void
  /**
   * The aggregated metrics. Gauges include the processes in `answered`, counters and histograms all processes so far. `silent` is the
   * number of processes that did not answer.
   */
  readonly render: (answered: ReadonlyArray<number>, silent: number) => string
}

export const make = (): ProcessesMetrics => {
  const last = new Map<number, Families>()
  let retired: Families = new Map()
  let ended = 0
  return {
    record: (process, text) => void last.set(process, parse(text)),
    retire: (process) => {
      ended += 1
      retired = merge([retired, onlyCumulative(last.get(process) ?? new Map())])
      last.delete(process)
    },
    render: (answered, silent) =>
      format(
        merge([
          retired,
          ...[...last].map(([process, families]) => (answered.includes(process) ? families : onlyCumulative(families))),
          parse(
            "# HELP user_service_api_processes Processes of the API that serve, by whether they answered the scrape\n" +
              "# TYPE user_service_api_processes gauge\n" +
              `user_service_api_processes{state="answering"} ${answered.length}\n` +
              `user_service_api_processes{state="silent"} ${silent}\n` +
              "# HELP user_service_api_processes_ended_total Processes of the API that ended and were replaced\n" +
              "# TYPE user_service_api_processes_ended_total counter\n" +
              `user_service_api_processes_ended_total ${ended}\n`
          )
        ])
      )
  }
}

// Gauges are summed, such as connections and bytes, except those for which a sum is meaningless.
const rules: Readonly<Record<string, (one: number, other: number) => number>> = {
  user_service_engine_up: Math.min,
  user_service_build_info: Math.max,
  process_start_time_seconds: Math.min,
  process_uptime_seconds: Math.max,
  nodejs_eventloop_lag_mean_seconds: Math.max,
  nodejs_eventloop_lag_p99_seconds: Math.max,
  nodejs_eventloop_lag_max_seconds: Math.max
}

const add = (one: number, other: number): number => one + other

const parse = (text: string): Families => {
  const families = new Map<string, Family & { readonly series: Map<string, number> }>()
  let help: Array<string> = []
  let series = new Map<string, number>()
  for (const line of text.split("\n")) {
    const [, name = "", type = ""] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
    if (name !== "") {
      series = new Map()
      families.set(name, { head: [...help, line], type, series })
      help = []
    } else if (line.startsWith("#")) {
      help = [line]
    } else if (line !== "") {
      // Labels may contain spaces, values do not.
      const space = line.lastIndexOf(" ")
      series.set(line.slice(0, space), valueOf(line.slice(space + 1)))
    }
  }
  return families
}

const valueOf = (text: string): number => (text.endsWith("Inf") ? Number(`${text}inity`) : Number(text))

const merge = (all: ReadonlyArray<Families>): Families => {
  const merged = new Map<string, Family & { readonly series: Map<string, number> }>()
  for (const [name, { head, series, type }] of all.flatMap((families) => [...families])) {
    const combined = merged.get(name)?.series ?? new Map<string, number>()
    merged.set(name, { head, type, series: combined })
    const rule = (type === "gauge" ? rules[name] : undefined) ?? add
    for (const [key, value] of series) {
      const previous = combined.get(key)
      combined.set(key, previous === undefined ? value : rule(previous, value))
    }
  }
  return merged
}

const onlyCumulative = (families: Families): Families =>
  new Map([...families].filter(([, { type }]) => type === "counter" || type === "histogram"))

const format = (families: Families): string =>
  [...families.values()]
    .flatMap(({ head, series }) => [...head, ...[...series].map(([key, value]) => `${key} ${textOf(value)}`)])
    .map((line) => `${line}\n`)
    .join("")

const textOf = (value: number): string => String(value).replace("Infinity", "Inf").replace(/^Inf/, "+Inf")
