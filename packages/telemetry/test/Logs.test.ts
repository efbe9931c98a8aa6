import { assert, describe, it } from "@effect/vitest"
import type { ConsoleOutput } from "@user-service/telemetry/LogConsole"
import * as Logs from "@user-service/telemetry/Logs"
import { LogSink, type LogSettings } from "@user-service/telemetry/LogSink"
import { ConfigProvider, Effect, Exit, Redacted, References, Tracer } from "effect"
import { TestClock } from "effect/testing"

const canary = "CANARY1234567"
const json: LogSettings = { level: "Info", format: "json", file: undefined }
const pretty: LogSettings = { ...json, format: "pretty" }

const memory = (isTTY = false) => {
  const writes: Array<string> = []
  const output: ConsoleOutput = { isTTY, write: (text) => writes.push(text) }
  return { output, writes, text: () => writes.join("") }
}

/** What the program wrote, once its scope has closed. */
const written = (settings: LogSettings, program: Effect.Effect<void, never, LogSink>, isTTY = false) =>
  Effect.gen(function* () {
    const console = memory(isTTY)
    yield* Effect.provide(program, Logs.layer(settings, console.output))
    return console.text()
  })

const lines = (program: Effect.Effect<void, never, LogSink>, settings = json) =>
  Effect.map(written(settings, program), (text) =>
    text
      .split("\n")
      .filter((line) => line !== "")
      .map((line): Record<string, unknown> => JSON.parse(line))
  )

describe("config", () => {
  const read = (env: Record<string, string>) =>
    Logs.config.pipe(Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env })))

  it.effect("outside production the defaults are level info, format pretty and no file", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read({}), {
        level: "Info",
        format: "pretty",
        file: undefined,
        isFileRequired: false
      })
    })
  )

  it.effect("in production the defaults are format JSON and a file", () =>
    Effect.gen(function* () {
      const expected: LogSettings = {
        level: "Info",
        format: "json",
        file: "logs/user_service.log",
        isFileRequired: false
      }
      assert.deepStrictEqual(yield* read({ NODE_ENV: "production" }), expected)
    })
  )

  it.effect("each variable takes effect, a level in any letter case, and an empty variable counts as absent", () =>
    Effect.gen(function* () {
      const env = { NODE_ENV: "production", LOG_LEVEL: "WARNING", LOG_FORMAT: "pretty", LOG_FILE: "/var/log/x.log" }
      assert.deepStrictEqual(yield* read(env), {
        level: "Warn",
        format: "pretty",
        file: "/var/log/x.log",
        isFileRequired: true
      })
      assert.strictEqual((yield* read({ NODE_ENV: "production", LOG_FILE: "" })).file, "logs/user_service.log")
    })
  )

  it.effect("an unknown level or format is refused", () =>
    Effect.gen(function* () {
      assert.isTrue(Exit.isFailure(yield* Effect.exit(read({ LOG_LEVEL: "loud" }))))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(read({ LOG_FORMAT: "xml" }))))
    })
  )
})

describe("JSON", () => {
  it.effect("a line is one JSON object with timestamp, level, message and the annotations", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 10, 23, 8, 9, 10, 7))
      const found = yield* lines(
        Effect.logWarning("slow", "query", { rows: 3 }).pipe(
          Effect.annotateLogs({ request_id: "r1", status: 200, absent: undefined })
        )
      )
      assert.deepStrictEqual(found, [
        {
          timestamp: "2026-11-23T08:09:10.007Z",
          level: "warn",
          message: "slow query",
          rows: 3,
          request_id: "r1",
          status: 200
        }
      ])
    })
  )

  it.effect("a cause is logged as text, a trace by its ids and a log span as a duration", () =>
    Effect.gen(function* () {
      const span = Tracer.externalSpan({ traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" })
      const failing = Effect.fail(new Error("disk on fire")).pipe(
        Effect.catchCause((cause) => Effect.logError("write", cause))
      )
      const [line] = yield* lines(failing.pipe(Effect.withLogSpan("save"), Effect.withParentSpan(span)))
      assert.match(String(line?.["error"]), /^Error: disk on fire\n/)
      assert.strictEqual(line?.["message"], "write")
      assert.strictEqual(line?.["trace_id"], span.traceId)
      assert.strictEqual(line?.["span_id"], span.spanId)
      assert.strictEqual(line?.["save_ms"], 0)
    })
  )

  it.effect("without spans the trace is that of the client, or absent", () =>
    Effect.gen(function* () {
      const span = Tracer.externalSpan({ traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" })
      const inner = Effect.fn("inner")(() => Effect.logInfo("x"))
      const log = Effect.fn("outer")(() => inner())().pipe(Effect.provideService(References.TracerEnabled, false))
      const [within, without] = yield* lines(Effect.andThen(Effect.withParentSpan(log, span), log))
      assert.deepInclude(within, { trace_id: span.traceId, span_id: span.spanId })
      assert.doesNotHaveAnyKeys(without, ["trace_id", "span_id"])
    })
  )

  it.effect("no text adds a second line, and no annotation replaces a standard key", () =>
    Effect.gen(function* () {
      const forged = 'a\n{"level":"info"}\r\u2028\u0085b'
      const text = yield* written(
        json,
        Effect.logInfo(forged, { level: "none", __proto__x: 1 }).pipe(Effect.annotateLogs(forged, forged))
      )
      assert.strictEqual(text.split(/[\n\r\u2028\u0085]/).length, 2)
      assert.strictEqual(JSON.parse(text).message, forged)
      assert.strictEqual(JSON.parse(text).level, "info")
      assert.strictEqual(JSON.parse(text).level_, "none")
    })
  )

  it.effect("a disabled level writes nothing", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        const sink = yield* LogSink
        assert.isFalse(sink.isEnabled("Debug"))
        assert.isTrue(sink.isEnabled("Error"))
        yield* Effect.logDebug("quiet")
        yield* Effect.logInfo("loud")
      })
      assert.deepStrictEqual(
        (yield* lines(program)).map((line) => line["message"]),
        ["loud"]
      )
      assert.deepStrictEqual(
        yield* lines(program.pipe(Effect.andThen(Effect.logFatal("x"))), { ...json, level: "Error" }).pipe(
          Effect.map((found) => found.map((line) => line["level"]))
        ),
        ["fatal"]
      )
    })
  )
})

describe("no credential passes", () => {
  const jwt = `eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ${canary}.${canary}`
  const places: ReadonlyArray<readonly [string, Effect.Effect<void>]> = [
    ["an annotation", Effect.annotateLogs(Effect.logInfo("x"), "refresh_token", canary)],
    ["an annotation, deep", Effect.annotateLogs(Effect.logInfo("x"), "body", { user: [{ password: canary }] })],
    ["a Redacted annotation", Effect.annotateLogs(Effect.logInfo("x"), "url", Redacted.make(canary))],
    ["a field", Effect.logInfo("x", { authorization: canary })],
    ["a Redacted message", Effect.logInfo("x", Redacted.make(canary))],
    ["a class in the message", Effect.logInfo("x", new Headers({ cookie: canary }))],
    ["a list in the message", Effect.logInfo("x", [{ api_key: canary }])],
    ["a URL in the message", Effect.logInfo(`to postgres://u:${canary}@h/db`)],
    ["a JWT in the message", Effect.logInfo(`got ${jwt}`)],
    ["a JWT as an annotation", Effect.annotateLogs(Effect.logInfo("x"), "request_id", jwt)],
    ["a JWT as a name", Effect.annotateLogs(Effect.logInfo("x"), jwt, 1)],
    ["a JWT as a log span", Effect.withLogSpan(Effect.logInfo("x"), jwt)],
    [
      "an error",
      Effect.catchCause(Effect.fail(new Error(`redis://:${canary}@h`)), (cause) => Effect.logError("x", cause))
    ],
    [
      "the cause of an error",
      Effect.catchCause(Effect.die(new Error("x", { cause: new Error(`token=${canary}`) })), (cause) =>
        Effect.logError("x", cause)
      )
    ],
    ["an error as a message", Effect.logError(new Error(`amqp://u:${canary}@h`))]
  ]
  it.effect.each(places)("in %s", ([, program]) =>
    Effect.gen(function* () {
      for (const settings of [json, pretty]) {
        const text = yield* written(settings, program)
        assert.notInclude(text, canary)
        assert.match(text, /<redacted>|"message":"x \{\}"|x \{\}/)
      }
    })
  )
})

describe("pretty", () => {
  it.effect("a line contains time, level, message and fields", () =>
    Effect.gen(function* () {
      const text = yield* written(
        pretty,
        Effect.annotateLogs(Effect.logInfo("hello"), { route: "/a", note: "two words" })
      )
      assert.strictEqual(text, '1970-01-01T00:00:00.000Z INFO  hello route=/a note="two words"\n')
    })
  )

  it.effect("colours are used only on a terminal", () =>
    Effect.gen(function* () {
      assert.include(yield* written(pretty, Effect.logInfo("x"), true), "\u001b[32mINFO ")
      assert.notInclude(yield* written(pretty, Effect.logInfo("x")), "\u001b")
    })
  )

  it.effect("continuation lines are indented, and control characters are escaped", () =>
    Effect.gen(function* () {
      const text = yield* written(pretty, Effect.logInfo("a\n1970 INFO forged\r\nb\u001b[2J", { k: "c\nd" }))
      assert.deepStrictEqual(text.split("\n"), [
        "1970-01-01T00:00:00.000Z INFO  a",
        "    1970 INFO forged",
        '    b\\x1b[2J k="c\\nd"',
        ""
      ])
    })
  )
})

describe("the console", () => {
  it.effect("an error is written at once, in one write with the lines before it", () =>
    Effect.gen(function* () {
      const { output, writes } = memory()
      yield* Effect.gen(function* () {
        yield* Effect.logInfo("one")
        assert.strictEqual(writes.length, 0)
        yield* Effect.logError("two")
        assert.strictEqual(writes.length, 1)
      }).pipe(Effect.provide(Logs.layer(json, output)))
      assert.strictEqual(writes.length, 1)
    })
  )
})
