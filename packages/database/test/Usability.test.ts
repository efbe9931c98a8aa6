import { assert, describe, it } from "@effect/vitest"
import * as Usability from "@user-service/database/Usability"
import { Duration, Effect, Exit, Logger } from "effect"
import { SqlError } from "effect/sql"
import { TestClock } from "effect/testing"

const refused = (code: string) => {
  const cause = Object.assign(new Error("refused"), { code })
  return new SqlError.SqlError({ reason: new SqlError.UnknownError({ cause, message: "Query failed" }) })
}

const works = Effect.succeed(Duration.millis(1))

const unavailable = Exit.fail(Usability.unavailable)

/** What is logged meanwhile. */
const logged = Effect.fnUntraced(function* <A, E>(effect: Effect.Effect<A, E>) {
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => void lines.push(String(Array.isArray(message) ? message[0] : message)))
  const exit = yield* Effect.exit(Effect.provide(effect, Logger.layer([logger])))
  return { exit, lines }
})

describe("the database probe", () => {
  it.effect("fails as long as the statement is refused, and logs the reason once", () =>
    Effect.gen(function* () {
      const { probe } = Usability.make()
      const first = yield* logged(probe(Effect.fail(refused("42P01"))))
      assert.deepStrictEqual(first, {
        exit: unavailable,
        lines: ["The database answers, but cannot be used: refused (42P01)"]
      })
      assert.deepStrictEqual(yield* logged(probe(Effect.fail(refused("42P01")))), { exit: unavailable, lines: [] })
      assert.isTrue(Exit.isSuccess((yield* logged(probe(works))).exit))
      assert.lengthOf((yield* logged(probe(Effect.fail(refused("42P01"))))).lines, 1)
    })
  )

  it.effect("fails for 30 seconds after a prepared statement was lost, and after no other failure", () =>
    Effect.gen(function* () {
      const { note, probe } = Usability.make()
      for (const code of ["23505", "22P02", "42601"]) yield* note(refused(code))
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(probe(works))))
      for (const code of ["26000", "42P05", "25P02"]) {
        yield* note(refused(code))
        assert.deepStrictEqual(yield* Effect.exit(probe(works)), unavailable)
        yield* TestClock.adjust("30 seconds")
        assert.isTrue(Exit.isSuccess(yield* Effect.exit(probe(works))))
      }
    })
  )
})
