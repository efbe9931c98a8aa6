import { Context, Effect, Layer, LogLevel } from "effect"
import process from "node:process"
import * as LogConsole from "./LogConsole.ts"
import * as LogFile from "./LogFile.ts"
import { type LogLine, toJson, toPretty } from "./LogLine.ts"

/** What is logged, how it looks on the console, and the file that gets it too, always as JSON. */
export interface LogSettings {
  readonly level: LogLevel.LogLevel
  readonly format: "pretty" | "json"
  readonly file: string | undefined
  /** Whether the start fails where the file cannot be written, instead of complaining. */
  readonly isFileRequired?: boolean
}

/**
 * Where every line of the log goes, from the logger and from what is too hot for it. Plain functions, synchronous and
 * cheap, that never fail. A line is written as it is: masking is its maker's part.
 */
export class LogSink extends Context.Service<
  LogSink,
  {
    /** Whether lines of this level are wanted: ask before making one. */
    readonly isEnabled: (level: LogLevel.Severity) => boolean
    readonly write: (line: LogLine) => void
  }
>()("@user-service/telemetry/LogSink") {
  /** The console (stdout), and the file where one is named. */
  static readonly layer = (
    settings: LogSettings,
    output: LogConsole.ConsoleOutput = process.stdout
  ): Layer.Layer<LogSink, LogFile.LogFileUnusable> =>
    Layer.effect(
      LogSink,
      Effect.gen(function* () {
        if (settings.file !== undefined && settings.isFileRequired === true) yield* LogFile.check(settings.file)
        const file = settings.file === undefined ? undefined : yield* LogFile.make(settings.file, complain)
        const console = yield* LogConsole.make(output)
        const enabled = new Set(severities.filter((level) => LogLevel.isGreaterThanOrEqualTo(level, settings.level)))
        const write = (line: LogLine) => {
          const json = file !== undefined || settings.format === "json" ? toJson(line) : ""
          file?.append(json)
          const shown = settings.format === "json" ? json : toPretty(line, console.isTTY)
          console.append(shown, line.level === "Error" || line.level === "Fatal")
        }
        return { isEnabled: (level) => enabled.has(level), write }
      })
    )
}

const severities: ReadonlyArray<LogLevel.Severity> = ["Fatal", "Error", "Warn", "Info", "Debug", "Trace"]

// The log itself cannot carry this.
const complain = (problem: string) => {
  process.stderr.write(`${problem.replaceAll(/[\r\n]+/g, " ")}\n`)
}
