import { Clock, Effect } from "effect"
import process from "node:process"

// A log file gets a line from time to time.
const logInterval = 10_000

const inMinutes = (seconds: number): string =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`

const width = 30

/** The state of an import, as a line. */
export const progressLine = (done: number, total: number, bad: number, seconds: number): string => {
  const share = total === 0 ? 1 : Math.min(1, done / total)
  const rate = seconds === 0 ? 0 : done / seconds
  const bar = "#".repeat(Math.round(share * width)).padEnd(width, ".")
  const remaining = rate === 0 ? "-:--" : inMinutes(Math.max(0, total - done) / rate)
  return `[${bar}] ${Math.floor(share * 100)} %, ${done} of ${total} users, ${Math.round(rate)}/s, ${remaining} left, ${bad} bad rows`
}

/** Shows the progress on standard error: in place on a terminal, otherwise as a line every ten seconds. */
export const make = Effect.fnUntraced(function* (total: number) {
  const started = yield* Clock.currentTimeMillis
  const isTerminal = process.stderr.isTTY
  let shownAt = started
  const write = (done: number, bad: number, now: number) => {
    shownAt = now
    const line = progressLine(done, total, bad, (now - started) / 1000)
    process.stderr.write(isTerminal ? `\r${line}\u001b[K` : `${line}\n`)
  }
  if (isTerminal) write(0, 0, started)
  return {
    update: (done: number, bad: number) =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        isTerminal || now - shownAt >= logInterval ? write(done, bad, now) : undefined
      ),
    /** Makes room on the terminal for other lines. The next update shows the progress again. */
    hide: Effect.sync(() => (isTerminal ? process.stderr.write("\r\u001b[K") : undefined)),
    end: Effect.sync(() => (isTerminal ? process.stderr.write("\n") : undefined))
  }
})
