import {
  Cause,
  Config,
  Effect,
  Layer,
  Logger,
  type LogLevel,
  Option,
  Predicate,
  References,
  Schema,
  SchemaTransformation
} from "effect"
import type { ConsoleOutput } from "./LogConsole.ts"
import { ownKeys } from "./LogLine.ts"
import type { LogFileUnusable } from "./LogFile.ts"
import { type LogSettings, LogSink } from "./LogSink.ts"
import { recordedSpan } from "./RecordedSpan.ts"
import { fieldToPlain, maskText, type Plain, toPlain } from "@user-service/domain/Redaction"

const levels: Record<string, LogLevel.LogLevel> = {
  all: "All",
  trace: "Trace",
  debug: "Debug",
  info: "Info",
  warn: "Warn",
  warning: "Warn",
  error: "Error",
  fatal: "Fatal",
  none: "None"
}
const LevelName = Schema.String.pipe(
  Schema.decode(SchemaTransformation.toLowerCase()),
  Schema.decodeTo(Schema.Literals(["all", "trace", "debug", "info", "warn", "warning", "error", "fatal", "none"]))
)

const defaultFile = "logs/user_service.log"

/**
 * `LOG_LEVEL` (info, case-insensitive), `LOG_FORMAT` (json in production, otherwise pretty) and `LOG_FILE`
 * (`logs/user_service.log` in production, otherwise none). Empty variables count as absent.
 */
export const config: Config.Config<LogSettings> = Config.all({
  environment: Config.String("NODE_ENV").pipe(Config.withDefault("development")),
  level: Config.schema(LevelName, "LOG_LEVEL").pipe(Config.withDefault("info")),
  format: Config.option(Config.Literals(["pretty", "json"], "LOG_FORMAT")),
  file: Config.option(Config.String("LOG_FILE"))
}).pipe(
  Config.map(({ environment, file, format, level }) => {
    const isProduction = environment === "production"
    return {
      level: levels[level] ?? "Info",
      format: Option.getOrElse(format, () => (isProduction ? "json" : "pretty")),
      file: Option.getOrElse(file, () => (isProduction ? defaultFile : undefined)),
      // The default file is optional, because the file system of a container may be read-only.
      isFileRequired: Option.exists(file, (path) => path !== defaultFile)
    }
  })
)

/**
 * Replaces Effect's loggers by one that writes to the {@link LogSink}: annotations become fields, a cause becomes text, and the ids of the
 * current trace are added. Masks credentials in fields, `Redacted` values, and texts (JWTs, passwords). Provide it outermost:
 * layers outside it use Effect's default logger.
 */
export const layer = (settings: LogSettings, output?: ConsoleOutput): Layer.Layer<LogSink, LogFileUnusable> =>
  Layer.mergeAll(
    Logger.layer([Effect.map(LogSink, makeLogger)]),
    Layer.succeed(References.MinimumLogLevel, settings.level)
  ).pipe(Layer.provideMerge(LogSink.layer(settings, output)))

const makeLogger = (sink: LogSink["Service"]): Logger.Logger<unknown, void> =>
  Logger.make(({ cause, date, fiber, logLevel, message }) => {
    const fields: Record<string, Plain> = Object.create(null)
    const texts: Array<string> = []
    for (const part of Array.isArray(message) ? message : [message]) {
      if (isRecord(part)) addFields(fields, part)
      else texts.push(toText(toPlain(part)))
    }
    addFields(fields, fiber.getRef(References.CurrentLogAnnotations))
    for (const [label, start] of fiber.getRef(References.CurrentLogSpans))
      fields[`${maskText(label)}_ms`] = date.getTime() - start
    const span = Option.getOrUndefined(Option.flatMap(Option.fromUndefinedOr(fiber.cache.span), recordedSpan))
    if (span !== undefined) Object.assign(fields, { trace_id: span.traceId, span_id: span.spanId })
    sink.write({
      // "All" and "None" are thresholds, not levels of a line.
      level: logLevel === "All" || logLevel === "None" ? "Info" : logLevel,
      time: date.getTime(),
      message: maskText(texts.join(" ")),
      fields,
      error: cause.reasons.length === 0 ? undefined : maskText(Cause.pretty(cause))
    })
  })

// A plain object becomes fields. Errors, dates and class instances become part of the message.
const isRecord = (part: unknown): part is Record<string, unknown> =>
  Predicate.isObject(part) && [Object.prototype, null].includes(Object.getPrototypeOf(part))

const addFields = (fields: Record<string, Plain>, source: Record<string, unknown>) => {
  for (const [key, value] of Object.entries(source)) {
    if (value !== undefined) fields[ownKeys.has(key) ? `${key}_` : maskText(key)] = fieldToPlain(key, value)
  }
}

const toText = (plain: Plain): string => (typeof plain === "string" ? plain : JSON.stringify(plain))
