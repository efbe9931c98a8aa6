import type { LogLevel } from "effect"
import type { Plain } from "@user-service/domain/Redaction"

/** One log line. The caller must have masked credentials. */
export interface LogLine {
  readonly level: LogLevel.Severity
  /** Milliseconds since 1970. */
  readonly time: number
  readonly message: string
  /** Further fields. Must not use the keys of {@link ownKeys}. */
  readonly fields: { readonly [key: string]: Plain | undefined }
  /** A cause with its stack, with line breaks. */
  readonly error?: string | undefined
}

/** The keys of a line's own fields. */
export const ownKeys: ReadonlySet<string> = new Set(["timestamp", "level", "message", "error", "trace_id", "span_id"])

let second = Number.NaN
let prefix = ""

/** RFC 3339 in UTC with milliseconds. Caches the second, because a `Date` per line would be a tenth of its cost. */
const timestamp = (time: number): string => {
  const current = Math.floor(time / 1000)
  if (current !== second) {
    second = current
    prefix = new Date(current * 1000).toISOString().slice(0, 20)
  }
  return `${prefix}${String(Math.floor(time) - current * 1000).padStart(3, "0")}Z`
}

// Characters that JSON does not escape, but that terminals or line readers interpret as commands or line ends.
const unsafe = /[\u007f-\u009f\u2028\u2029]/
const escape = (text: string): string =>
  text.replace(/[\u007f-\u009f\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** One JSON object on one line, without a line end. */
export const toJson = (line: LogLine): string => {
  const head = `{"timestamp":"${timestamp(line.time)}","level":"${line.level.toLowerCase()}","message":${JSON.stringify(
    line.message
  )}`
  const error = line.error === undefined ? "" : `,"error":${JSON.stringify(line.error)}`
  const fields = JSON.stringify(line.fields)
  const whole = fields === "{}" ? `${head}${error}}` : `${head}${error},${fields.slice(1)}`
  return unsafe.test(whole) ? escape(whole) : whole
}

const colours: Record<LogLevel.Severity, string> = {
  Fatal: "\u001b[1;31m",
  Error: "\u001b[31m",
  Warn: "\u001b[33m",
  Info: "\u001b[32m",
  Debug: "\u001b[34m",
  Trace: "\u001b[90m"
}
const dim = "\u001b[90m"
const reset = "\u001b[0m"

// Escapes control characters, and indents further lines, so that they cannot look like log lines.
const indent = (text: string): string =>
  text
    .replace(/\r\n?|[\u2028\u2029\u0085]/g, "\n")
    .replace(
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g,
      (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`
    )
    .replace(/\n/g, "\n    ")

const formatValue = (value: Plain): string =>
  typeof value === "string" && /^[!#-<>-~]+$/.test(value) ? value : escape(JSON.stringify(value))

/** Human-readable: time, level, message and fields, then the cause on indented lines. */
export const toPretty = (line: LogLine, coloured: boolean): string => {
  const paint = (colour: string, text: string) => (coloured ? `${colour}${text}${reset}` : text)
  let text = `${paint(dim, timestamp(line.time))} ${paint(colours[line.level], line.level.toUpperCase().padEnd(5))} ${indent(
    line.message
  )}`
  for (const key in line.fields) {
    const value = line.fields[key]
    if (value !== undefined) text += ` ${paint(dim, `${formatValue(key)}=`)}${formatValue(value)}`
  }
  return line.error === undefined ? text : `${text}\n    ${indent(line.error)}`
}
