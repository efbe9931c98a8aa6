import { assert, describe, it } from "@effect/vitest"
import { describe as describeFailure, oneLine } from "@user-service/cli/Failure"
import { Data } from "effect"
import { Migrator, SqlError } from "effect/sql"

class Refused extends Data.TaggedError("Refused")<{ readonly message: string }> {}

const sqlError = (cause: unknown) =>
  new SqlError.SqlError({ reason: new SqlError.UnknownError({ cause, message: "Query failed" }) })

describe("describe", () => {
  it("returns the message of an error in one line", () => {
    assert.strictEqual(
      describeFailure(new Refused({ message: "Not here:\n  - and not now\n" })),
      "Not here: - and not now"
    )
  })

  it("names a failed migration with the reason", () => {
    const error = new Migrator.MigrationError({
      kind: "Failed",
      message: `Migration "1_users" failed`,
      cause: sqlError({ message: "permission denied for schema public" })
    })
    assert.strictEqual(describeFailure(error), `Migration "1_users" failed: permission denied for schema public`)
  })
})

describe("oneLine", () => {
  it("removes every control character", () => {
    assert.strictEqual(oneLine(" a \r\n\tb\u001b[2Kc\u0000d\u0085e "), "a b [2Kc d e")
  })

  it("removes every character that changes the order of the text", () => {
    assert.strictEqual(oneLine("a\u202eb\u2066c\u2028d"), "a b c d")
  })
})
