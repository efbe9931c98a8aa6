import { assert, describe, it } from "@effect/vitest"
import * as Process from "@user-service/runtime/Process"
import { Console, Effect, Layer, Redacted, References } from "effect"
import { SqlError } from "effect/sql"

const identity = { service: "test", version: "0", portVariable: "PORT" }
// No line of the log: what standard error gets does not depend on it.
const telemetry = () => Layer.succeed(References.MinimumLogLevel, "None" as const)

const secret = "s3cret-that-nobody-may-see"

/** What standard error has got when the program has ended. */
const errorsOf = <E>(program: () => Layer.Layer<never, E>, read: Effect.Effect<void> = Effect.void) =>
  Effect.gen(function* () {
    const errors: Array<string> = []
    const console = { ...globalThis.console, error: (text: string) => void errors.push(text) }
    const exit = yield* Process.launch({ identity, read, telemetry, program }).pipe(
      Effect.provideService(Console.Console, console),
      Effect.exit
    )
    assert.strictEqual(exit._tag, "Failure")
    return errors
  })

const thrown = (): never => {
  throw new TypeError("Invalid URL")
}

const isDefectReport = (errors: ReadonlyArray<string>) => {
  assert.lengthOf(errors, 1)
  assert.match(
    errors[0] ?? "",
    /^The program cannot start, because of a defect in it: Invalid URL\nTypeError: Invalid URL\n +at /
  )
}

describe("a program that ends before it runs says why on standard error, whatever the level of the log", () => {
  it.effect("where putting its layers together throws", () => Effect.map(errorsOf(thrown), isDefectReport))

  it.effect("where building one of them throws", () =>
    Effect.map(
      errorsOf(() => Layer.effectDiscard(Effect.sync(thrown))),
      isDefectReport
    )
  )

  it.effect("where reading its settings throws", () =>
    Effect.map(
      errorsOf(() => Layer.empty, Effect.sync(thrown)),
      isDefectReport
    )
  )

  it.effect("a defect's cause is shown without a credential in it", () =>
    Effect.gen(function* () {
      const cause = new Error(`no answer from redis://:${secret}@cache`)
      const url = Redacted.make(`redis://:${secret}@cache`)
      const [text = ""] = yield* errorsOf(() => Layer.effectDiscard(Effect.die(new Error(`at ${url}`, { cause }))))
      assert.include(text, "because of a defect in it: no answer from redis://:<redacted>@cache\n")
      assert.notInclude(text, secret)
    })
  )

  it.effect("an error of the database is no defect, though it ends the program as one", () =>
    Effect.gen(function* () {
      const reason = new SqlError.UnknownError({ cause: { message: "permission denied" }, message: "Query failed" })
      const errors = yield* errorsOf(() => Layer.effectDiscard(Effect.die(new SqlError.SqlError({ reason }))))
      assert.deepStrictEqual(errors, ["The database refuses: permission denied"])
    })
  )
})
