import { Clock, Effect } from "effect"
import process from "node:process"

// A log file gets a line from time to time.
const logInterval = 10_000

const inMinutes = (seconds: number): string =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`

const width = 30

/** The work of a command: how many of what. */
interface Work {
  readonly total: number
  /** What is counted, in the plural. */
  readonly unit: string
}

const progressLine = ({ total, unit }: Work, done: number, seconds: number): string => {
  const share = total === 0 ? 1 : Math.min(1, done / total)
  const rate = seconds === 0 ? 0 : done / seconds
  const bar = "#".repeat(Math.round(share * width)).padEnd(width, ".")
  const remaining = rate === 0 ? "-:--" : inMinutes(Math.max(0, total - done) / rate)
  return `[${bar}] ${Math.floor(share * 100)} %, ${done} of ${total} ${unit}, ${Math.round(rate)}/s, ${remaining} left`
}

/** Shows the progress on standard error: in place on a terminal, otherwise as a line every ten seconds. */
export const make = Effect.fnUntraced(function* (work: Work) {
  const started = yield* Clock.currentTimeMillis
  const isTerminal = process.stderr.isTTY
  let shownAt = started
  const write = (done: number, note: string, now: number) => {
    shownAt = now
    const line = `${progressLine(work, done, (now - started) / 1000)}${note}`
    process.stderr.write(isTerminal ? `\r${line}\u001b[K` : `${line}\n`)
  }
  if (isTerminal) write(0, "", started)
  return {
    /** `note` is added to the line. */
    update: (done: number, note = "") =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        isTerminal || now - shownAt >= logInterval ? write(done, note, now) : undefined
      ),
    /** Makes room on the terminal for other lines. The next update shows the progress again. */
    hide: Effect.sync(() => (isTerminal ? process.stderr.write("\r\u001b[K") : undefined)),
    end: Effect.sync(() => (isTerminal ? process.stderr.write("\n") : undefined))
  }
})
