import { Effect, type Scope } from "effect"
import process from "node:process"

/** The output of a console: `process.stdout`, or that of a test. */
export interface ConsoleOutput {
  readonly isTTY?: boolean | undefined
  readonly write: (text: string) => unknown
  readonly on?: (event: "error", listener: (error: Error) => void) => unknown
}

/** A console for log lines. */
export interface LogConsole {
  readonly isTTY: boolean
  /** Writes a line without its line end: immediately if `urgent`, otherwise within 10 milliseconds. */
  readonly append: (line: string, urgent: boolean) => void
}

// Writing to a pipe costs more than formatting a line, so lines are collected for some milliseconds.
const maxDelayMillis = 10
const maxBufferLength = 64 * 1024

/** Writes lines in order: immediately to a terminal, in batches to a pipe or a file. Ignores a closed output. */
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
        if (urgent || isTTY || isClosed || pending.length >= maxBufferLength) flush()
        // Not Effect's clock, because a TestClock would hold back the lines.
        else timer ??= setTimeout(flush, maxDelayMillis).unref()
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
