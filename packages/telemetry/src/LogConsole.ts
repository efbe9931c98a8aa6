import { Effect, type Scope } from "effect"
import process from "node:process"

/** Where a console's text goes: `process.stdout`, or a test's. */
export interface ConsoleOutput {
  readonly isTTY?: boolean | undefined
  readonly write: (text: string) => unknown
  readonly on?: (event: "error", listener: (error: Error) => void) => unknown
}

/** A console that lines are written to. */
export interface LogConsole {
  readonly isTTY: boolean
  /** Takes a line without its end; `urgent` ones are out when this returns, the rest within 10 milliseconds. */
  readonly append: (line: string, urgent: boolean) => void
}

// A write to a pipe costs more than a whole line does, so lines that come together go together.
const longestWaitMillis = 10
const largestBuffer = 64 * 1024

/** Lines in their order, to a person at once, to a pipe or a file in gathered writes. A reader that goes away is no failure. */
export const make = (output: ConsoleOutput): Effect.Effect<LogConsole, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      let pending = ""
      let timer: NodeJS.Timeout | undefined
      let isClosed = false
      const isTTY = output.isTTY === true

      const flush = () => {
        clearTimeout(timer)
        timer = undefined
        const text = pending
        pending = ""
        if (text !== "") output.write(text)
      }
      const append = (line: string, urgent: boolean) => {
        pending += `${line}\n`
        if (urgent || isTTY || isClosed || pending.length >= largestBuffer) flush()
        // Not of Effect's clock: a TestClock would hold the lines of a test back.
        else timer ??= setTimeout(flush, longestWaitMillis).unref()
      }
      // Without a listener, a closed pipe (EPIPE) would end the process.
      const ignore = () => {}
      output.on?.("error", ignore)
      process.on("exit", flush)
      const release = () => {
        flush()
        isClosed = true
        process.off("exit", flush)
      }
      return { isTTY, append, release }
    }),
    ({ release }) => Effect.sync(release)
  )
