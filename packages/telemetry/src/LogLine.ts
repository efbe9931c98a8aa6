import type { LogLevel } from "effect"
import type { Plain } from "@user-service/domain/Redaction"

/** One line of the log, fit to be shown: whoever makes it has masked what must not be. */
export interface LogLine {
  readonly level: LogLevel.Severity
  /** Milliseconds since 1970. */
  readonly time: number
  readonly message: string
  /** Stands beside `timestamp`, `level`, `message` and `error`, and has none of these keys. */
  readonly fields: { readonly [key: string]: Plain | undefined }
  /** A cause with its stack, of many lines. */
  readonly error?: string | undefined
}

/** The keys a line has of its own, which no field may take. */
export const ownKeys: ReadonlySet<string> = new Set(["timestamp", "level", "message", "error", "trace_id", "span_id"])

let second = Number.NaN
let prefix = ""

/** RFC 3339, UTC, in milliseconds. Lines come many to a second, and a `Date` for each would be a tenth of their cost. */
const timestamp = (time: number): string => {
  const of = Math.floor(time / 1000)
  if (of !== second) {
    second = of
    prefix = new Date(of * 1000).toISOString().slice(0, 20)
  }
  return `${prefix}${String(Math.floor(time) - of * 1000).padStart(3, "0")}Z`
}

// JSON lets these through, yet a terminal or a reader of lines may take them for orders or line ends.
const unsafe = /[\u007f-\u009f\u2028\u2029]/
const escaped = (text: string): string =>
  text.replace(/[\u007f-\u009f\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** One JSON object, one line, no line end. */
export const toJson = (line: LogLine): string => {
  const head = `{"timestamp":"${timestamp(line.time)}","level":"${line.level.toLowerCase()}","message":${JSON.stringify(
    line.message
  )}`
  const error = line.error === undefined ? "" : `,"error":${JSON.stringify(line.error)}`
  const fields = JSON.stringify(line.fields)
  const whole = fields === "{}" ? `${head}${error}}` : `${head}${error},${fields.slice(1)}`
  return unsafe.test(whole) ? escaped(whole) : whole
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

// Control characters are shown, not obeyed; further lines are indented, so that none passes for a line of its own.
const indented = (text: string): string =>
  text
    .replace(/\r\n?|[\u2028\u2029\u0085]/g, "\n")
    .replace(
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g,
      (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`
    )
    .replace(/\n/g, "\n    ")

const shown = (value: Plain): string =>
  typeof value === "string" && /^[!#-<>-~]+$/.test(value) ? value : escaped(JSON.stringify(value))

/** For a person: time, level, message, then the fields; a cause on indented lines below. */
export const toPretty = (line: LogLine, coloured: boolean): string => {
  const paint = (colour: string, text: string) => (coloured ? `${colour}${text}${reset}` : text)
  let text = `${paint(dim, timestamp(line.time))} ${paint(colours[line.level], line.level.toUpperCase().padEnd(5))} ${indented(
    line.message
  )}`
  for (const key in line.fields) {
    const value = line.fields[key]
    if (value !== undefined) text += ` ${paint(dim, `${shown(key)}=`)}${shown(value)}`
  }
  return line.error === undefined ? text : `${text}\n    ${indented(line.error)}`
}
