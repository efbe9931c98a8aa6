import { Context, Effect, Layer, LogLevel } from "effect"
import process from "node:process"
import * as LogConsole from "./LogConsole.ts"
import * as LogFile from "./LogFile.ts"
import { type LogLine, toJson, toPretty } from "./LogLine.ts"

export interface LogSettings {
  readonly level: LogLevel.LogLevel
  /** The format on the console. The file is always JSON. */
  readonly format: "pretty" | "json"
  /** The path of the log file, or undefined for the console only. */
  readonly file: string | undefined
  /** Whether the start fails if the file cannot be written. Otherwise that is only reported. */
  readonly isFileRequired?: boolean
}

/**
 * The destination of all log lines, from the logger and from hot code that bypasses it. Plain synchronous functions that never fail.
 * Lines are written unchanged; the caller masks credentials.
 */
export class LogSink extends Context.Service<
  LogSink,
  {
    /** Whether lines of this level are written. */
    readonly isEnabled: (level: LogLevel.Severity) => boolean
    readonly write: (line: LogLine) => void
  }
>()("@user-service/telemetry/LogSink") {
  /** Writes to stdout, and to the file if there is one. */
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
          const text = settings.format === "json" ? json : toPretty(line, console.isTTY)
          console.append(text, line.level === "Error" || line.level === "Fatal")
        }
        return { isEnabled: (level) => enabled.has(level), write }
      })
    )
}

const severities: ReadonlyArray<LogLevel.Severity> = ["Fatal", "Error", "Warn", "Info", "Debug", "Trace"]

// On standard error, because the log file does not work.
const complain = (problem: string) => {
  process.stderr.write(`${problem.replaceAll(/[\r\n]+/g, " ")}\n`)
}
